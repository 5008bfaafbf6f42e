"""The plain script that REM is compared with: `python -m benchmarks.plain FILE`.

It runs the same models in one process, one after the other, and prints a JSON line with the seconds of each
step.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
import warnings
from pathlib import Path

from functions.diarize.pyannote_import import import_torchaudio
from rem.adapters.models import DEMO_DIR


def main(
    path: str, whisper: Path = DEMO_DIR / "whisper", diarization: Path = DEMO_DIR / "diarization"
) -> None:
    warnings.simplefilter("ignore")
    marks = [("start", time.monotonic())]
    from faster_whisper import WhisperModel, decode_audio

    model = WhisperModel(str(whisper), device="cpu", compute_type="int8", cpu_threads=1)
    samples = decode_audio(path)
    marks.append(("load_whisper", time.monotonic()))
    segments, _ = model.transcribe(
        samples,
        language="en",
        beam_size=5,
        temperature=0.0,
        vad_filter=True,
        word_timestamps=True,
        condition_on_previous_text=False,
    )
    words = [word for segment in segments for word in segment.words or []]
    marks.append(("transcribe", time.monotonic()))
    os.environ |= {"PYANNOTE_METRICS_ENABLED": "0", "HF_HUB_OFFLINE": "1"}
    import_torchaudio()
    import torch
    from pyannote.audio import Pipeline

    torch.set_num_threads(1)
    pipeline = Pipeline.from_pretrained(diarization)
    marks.append(("load_pyannote", time.monotonic()))

    output = pipeline({"waveform": torch.from_numpy(samples)[None], "sample_rate": 16_000, "uri": "plain"})
    turns = list(output.exclusive_speaker_diarization.itertracks(yield_label=True))
    marks.append(("diarize", time.monotonic()))
    steps = {name: round(at - before, 3) for (_, before), (name, at) in itertools.pairwise(marks)}
    print(json.dumps({"words": len(words), "turns": len(turns), "seconds": steps}))


if __name__ == "__main__":
    main(sys.argv[1])
