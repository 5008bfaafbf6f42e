"""Pipeline folders as people have them; loading one for real is marked `models`."""

import shutil

import numpy as np
import pytest
import yaml

from functions.diarize.diarizer import PyannoteDiarizer
from functions.diarize.pipeline_folder import load_pipeline
from rem.adapters.models import DEMO_DIR
from rem.core.errors import SetupError

DEMO = DEMO_DIR / "diarization"


def change(folder, **parameters):
    """A copy of the demo pipeline with other constructor arguments; None leaves one out."""
    shutil.copytree(DEMO, folder)
    document = yaml.safe_load((folder / "config.yaml").read_text())
    merged = {**document["pipeline"]["params"], **parameters}
    document["pipeline"]["params"] = {name: value for name, value in merged.items() if value is not None}
    if merged["clustering"] == "AgglomerativeClustering":
        document["params"]["clustering"] = {"method": "centroid", "min_cluster_size": 3, "threshold": 0.7}
    (folder / "config.yaml").write_text(yaml.safe_dump(document))
    return folder


def test_a_folder_that_is_not_there_is_a_wrong_path(tmp_path):
    with pytest.raises(SetupError, match=r"there is no folder .*gone: check the path"):
        load_pipeline(tmp_path / "gone")


def test_a_folder_of_something_else_lacks_its_configuration(tmp_path):
    with pytest.raises(SetupError, match=r"a pyannote folder has a config\.yaml"):
        load_pipeline(tmp_path)


@pytest.mark.parametrize("text", ["[1, 2", "just words", "pipeline: {}"])
def test_a_configuration_of_something_else_is_named(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(SetupError, match=r"config\.yaml is no configuration of a pyannote pipeline"):
        load_pipeline(tmp_path)


def test_a_clustering_that_needs_a_plda_says_so(tmp_path):
    folder = change(tmp_path / "vbx", plda=None, clustering="VBxClustering")
    with pytest.raises(SetupError, match=r"has no `plda:`, which VBxClustering needs"):
        load_pipeline(folder)


def test_a_model_that_only_the_hub_has_is_named(tmp_path):
    folder = change(
        tmp_path / "hub",
        plda=None,
        clustering="AgglomerativeClustering",
        segmentation="pyannote/segmentation-3.0",
    )
    with pytest.raises(
        SetupError, match=r"names pyannote/segmentation-3\.0 as its segmentation, which is not in the folder"
    ):
        load_pipeline(folder)


@pytest.mark.models
def test_a_pipeline_without_plda_is_loaded_where_its_clustering_needs_none(tmp_path):
    folder = change(tmp_path / "pyannote", plda=None, clustering="AgglomerativeClustering")
    shutil.rmtree(folder / "plda")
    diarizer = PyannoteDiarizer(folder, threads=1)
    noise = np.random.default_rng(0).standard_normal(16_000 * 6).astype(np.float32) * 0.1
    windows = 1 + (len(noise) - diarizer.window_samples) // diarizer.hop_samples
    segmentations, embeddings = diarizer.measure_windows(noise, windows, lambda share: None)
    assert len(segmentations) == len(embeddings) == windows
