"""Speech synthesis with word times: libflite and libespeak-ng, called through ctypes.

Word times come from flite's Segment relation and from espeak-ng's WORD and PHONEME events. espeak-ng
merges short function words ("of the"); those are split by their letters.
"""

from __future__ import annotations

import ctypes as c
import ctypes.util
import functools
import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

SAMPLE_RATE_HZ = 16_000
LEAD_S, TAIL_S = 0.04, 0.06  # silence that is kept before the first and after the last word
Pcm = npt.NDArray[np.int16]
WordTimes = list[tuple[str, float, float]]


@dataclass(frozen=True)
class Voice:
    """A synthetic speaker.

    Attributes:
        engine: "flite" or "espeak".
        name: flite's voice, or espeak-ng's language+variant.
        tract: Above 1, resampling shortens the vocal tract (higher formants); pitch and speed rise with it.
        pitch: espeak-ng 0-99; flite: mean f0 in Hz, 0 for the voice's own.
        rate: espeak-ng words per minute; flite: duration stretch.
    """

    engine: str
    name: str
    tract: float
    pitch: float
    rate: float


class SynthesisError(ValueError):
    """A sentence that the engine spoke with other words (abbreviations, merged words)."""


def say(text: str, voice: Voice) -> tuple[Pcm, WordTimes]:
    """Speak one sentence; gives 16 kHz mono int16 without surrounding silence, and (word, start_s, end_s)."""
    speak = _flite if voice.engine == "flite" else _espeak
    samples, rate_hz, times = speak(text, voice)
    ratio = Fraction(SAMPLE_RATE_HZ / (rate_hz * voice.tract)).limit_denominator(200)
    if ratio != 1:
        wide = resample_poly(samples.astype(np.float32), ratio.numerator, ratio.denominator)
        samples = np.clip(wide, -32768, 32767).astype(np.int16)
    scale = float(ratio) * rate_hz / SAMPLE_RATE_HZ
    words = [(word, start * scale, end * scale) for word, start, end in times]
    first = max(0, int((words[0][1] - LEAD_S) * SAMPLE_RATE_HZ))
    last = min(len(samples), int((words[-1][2] + TAIL_S) * SAMPLE_RATE_HZ))
    offset_s = first / SAMPLE_RATE_HZ
    return samples[first:last], [(w, round(s - offset_s, 3), round(e - offset_s, 3)) for w, s, e in words]


class _Wave(c.Structure):
    _fields_ = [
        ("type", c.c_char_p), ("sample_rate", c.c_int), ("num_samples", c.c_int),
        ("num_channels", c.c_int), ("samples", c.POINTER(c.c_short)),
    ]  # fmt: skip


def _library(name: str) -> c.CDLL:
    found = ctypes.util.find_library(name)
    if not found:
        raise OSError(f"lib{name} is missing: install flite and espeak-ng (Debian: libflite1, libespeak-ng1)")
    return c.CDLL(found, mode=c.RTLD_GLOBAL)


@functools.cache
def _load_flite() -> tuple[c.CDLL, dict[str, int]]:
    flite = _library("flite")
    for name in ("flite_usenglish", "flite_cmulex"):
        _library(name)
    flite.flite_init()
    voices = {}
    for name in ("us_slt", "us_rms", "us_awb", "us_kal16"):
        register = getattr(_library(f"flite_cmu_{name}"), f"register_cmu_{name}")
        register.restype, register.argtypes = c.c_void_p, [c.c_char_p]
        voices[name.removeprefix("us_")] = register(None)
    signatures = {
        "flite_synth_text": (c.c_void_p, [c.c_char_p, c.c_void_p]),
        "utt_wave": (c.POINTER(_Wave), [c.c_void_p]),
        "utt_relation": (c.c_void_p, [c.c_void_p, c.c_char_p]),
        "relation_head": (c.c_void_p, [c.c_void_p]),
        "item_next": (c.c_void_p, [c.c_void_p]),
        "ffeature_float": (c.c_float, [c.c_void_p, c.c_char_p]),
        "ffeature_string": (c.c_char_p, [c.c_void_p, c.c_char_p]),
        "delete_utterance": (None, [c.c_void_p]),
        "feat_set_float": (None, [c.c_void_p, c.c_char_p, c.c_float]),
        "feat_remove": (c.c_int, [c.c_void_p, c.c_char_p]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(flite, name)
        function.restype, function.argtypes = result, arguments
    return flite, voices


def _flite(text: str, voice: Voice) -> tuple[Pcm, int, WordTimes]:
    flite, voices = _load_flite()
    pointer = voices[voice.name]
    features = c.cast(pointer + 8, c.POINTER(c.c_void_p))[0]  # struct cst_voice: name, then features
    flite.feat_set_float(features, b"duration_stretch", voice.rate)
    if voice.pitch:
        flite.feat_set_float(features, b"int_f0_target_mean", voice.pitch)
    else:
        flite.feat_remove(features, b"int_f0_target_mean")
    utterance = flite.flite_synth_text(text.encode(), pointer)
    wave = flite.utt_wave(utterance).contents
    samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).copy()
    rate_hz, times = wave.sample_rate, []
    item = flite.relation_head(flite.utt_relation(utterance, b"Word"))
    while item:
        start = flite.ffeature_float(item, b"R:SylStructure.daughter1.daughter1.R:Segment.p.end")
        end = flite.ffeature_float(item, b"R:SylStructure.daughtern.daughtern.R:Segment.end")
        times.append((start, end))
        item = flite.item_next(item)
    flite.delete_utterance(utterance)
    words = text.split()
    if len(words) != len(times):
        raise SynthesisError(text)
    return samples, rate_hz, [(w, s, e) for w, (s, e) in zip(words, times, strict=True)]


class _Event(c.Structure):
    class _Id(c.Union):
        _fields_ = [("number", c.c_int), ("name", c.c_char_p), ("string", c.c_char * 8)]

    _fields_ = [
        ("type", c.c_int), ("unique", c.c_uint), ("text_position", c.c_int), ("length", c.c_int),
        ("audio_position", c.c_int), ("sample", c.c_int), ("user_data", c.c_void_p), ("id", _Id),
    ]  # fmt: skip


WORD, PHONEME, BOUNDARIES = 1, 7, (2, 5, 6, 7)
_blocks: list[Pcm] = []
_events: list[tuple[int, int, float, str]] = []


def _collect(wave: c._Pointer[c.c_short], count: int, events: c._Pointer[_Event]) -> int:
    if count > 0 and wave:
        _blocks.append(np.ctypeslib.as_array(wave, (count,)).copy())
    i = 0
    while events[i].type:
        event = events[i]
        phoneme = event.id.string.decode("utf8", "replace") if event.type == PHONEME else ""
        _events.append((event.type, event.text_position, event.audio_position / 1000, phoneme))
        i += 1
    return 0


_callback = c.CFUNCTYPE(c.c_int, c.POINTER(c.c_short), c.c_int, c.POINTER(_Event))(_collect)


@functools.cache
def _load_espeak() -> tuple[c.CDLL, int]:
    espeak = _library("espeak-ng")
    rate_hz = espeak.espeak_Initialize(2, 0, None, 1)  # synchronous output, phoneme events
    espeak.espeak_SetSynthCallback(_callback)
    return espeak, rate_hz


def _espeak(text: str, voice: Voice) -> tuple[Pcm, int, WordTimes]:
    espeak, rate_hz = _load_espeak()
    _blocks.clear()
    _events.clear()
    if espeak.espeak_SetVoiceByName(voice.name.encode()):
        raise SynthesisError(f"espeak-ng has no voice {voice.name}")
    for parameter, value in ((1, int(voice.rate)), (3, int(voice.pitch)), (4, 50)):
        espeak.espeak_SetParameter(parameter, value, 0)
    raw = text.encode() + b"\0"
    espeak.espeak_Synth(raw, len(raw), 0, 1, 0, 1, None, None)
    espeak.espeak_Synchronize()
    samples = np.concatenate(_blocks) if _blocks else np.zeros(0, np.int16)
    return samples, rate_hz, _split_merged(text.split(), _word_spans(text, len(samples) / rate_hz))


def _word_spans(text: str, end_s: float) -> dict[int, tuple[float, float]]:
    """Map each word's number to the span from its first phoneme to the boundary after its last."""
    numbers = {match.start() + 1: i for i, match in enumerate(re.finditer(r"\S+", text))}
    spans: dict[int, tuple[float, float]] = {}
    current = None
    for k, (kind, position, at_s, phoneme) in enumerate(_events):
        if kind == WORD and position in numbers:
            current = numbers[position]
        if kind == PHONEME and current is not None and not phoneme.startswith("_"):
            later = (e[2] for e in _events[k + 1 :] if e[0] in BOUNDARIES and e[2] > at_s)
            start, end = spans.get(current, (at_s, at_s))
            spans[current] = (min(start, at_s), max(end, next(later, end_s)))
    return spans


def _split_merged(words: list[str], spans: dict[int, tuple[float, float]]) -> WordTimes:
    known = sorted(spans)
    if not known or known[0] != 0:
        raise SynthesisError(" ".join(words))
    times: WordTimes = []
    for number, after in zip(known, [*known[1:], len(words)], strict=True):
        (start, end), group = spans[number], words[number:after]
        letters, total = 0, sum(len(word) for word in group)
        for word in group:
            share = (letters / total, (letters + len(word)) / total)
            times.append((word, start + (end - start) * share[0], start + (end - start) * share[1]))
            letters += len(word)
    return times
