import pytest
from hypothesis import given
from hypothesis import strategies as st
from icu4py.breakers import CharacterBreaker

from rem.transcripts.breaks import split_phrases
from rem.transcripts.spacing import measure_width


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Hello, |real-time |world, |that's |1,001 |'cause |(see |above)."),
        ("fr", "Oui, |c'est |vrai ? |Il |dit : |« bonjour » |à |100 % |des |gens !"),
        ("ja", "私は|昨日|「東京タワー」に|行ってきました。|ちょっと、|楽しかったです。"),
        ("zh", "今天|天气|很好，|我们|去|公园|散步|吧。"),
        ("th", "วัน|นี้|อากาศ|ดี|มาก |เรา|ไป|เดิน|เล่น|กัน|เถอะ"),
        ("ko", "오늘 |날씨가 |정말 |좋아서"),
        ("ar", "مرحبا |بالعالم، |كيف |الحال؟"),
        (None, "😀 |hello |東京"),
    ],
)
def test_text_is_cut_between_the_phrases_of_its_script(language, text):
    assert split_phrases(text.replace("|", ""), language, 42) == text.split("|")


def test_what_is_too_wide_is_cut_where_a_line_may_break_and_else_anywhere():
    assert split_phrases("http://example.com/path/to/page", "en", 20) == [
        "http://example.com/",
        "path/to/page",
    ]
    assert split_phrases("x" * 25, "en", 10) == ["x" * 10, "x" * 10, "x" * 5]


def test_a_character_with_its_accents_is_never_cut():
    assert all(len(piece) % 2 == 0 for piece in split_phrases("e\u0301" * 30, "en", 7))


@given(st.text(max_size=120).map(str.strip), st.sampled_from(["en", "ja", "zh", "th", "my", None]))
def test_pieces_of_any_text_join_to_it_and_fit(text, language):
    pieces = split_phrases(text, language, 42)
    assert "".join(pieces) == text
    assert all(measure_width(p.rstrip()) <= 42 or len(list(CharacterBreaker(p, "und"))) == 1 for p in pieces)
