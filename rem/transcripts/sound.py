"""What a reader is told of the sound itself: what is missing of it, and which channels were heard."""

from __future__ import annotations

from rem.core import Json
from rem.transcripts.transcript import Transcript

CAUSES = {
    "undecodable": "{:.1f} s could not be decoded and are silent",
    "hole": "{:.1f} s were never written and are silent",
    "cut-off": "the file ends {:.1f} s too early",
}


def list_damage(transcript: Transcript) -> list[tuple[float, str]]:
    """List where sound is missing: the second at which it begins, and what happened there."""
    found = transcript.audio.get("damage", [])
    return [(each["start"], CAUSES[each["kind"]].format(each["secondsMissing"])) for each in found]


def sum_damage(transcript: Transcript) -> str:
    """Say in one line how much sound is missing; empty where all of it is there."""
    found = transcript.audio.get("damage", [])
    if not found:
        return ""
    missing_s = sum(each["secondsMissing"] for each in found)
    places = "one place" if len(found) == 1 else f"{len(found)} places"
    return f"The file is damaged: {missing_s:.1f} s of sound are missing, in {places}."


def describe_channels(transcript: Transcript) -> str:
    """Say in one line who was heard on which channel and what was left out; empty where that is plain."""
    audio = transcript.audio
    said = []
    if audio.get("channels") == "split":
        named = [(each["source"], each.get("speaker")) for each in audio["heard"]]
        heard = [f"{source} {_tell_speaker(transcript, label)}" for source, label in named]
        said.append(f"Heard one by one: {', '.join(heard)}.")
    dropped = audio.get("dropped", [])
    if dropped:
        said.append(
            "Left out: " + ", ".join(f"{each['source']} ({each['reason']})" for each in dropped) + "."
        )
    return " ".join(said)


def _tell_speaker(transcript: Transcript, label: str | None) -> str:
    return "(no speech)" if label is None else f"is {transcript.speaker_name(label)}"


def name_channels(audio: Json, labels: list[str | None]) -> Json:
    """Note which speaker is heard on which of the split channels."""
    heard = [source | {"speaker": label} for source, label in zip(audio["heard"], labels, strict=True)]
    return audio | {"heard": heard}
