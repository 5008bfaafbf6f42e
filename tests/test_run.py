"""`rem run` and `rem demo` as a person calls them: real processes, real state machine, demo models."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import numpy as np
import psutil
import pysubs2
import pytest
import webvtt

from tests.functions.sounds import HZ, break_sizes, encode, tone, write_video_without_sound, write_wav

pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.timeout(1200)]
LIMIT_S = 900  # against hanging only: a busy machine may take its time
ROOT = Path(__file__).parents[1]
REM = [sys.executable, "-c", "from rem.cli.main import main; main()"]
DEMO_MODELS = ["--whisper", "demo", "--diarization", "demo"]


def rem(*arguments, cwd=ROOT, **environment):
    """No network: a proxy that does not exist stands in for it."""
    environ = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    environ |= {"NO_PROXY": "127.0.0.1,localhost", **environment}
    command = [*REM, *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Every bad input of the field beside a good one."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(5)
    demo = ROOT / "models" / "demo" / "standup.wav"
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("Dear diary, nobody said anything today.\n" * 200)
    (folder / "truncated.wav").write_bytes(demo.read_bytes()[: 44 + 2 * HZ * 12])
    for name, size in (("size0.wav", 0), ("sizef.wav", 0xFFFFFFFF)):
        break_sizes(Path(shutil.copy(folder / "truncated.wav", folder / name)), size)
    write_video_without_sound(folder / "mute.mp4")
    write_wav(folder / "blink.wav", tone(0.1))
    speech = np.frombuffer(demo.read_bytes()[44:], np.int16)[: 12 * HZ]
    encode(folder / "phone.wav", np.ascontiguousarray(speech[::2]), "pcm_mulaw", 8_000)
    write_wav(folder / "silence.wav", np.zeros(600 * HZ, np.int16))
    write_wav(folder / "noise.wav", (rng.standard_normal(600 * HZ) * 3000).astype(np.int16))
    return folder


@pytest.fixture(scope="module")
def outcome(inputs, tmp_path_factory):
    """All of them in one run, with a file that is not there, and a folder that holds nothing."""
    out = tmp_path_factory.mktemp("out")
    nothing = tmp_path_factory.mktemp("nothing")
    (nothing / "notes.txt").write_text("no sound here")
    unreadable = Path(
        "/proc/self/mem"
    )  # its permissions allow reading, the kernel does not: so even for root
    names = ["empty", "text", "truncated", "size0", "sizef", "blink", "phone", "silence", "noise"]
    files = [
        *(inputs / f"{name}.wav" for name in names),
        inputs / "mute.mp4",
        inputs / "missing.wav",
        nothing,
        unreadable,
    ]
    answer = rem("run", *files, *DEMO_MODELS, "--language", "en", "--out", out, "--json")
    document = json.loads(answer.stdout)
    by_name = {Path(entry["file"]).name: entry for entry in document["recordings"]}
    return SimpleNamespace(answer=answer, by_name=by_name, out=out, nothing=nothing.name)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("empty.wav", "it is no recording: it is empty"),
        ("text.wav", "it is no recording: it is text"),
        ("mute.mp4", "no audio track"),
        ("missing.wav", "there is no such file"),
        ("mem", "it cannot be read"),
    ],
)
def test_bad_input_ends_in_one_sentence(outcome, name, sentence):
    entry = outcome.by_name[name]
    assert entry["status"] == "FAILED"
    assert entry["error"] == "InputError"
    assert sentence in entry["message"]
    assert "\n" not in entry["message"]


def test_a_folder_with_nothing_usable_says_so(outcome):
    assert "the folder holds no recordings" in outcome.by_name[outcome.nothing]["message"]


def test_bad_files_do_not_stop_the_good_ones_and_the_exit_code_tells(outcome):
    assert outcome.answer.returncode == 2
    for name in ("truncated.wav", "size0.wav", "sizef.wav", "phone.wav", "blink.wav"):
        assert outcome.by_name[name]["status"] == "SUCCEEDED"


@pytest.mark.parametrize("name", ["silence.wav", "noise.wav", "blink.wav"])
def test_no_speech_is_an_empty_transcript(outcome, name):
    transcript = outcome.by_name[name]["transcript"]
    assert (transcript["segments"], transcript["fullText"], transcript["speakerCount"]) == ([], "", 0)


def test_broken_sizes_lose_no_word(outcome):
    texts = {
        outcome.by_name[name]["transcript"]["fullText"]
        for name in ("truncated.wav", "size0.wav", "sizef.wav")
    }
    assert len(texts) == 1
    assert "Good morning" in texts.pop()


def test_telephone_sound_is_understood(outcome):
    assert "morning" in outcome.by_name["phone.wav"]["transcript"]["fullText"]


def test_documents_are_valid_and_say_the_same(outcome):
    entry = outcome.by_name["truncated.wav"]
    schema = json.loads((ROOT / "docs" / "transcript.schema.json").read_text())
    jsonschema.validate(entry["transcript"], schema)
    files = entry["files"]
    assert json.loads(Path(files["json"]).read_text()) == entry["transcript"]
    assert len(pysubs2.load(files["srt"])) == len(webvtt.read(files["vtt"])) > 0
    assert "Good morning" in Path(files["txt"]).read_text()
    assert Path(files["md"]).read_text().startswith("# ")


def test_demo_understands_itself_offline_and_prints_its_figures(tmp_path):
    server = {"OPENAI_API_KEY": "sk-nobody-asks", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    answer = rem("demo", "--out", tmp_path, **server)
    assert answer.returncode == 0, answer.stderr
    assert "nothing was sent" in answer.stdout
    assert "word error rate" in answer.stdout
    assert "3 of 3 speakers" in answer.stdout
    assert (tmp_path / "standup.srt").exists()


@pytest.fixture
def long_talk(tmp_path):
    """Half an hour of speech: minutes of work, so that an interrupt always comes before its end."""
    speech = np.frombuffer((ROOT / "models" / "demo" / "standup.wav").read_bytes()[44:], np.int16)
    return write_wav(tmp_path / "talk.wav", np.tile(speech, 1800 * HZ // len(speech)))


def test_interrupt_leaves_no_process_behind(long_talk):
    command = [*REM, "run", str(long_talk), *DEMO_MODELS, "--out", str(long_talk.parent / "out")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    program = psutil.Process(process.pid)
    while len(children := program.children()) < 3:
        assert process.poll() is None, "it ended before it was interrupted"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=LIMIT_S) == 130
    _, alive = psutil.wait_procs(children, timeout=LIMIT_S)
    assert alive == []


def test_missing_model_without_a_network_says_what_to_do(tmp_path):
    models = {"REM_MODELS": str(tmp_path / "models"), "HF_HUB_DISABLE_XET": "1"}
    sound = write_wav(tmp_path / "a.wav", tone(0.5))
    answer = rem("run", sound, "--whisper", "base.en", "--diarization", "demo", cwd=tmp_path, **models)
    assert answer.returncode == 2
    assert "base.en" in answer.stderr
    assert "copy the model's folder" in " ".join(answer.stderr.split())


def test_gated_model_without_a_token_explains_how_to_get_one(tmp_path):
    sound = write_wav(tmp_path / "a.wav", tone(0.5))
    models = {"REM_MODELS": str(tmp_path / "models"), "HF_TOKEN": ""}
    command = ("run", sound, "--whisper", "demo", "--diarization", "community-1")
    answer = rem(*command, cwd=tmp_path, **models)
    assert answer.returncode == 2
    assert "HF_TOKEN" in answer.stderr
    assert "accept the conditions" in " ".join(answer.stderr.split())


def test_unknown_model_names_the_known_ones(tmp_path):
    sound = write_wav(tmp_path / "a.wav", tone(0.5))
    answer = rem("run", sound, "--whisper", "gigantic", "--diarization", "demo", cwd=tmp_path)
    assert answer.returncode == 2
    assert "base.en" in answer.stderr


def test_folder_that_cannot_be_written_is_found_out_before_the_work(tmp_path):
    sound = write_wav(tmp_path / "a.wav", tone(0.5))
    (tmp_path / "file").touch()
    answer = rem("run", sound, *DEMO_MODELS, "--out", tmp_path / "file" / "out")
    assert answer.returncode == 2
    assert "nothing can be written" in answer.stderr


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("klingon", "'klingon' is no language that Whisper knows: did you mean"), ("deutsch", "English only")],
)
def test_a_language_that_cannot_be_heard_is_refused_before_the_work(tmp_path, language, sentence):
    sound = write_wav(tmp_path / "a.wav", tone(0.5))
    for command in (("run", sound, "--out", tmp_path / "out"), ("up", "--data", tmp_path / "data")):
        answer = rem(*command, *DEMO_MODELS, "--language", language, cwd=tmp_path)
        assert answer.returncode == 2
        assert sentence in " ".join(answer.stderr.split())
    assert not (tmp_path / "out").exists()
