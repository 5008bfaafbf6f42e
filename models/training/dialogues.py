"""The demo recording and the three held-out dialogues: fixed scripts, written before any model existed.

`python -m models.training.dialogues` renders them to models/demo/ and tests/data/. Training never hears a
slot-filled sentence of theirs. The demo may use voices and fixed phrases of training, the held-out dialogues
use neither.
"""

from __future__ import annotations

import json
import random
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.training.grammar import TEMPLATES, normalise, sentence
from models.training.speech import SAMPLE_RATE_HZ, Voice, say

ROOT = Path(__file__).resolve().parents[2]
LOUDNESS = 0.07  # RMS of each sentence; full scale is 1
NOISE = 2e-4  # RMS of the room


@dataclass(frozen=True)
class Dialogue:
    target: str
    voices: dict[str, Voice]
    lines: list[tuple[str, str]]  # speaker, sentences separated by |


DEMO = Dialogue(
    "models/demo/standup",
    {
        "Anna": Voice("flite", "slt", 1.0, 0, 1.0),
        "Ben": Voice("flite", "rms", 1.0, 0, 1.0),
        "David": Voice("flite", "awb", 1.0, 0, 1.0),
    },
    [
        ("Anna", "Good morning everyone.|Let us start the meeting.|Ben, what did you do yesterday?"),
        ("Ben", "Yesterday I fixed the database."),
        ("Ben", "Today I will test the new battery.|I have a problem, the printer is out of paper."),
        ("Anna", "Thanks Ben, that was very helpful.|David, what is your update?"),
        ("David", "Yesterday I was reviewing the contract.|I am still writing the test plan."),
        ("David", "It will take about three hours."),
        ("Anna", "Sounds good.|Can you send the invoice before Friday?"),
        ("David", "Sure, I can do that on Thursday at ten thirty."),
        ("Anna", "The deadline is on Friday.|Is there anything else?"),
        (
            "Ben",
            "Please remind me to call the doctor tomorrow at nine.|I have to go to the bank after lunch.",
        ),
        ("David", "We are out of coffee.|Please buy milk, bread and coffee."),
        ("Ben", "Okay, I will do that this afternoon."),
        (
            "Anna",
            "The next meeting is on Monday at half past nine.|Do not forget to book a table for dinner.",
        ),
        ("David", "Yes, of course."),
        ("Anna", "No, that is all for today.|Thank you everyone.|Have a nice day."),
    ],
)
HELD_OUT = [
    Dialogue(
        "tests/data/heldout-1",
        {
            "A": Voice("espeak", "en-us+f3", 1.0, 60, 155),
            "B": Voice("espeak", "en-us+m2", 1.0, 38, 160),
        },
        [
            ("A", "Good morning Oscar.|What are you doing before Tuesday?"),
            ("B", "Today I am testing the microphone.|I will update the website on Wednesday at noon."),
            ("A", "Could you please check the budget after lunch?|The meeting is on Thursday at four."),
            ("B", "Sure, I can do that before Thursday.|I need about twelve minutes."),
            ("A", "Remind me to water the plants tomorrow at six.|We need rice and onions."),
            ("B", "Add butter and cheese to the list.|The bakery closes at half past five."),
            ("A", "Can you drive me to the station tonight?|The train leaves at seven thirty."),
            ("B", "Meet me at the library at six.|See you next week."),
            ("A", "Thank you Oscar."),
        ],
    ),
    Dialogue(
        "tests/data/heldout-2",
        {
            "A": Voice("espeak", "gmw/en+m6", 1.0, 40, 150),
            "B": Voice("espeak", "gmw/en+f5", 1.0, 62, 160),
            "C": Voice("espeak", "en-us+adam", 1.0, 55, 165),
        },
        [
            ("A", "Let us begin with Nora.|Nora, can you print the contract?"),
            ("B", "Yesterday I was updating the schedule.|I will send the invoice tomorrow at three."),
            ("A", "We should fix the server first.|Oscar will review the design on Saturday."),
            ("C", "I finished the report and the budget.|There is one problem, the numbers are wrong."),
            ("B", "I can help you with the database.|It will take about eight hours."),
            ("C", "Tell Emma that the tests are slow.|I will be at the airport on Sunday."),
            ("A", "The next meeting is on Wednesday at eleven.|We meet tonight at the library."),
            ("B", "Do not forget to return the books before Monday.|Call my sister this morning."),
            ("C", "Please buy eggs, sugar and tea.|Frank called five minutes ago."),
            ("A", "Thank you Nora.|See you on Tuesday."),
        ],
    ),
    Dialogue(
        "tests/data/heldout-3",
        {
            "A": Voice("espeak", "en-us+anika", 1.0, 58, 160),
            "B": Voice("espeak", "en-us+paul", 1.0, 40, 150),
        },
        [
            ("B", "Hello Sarah, how are you?|The package arrives this morning."),
            ("A", "I talked to the plumber yesterday.|Who can pick up the package after lunch?"),
            ("B", "I have to wash the car this afternoon.|On the way home I will stop at the market."),
            ("A", "Buy tomatoes and cheese.|I want to feed the cat and order a cake."),
            ("B", "Ask Martin about the test plan.|Paul is on vacation until Wednesday."),
            ("A", "We have four days left.|Please update the website next week."),
            ("B", "Set an alarm for half past six.|The garage opens at eight thirty."),
            ("A", "Could you pay the rent before Friday?|I bought apples, butter and bread."),
            ("B", "Thanks Sarah, that was very helpful.|See you tonight."),
        ],
    ),
]
FIXED = {normalise(template) for template in TEMPLATES if "{" not in template}


def reserved_sentences() -> set[str]:
    """List normalised sentences that training must not contain; the demo's fixed phrases may stay."""
    spoken = [s for d in [DEMO, *HELD_OUT] for _, line in d.lines for s in line.split("|")]
    return {normalise(sentence) for sentence in spoken} - FIXED


def invent(target: str, voices: list[Voice], turns: int, rng: random.Random) -> Dialogue:
    """Invent a dialogue for measurements: random sentences, one to three a turn, nobody twice in a row."""
    names = {chr(ord("A") + i): voice for i, voice in enumerate(voices)}
    lines: list[tuple[str, str]] = []
    while len(lines) < turns:
        speaker = rng.choice([name for name in names if not lines or name != lines[-1][0] or len(names) == 1])
        lines.append((speaker, "|".join(sentence(rng) for _ in range(rng.choice([1, 2, 2, 3])))))
    return Dialogue(target, names, lines)


def render(dialogue: Dialogue, seed: int) -> None:
    """Write TARGET.wav (16 kHz mono PCM16) and TARGET.json (segments with words, seconds)."""
    rng = random.Random(seed)
    parts, segments = [np.zeros(int(0.5 * SAMPLE_RATE_HZ), np.float32)], []
    position, previous = len(parts[0]), None
    for speaker, line in dialogue.lines:
        for text in line.split("|"):
            if segments:
                gap_s = rng.uniform(0.3, 0.5) if speaker == previous else rng.uniform(0.45, 0.8)
                parts.append(np.zeros(int(gap_s * SAMPLE_RATE_HZ), np.float32))
                position += len(parts[-1])
            pcm, words = say(text, dialogue.voices[speaker])
            sound = pcm.astype(np.float32)
            parts.append(sound * LOUDNESS / np.sqrt((sound**2).mean()))
            at_s = position / SAMPLE_RATE_HZ
            timed = [{"text": w, "start": round(at_s + s, 3), "end": round(at_s + e, 3)} for w, s, e in words]
            segments.append(
                {
                    "speaker": speaker,
                    "start": timed[0]["start"],
                    "end": timed[-1]["end"],
                    "text": text,
                    "words": timed,
                }
            )
            position += len(sound)
            previous = speaker
    parts.append(np.zeros(int(0.5 * SAMPLE_RATE_HZ), np.float32))
    sound = np.concatenate(parts)
    sound += np.random.default_rng(seed).standard_normal(len(sound)).astype(np.float32) * NOISE
    target = ROOT / dialogue.target
    target.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(f"{target}.wav", "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes((np.clip(sound, -1, 1) * 32767).astype(np.int16).tobytes())
    voices = {name: f"{v.engine} {v.name}" for name, v in dialogue.voices.items()}
    document = {
        "durationSeconds": round(len(sound) / SAMPLE_RATE_HZ, 3),
        "voices": voices,
        "segments": segments,
    }
    Path(f"{target}.json").write_text(json.dumps(document, indent=1) + "\n")
    print(dialogue.target, document["durationSeconds"], "s", sum(len(s["words"]) for s in segments), "words")


if __name__ == "__main__":
    for number, dialogue in enumerate([DEMO, *HELD_OUT]):
        render(dialogue, seed=number)
