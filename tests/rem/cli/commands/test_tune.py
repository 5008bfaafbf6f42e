import shutil

import pytest

from rem.cli.commands.tune import draw, parse_sizes, set_memory
from rem.core.errors import InputError
from rem.costs.sizes import Trial
from rem.definition import STAGES_FILE, load_stages


@pytest.mark.parametrize("text", ["", "a,b", "1769,", "64", "20000"])
def test_sizes_that_lambda_has_not_are_refused(text):
    with pytest.raises(InputError):
        parse_sizes(text)


def test_applying_changes_one_number_and_nothing_else(tmp_path):
    copy = shutil.copy(STAGES_FILE, tmp_path / "stages.yaml")
    set_memory(copy, "diarize", 4096)
    before, after = STAGES_FILE.read_text().splitlines(), copy.read_text().splitlines()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert [b for _, b in changed] == ["  memory_mb: 4096"]
    assert load_stages(copy)["diarize"].memory_mb == 4096


def test_the_plot_is_a_png(tmp_path):
    draw(
        "diarize", [Trial(1769, 10.0, 10.0, 900), Trial(3538, 6.0, 10.0, 900)], 1e-5, tmp_path / "a" / "t.png"
    )
    assert (tmp_path / "a" / "t.png").read_bytes().startswith(b"\x89PNG")
