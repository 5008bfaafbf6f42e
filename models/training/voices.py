"""Voices for training, and held-out voices that no model has heard."""

from __future__ import annotations

import random

from models.training.speech import Voice

# These are espeak-ng's voiced variants; whispering, croaking and the like are left out.
VARIANTS = [
    "f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8",
    "Alex", "Alicia", "Andrea", "Andy", "Annie", "David", "Denis", "Diogo", "Gene", "Gene2", "Henrique",
    "Hugo", "Jacky", "Lee", "Mario", "Michael", "Mike", "Nguyen", "RicishayMax", "RicishayMax2",
    "RicishayMax3", "Storm", "Tweaky", "adam", "anika", "aunty", "belinda", "benjamin", "boris", "caleb",
    "david", "ed", "edward", "edward2", "grandma", "grandpa", "iven", "iven2", "iven3", "iven4", "john",
    "kaukovalta", "klatt", "klatt2", "klatt3", "klatt4", "klatt5", "linda", "marcelo", "max", "michel",
    "miguel", "norbert", "pablo", "paul", "pedro", "quincy", "rob", "robert", "sandro", "shelby", "steph",
    "steph2", "steph3", "travis", "victor", "zac",
]  # fmt: skip
HELD_OUT_VARIANTS = [
    "f3",
    "m2",
    "m6",
    "f5",
    "anika",
    "adam",
    "steph2",
    "linda",
    "paul",
    "Mike",
    "belinda",
    "ed",
]
ACCENTS = ["en-us", "gmw/en", "gmw/en-GB-x-rp", "gmw/en-GB-scotland", "gmw/en-US-nyc"]
FLITE_F0_HZ = {"slt": 180, "rms": 100, "awb": 130, "kal16": 105}
FLITE_OWN = [Voice("flite", name, 1.0, 0, 1.0) for name in FLITE_F0_HZ]


def training_voices(seed: int = 11) -> list[Voice]:
    """List about 250 voices: each allowed variant with three settings, and flite's voices varied."""
    rng = random.Random(seed)
    voices = list(FLITE_OWN)
    for variant in [v for v in VARIANTS if v not in HELD_OUT_VARIANTS]:
        for _ in range(3):
            name = f"{rng.choice(ACCENTS)}+{variant}"
            tract = round(rng.uniform(0.88, 1.14), 3)
            voices.append(Voice("espeak", name, tract, rng.randint(20, 80), rng.randint(135, 190)))
    for name, f0_hz in FLITE_F0_HZ.items():
        for _ in range(10):
            tract = round(rng.uniform(0.88, 1.15), 3)
            f0 = round(f0_hz * rng.uniform(0.8, 1.3))
            voices.append(Voice("flite", name, tract, f0, round(rng.uniform(0.88, 1.18), 2)))
    return voices


def held_out_voices(seed: int = 12) -> list[Voice]:
    """List each held-out variant twice: with its own formants, and with a moderately changed tract."""
    rng = random.Random(seed)
    voices = []
    for variant in HELD_OUT_VARIANTS:
        for tract in (1.0, round(rng.uniform(0.93, 1.08), 3)):
            name = f"{rng.choice(ACCENTS[:2])}+{variant}"
            voices.append(Voice("espeak", name, tract, rng.randint(30, 70), rng.randint(140, 180)))
    return voices
