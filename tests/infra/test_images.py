"""Dockerfiles and lock files, read as text: what stands in them, and that they fit the project."""

import re

import pytest

from infra.images import build_images
from infra.lock import leave_out, read_versions
from rem.definition import ROOT, load_stages

NAMES = sorted({stage.image for stage in load_stages().values()})
FOLDERS = {name: ROOT / "functions" / name for name in NAMES}


def read_locked(name):
    text = (FOLDERS[name] / "requirements.txt").read_text()
    return dict(re.findall(r"(?m)^([A-Za-z0-9_.-]+)==([^\s;\\]+)", text))


@pytest.mark.parametrize("name", NAMES)
def test_locked_versions_are_those_that_the_tests_ran_with(name):
    ours = dict(requirement.lower().replace("_", "-").split("==") for requirement in read_versions())
    locked = read_locked(name)
    assert locked
    for package, version in locked.items():
        assert ours.get(package.lower(), version) == version, package


@pytest.mark.parametrize("name", NAMES)
def test_every_requirement_is_locked_with_its_hashes(name):
    asked = (FOLDERS[name] / "requirements.in").read_text().lower().replace(".", "-").split()
    assert set(asked) <= {package.lower() for package in read_locked(name)}
    text = (FOLDERS[name] / "requirements.txt").read_text()
    assert all("--hash=sha256:" in part for part in re.split(r"(?m)^(?=[a-zA-Z])", text) if part.strip())
    assert "://" not in text


def test_whisper_has_no_torch_and_diarization_no_whisper():
    assert not {"torch", "torchaudio", "pyannote-audio"} & read_locked("transcribe").keys()
    assert not {"faster-whisper", "ctranslate2"} & read_locked("diarize").keys()


def test_cuda_packages_are_left_out_with_their_hashes():
    kept, dropped = "numpy==1 \\\n    --hash=sha256:a\n", "nvidia-cublas==2 ; x \\\n    --hash=sha256:b\n"
    assert leave_out(kept + dropped + "torch==3\ntorchmetrics==4\n") == kept + "torchmetrics==4\n"


@pytest.mark.parametrize("name", NAMES)
def test_an_image_copies_its_stage_and_no_other(name):
    image = next(image for image in build_images() if image.name == name)
    sources = [source.as_posix() for source in image.find_sources()]
    handlers = {stage.handler.rsplit(".", 1)[0] for stage in load_stages().values() if stage.image == name}
    assert {handler.replace(".", "/") + ".py" for handler in handlers} <= set(sources)
    others = [f"functions/{other}/" for other in NAMES if other != name]
    allowed = ("functions/enrich/recipes/",) if name == "assemble" else ()
    assert [s for s in sources if s.startswith(tuple(others)) and not s.startswith(allowed)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_image_is_built_in_stages_on_awss_base_and_code_comes_last(name):
    text = (FOLDERS[name] / "Dockerfile").read_text()
    assert text.count("FROM public.ecr.aws/lambda/python:${PYTHON}") == 2
    last = text[text.rindex("FROM ") :]
    assert last.index("/opt/python /opt/python") < last.index("COPY rem ")
    assert "--require-hashes" in text
    command = re.search(r'CMD \["(.+)"\]', text)
    assert command is not None
    assert command[1] in {stage.handler for stage in load_stages().values() if stage.image == name}


@pytest.mark.parametrize("name", ["transcribe", "diarize"])
def test_models_are_baked_in_and_nothing_is_asked_for_at_run_time(name):
    text = (FOLDERS[name] / "Dockerfile").read_text()
    assert "COPY --from=model /opt/models /opt/models" in text
    assert "HF_HUB_OFFLINE=1" in text
    assert "DO_NOT_TRACK=1" in text
    assert not re.search(r"(ARG|ENV) .*TOKEN", text)
