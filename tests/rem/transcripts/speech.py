"""Hypothesis strategies for speech in several scripts, as Whisper writes it: words with their own blanks."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from rem.transcripts.transcript import Segment, Speaker, Transcript, Word
from tests.rem.transcripts.test_transcript import RECORDING

LATIN = (
    " the a of and Hello, yes. real -time recording wonderful 'til 1 ,001 Grimmelshausen; end? (see) 100 % ok"
)
WORDS = {
    "en": [w if w.startswith(("-", ",")) else f" {w}" for w in LATIN.split()],
    "fr": [" oui", " c", "'est", " vrai", " ?", " «", " bonjour", " »", " aujourd", "'hui,", " Élodie"],
    "ru": [" привет,", " как", " дела?", " достопримечательность", " и", " я."],
    "ar": [" مرحبا", " بالعالم،", " كيف", " الحال؟", " نعم."],
    "hi": [" नमस्ते", " दुनिया।", " यह", " अच्छा", " है,"],
    "ko": [" 오늘", " 날씨가", " 정말", " 좋아서,", " 갔어요."],
    "ja": "私 は 東京 タワー に 行っ て まし た。 「 すごい 」 と 、 ちょっと ！ デー ー っ ゃ 々".split(),
    "zh": "今天 天气 很 好 ， 我们 去 公园 散步 吧 。 “ 北京 ” 大学 的 《 书 》 ？ API".split(),
    "th": ["วันนี้", "อากาศ", "ดีมาก", " เรา", "ไป", "เดินเล่น", "กัน", "เถอะ"],
    "my": ["မြန်မာ", "စာ", "သည်", "၊", "ကောင်း", "၏။"],
    "km": ["ខ្ញុំ", "ចង់", "ទៅ", "ផ្សារ", "។"],
}
SPACED = ("en", "ru", "ar", "hi", "ko")
NAMES = ("SPEAKER_00", "SPEAKER_01", "SPEAKER_02")


@st.composite
def speech(
    draw: st.DrawFn,
    languages: tuple[str, ...] = tuple(WORDS),
    pauses_ms: tuple[int, ...] = (0, 0, 0, 0, 40, 400, 1_500, 2_500),
) -> Transcript:
    """A transcript of up to three voices that take turns; now and then one pauses or is very fast."""
    language = draw(st.sampled_from(languages))
    at_ms, most, segments = draw(st.integers(0, 3_000)), 60, []
    while most > 0 and draw(st.integers(0, 9)):
        said = draw(st.lists(st.sampled_from(WORDS[language]), min_size=1, max_size=min(most, 20)))
        voice, words = draw(st.sampled_from([None, *NAMES])), []
        for text in said:
            length_ms = draw(st.integers(20, 900))
            pause_ms = draw(st.sampled_from(pauses_ms))
            words.append(Word(at_ms / 1000, (at_ms + length_ms) / 1000, text, 0.9))
            at_ms += length_ms + pause_ms
        segments.append(Segment(tuple(words), voice))
        most -= len(said)
    names = draw(
        st.lists(st.sampled_from([None, "Ada", "Åsa & <Ben>", "長い名前の人" * 8]), min_size=3, max_size=3)
    )
    speakers = [Speaker(label, 1.0, name) for label, name in zip(NAMES, names, strict=True)]
    return Transcript(
        RECORDING, at_ms / 1000, 1.0, language, "m", "t", tuple(segments), speakers=tuple(speakers)
    )


def strip_blanks(transcript: Transcript) -> Transcript:
    """Take the blanks of all words away: transcripts were stored like this before words kept them."""
    segments = (
        replace(s, words=tuple(replace(w, text=w.text.strip()) for w in s.words)) for s in transcript.segments
    )
    return replace(transcript, segments=tuple(segments))
