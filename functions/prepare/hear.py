"""Decides through what a recording is heard: one mix, or the channels and tracks of its people one by one."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from functions.prepare.decode import decode_tracks
from functions.prepare.likeness import Likeness, Reason
from functions.prepare.mixing import Blend
from functions.prepare.resample import Shape
from functions.prepare.sound_file import BLOCK_SAMPLES, Loudness, Meter, SoundFile
from functions.prepare.timeline import Damage, join_damage
from functions.prepare.track import Track
from rem.core.chunks import Region, clip_regions

Wish = Literal["auto", "mix", "split"]


@dataclass(frozen=True, slots=True)
class Sound:
    """A WAV that can be heard by itself, and its name for people: `track 2`, `channel 1`."""

    name: str
    track: Track
    file: SoundFile


@dataclass(frozen=True, slots=True)
class Heard:
    """The sounds through which a recording is heard, all equally long.

    Attributes:
        mode: `mono` for a single channel, `mix` for several as one, `split` for each by itself.
        names: Of what the sounds were made of.
        dropped: The reasons why others are not heard, by name.
    """

    mode: str
    files: tuple[SoundFile, ...]
    names: tuple[str, ...]
    dropped: dict[str, Reason]
    damage: tuple[Damage, ...]

    @property
    def samples(self) -> int:
        return self.files[0].samples

    def measure_loudness(self) -> Loudness:
        meter = Meter()
        for file in self.files:
            meter.join(file.meter)
        return meter.read()


def hear(source: Path, folder: Path, wish: Wish) -> Heard:
    """Decode a recording, leave out what adds nothing, and mix or split what is left.

    Several tracks are people or programs of their own: they are split unless a mix is wished. The channels of
    one track are mixed unless a split is wished.

    Raises:
        InputError: the file has no sound that can be decoded.
    """
    sounds, dropped = _leave_out(_decode(source, folder, wish))
    track = sounds[0].track
    if wish == "split" and len(sounds) == 1 and track.is_mixed:
        apart = decode_tracks(
            source, folder, lambda number, _: Shape.APART if number == track.number else None
        )
        sounds, needless = _leave_out(_list_sounds(apart))
        dropped |= needless
    files = tuple(sound.file for sound in sounds)
    if len(files) > 1 and wish == "mix":
        files, mode = (_mix(files, folder),), "mix"
    else:
        mode = "split" if len(files) > 1 else "mix" if sounds[0].track.is_mixed else "mono"
    tracks = {sound.track.number: sound.track for sound in sounds}.values()
    damage = join_damage([damage for track in tracks for damage in track.damage])
    return Heard(mode, files, tuple(sound.name for sound in sounds), dropped, tuple(damage))


def _decode(source: Path, folder: Path, wish: Wish) -> list[Sound]:
    """Decode all tracks; those whose channels cancel each other a second time, with care."""
    splits = wish == "split"
    tracks = decode_tracks(
        source, folder, lambda _, count: Shape.APART if splits and count == 1 else Shape.MIX
    )
    cancelled = {track.number for track in tracks if track.loses_sound}
    if cancelled:
        saved = decode_tracks(source, folder, lambda number, _: Shape.BLEND if number in cancelled else None)
        tracks = [*(track for track in tracks if track.number not in cancelled), *saved]
    return _list_sounds(sorted(tracks, key=lambda track: track.number))


def _list_sounds(tracks: Sequence[Track]) -> list[Sound]:
    channels = [(track, i, file) for track in tracks for i, file in enumerate(track.files)]
    return [
        Sound(f"channel {i + 1}" if len(track.files) > 1 else f"track {track.number + 1}", track, file)
        for track, i, file in channels
    ]


def _leave_out(sounds: list[Sound]) -> tuple[list[Sound], dict[str, Reason]]:
    """Leave out what adds nothing; a recording that is all silent keeps its first sound."""
    if len(sounds) == 1:
        return sounds, {}
    needless = Likeness([sound.file.path for sound in sounds]).find_needless()
    if len(needless) == len(sounds):
        del needless[0]
    for i in needless:
        sounds[i].file.path.unlink()  # the disk is small
    kept = [sound for i, sound in enumerate(sounds) if i not in needless]
    return kept, {sounds[i].name: reason for i, reason in needless.items()}


def _mix(files: Sequence[SoundFile], folder: Path) -> SoundFile:
    """Mix equally long files into one."""
    mixed, blend = SoundFile(folder / "mix.wav"), Blend(len(files))
    with ExitStack() as stack:
        readers = [stack.enter_context(wave.open(str(file.path))) for file in files]
        while len(block := np.frombuffer(readers[0].readframes(BLOCK_SAMPLES), np.int16)):
            others = [np.frombuffer(r.readframes(BLOCK_SAMPLES), np.int16) for r in readers[1:]]
            mixed.add(blend.mix(np.stack([block, *others], axis=1))[:, 0])
    mixed.close()
    mixed.silences = _intersect([file.silences for file in files])
    return mixed


def _intersect(silences: Sequence[Sequence[Region]]) -> list[Region]:
    """Find the stretches that are silent everywhere."""
    common = list(silences[0])
    for others in silences[1:]:
        common = [part for region in others for part in clip_regions(common, region.start, region.end)]
    return common
