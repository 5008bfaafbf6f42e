"""The packed demo pipeline: `python -m models.training.diarization.pack`, after segmentation, embedding, plda.

It writes models/demo/diarization, a folder for pyannote's `Pipeline.from_pretrained`.
"""

from __future__ import annotations

import torch
import yaml

from models.training.diarization.checkpoints import BUILD, SHIPPED, build_embedding, build_segmentation, save

CONFIG = {
    "dependencies": {"pyannote.audio": "4.0.0"},
    "pipeline": {
        "name": "pyannote.audio.pipelines.SpeakerDiarization",
        "params": {
            "segmentation": "$model/segmentation",
            "segmentation_step": 0.2,
            "segmentation_batch_size": 8,
            "embedding": "$model/embedding",
            "embedding_batch_size": 1,
            "embedding_exclude_overlap": True,
            "plda": "$model/plda",
            "clustering": "VBxClustering",
        },
    },
    "params": {
        "segmentation": {"min_duration_off": 0.0},
        "clustering": {"threshold": 0.6, "Fa": 0.07, "Fb": 0.8},
    },
}


def main() -> None:
    for name, build in (("segmentation", build_segmentation), ("embedding", build_embedding)):
        model = build()
        model.load_state_dict(torch.load(BUILD / f"{name}.pt"))
        save(model, SHIPPED / name / "pytorch_model.bin")
    (SHIPPED / "config.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))


if __name__ == "__main__":
    main()
