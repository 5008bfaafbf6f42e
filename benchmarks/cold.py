"""Cold starts of each function: `python -m benchmarks.cold`.

A new process measures the processor seconds and resident memory of importing a handler and loading its model.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from benchmarks.transcription import RESULTS
from rem.adapters.models import DEMO_DIR
from rem.definition import load_stages

MEASURE = """
import json, sys, time
started_s = time.process_time()
module = __import__(sys.argv[1], fromlist=["handler"])
imported_s = time.process_time()
load = getattr(module, "load_model", None) or getattr(module, "warm_up", None)
if load:
    load()
loaded_s = time.process_time()
from rem.stage.work import peak_memory_mb
heavy = [name for name in ("torch", "ctranslate2", "onnxruntime", "boto3") if name in sys.modules]
print(json.dumps({"import_s": imported_s - started_s, "load_s": loaded_s - imported_s,
                  "mb": peak_memory_mb(), "heavy": heavy}))
"""


def measure(stage: str) -> dict[str, object]:
    config = load_stages()[stage]
    models = {"whisper_model": DEMO_DIR / "whisper", "diarization_model": DEMO_DIR / "diarization"}
    environment = {**os.environ, "REM_BUCKET": "bucket", "REM_TABLE": "table", **config.environment(models)}
    module = config.handler.rpartition(".")[0]
    command = [sys.executable, "-W", "ignore", "-c", MEASURE, module]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    result: dict[str, object] = json.loads(answer.stdout.splitlines()[-1])
    return {"stage": stage, **result}


def main() -> None:
    rows = [measure(stage) for stage in load_stages()]
    for row in rows:
        print(row)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "cold.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
