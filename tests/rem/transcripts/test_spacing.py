import pytest

from rem.transcripts.spacing import measure_width, restore_blanks, shorten


@pytest.mark.parametrize(
    ("old", "text"),
    [
        (["And", "so", "it", "goes."], "And so it goes."),
        (["c", "'est", "vrai."], "c'est vrai."),
        (["in", "real", "-time", "1", ",001", "words"], "in real-time 1,001 words"),
        (["minus", "-", "5"], "minus - 5"),
        (["客観", "的", "実在", "。"], "客観的実在。"),
        (["วันนี้", "อากาศ"], "วันนี้อากาศ"),
        (["오늘", "날씨"], "오늘 날씨"),
        (["Python", "を", "使う"], "Pythonを使う"),
        ([], ""),
    ],
)
def test_old_words_get_the_blanks_that_their_script_sets(old, text):
    assert "".join(restore_blanks(old)) == text


def test_words_with_their_own_blanks_stay_as_they_are():
    words = [" c", "'est", " real", "-time", " don", "'t"]
    assert restore_blanks(words) == words


def test_a_segment_whose_first_word_lacks_its_blank_gets_one():
    assert "".join(restore_blanks([" Good", " morning.", "All", " are", " here."], {2})) == (
        " Good morning. All are here."
    )
    assert "".join(restore_blanks(["東京。", "大阪"], {1})) == "東京。大阪"


def test_full_width_characters_take_the_room_of_two():
    assert [measure_width(text) for text in ("abc", "東京", "ｶﾅ", "，", "é", "한글")] == [3, 4, 2, 2, 1, 4]


def test_a_long_text_is_shortened_to_its_room():
    assert shorten("Ada", 3) == "Ada"
    assert shorten("Ada Lovelace", 5) == "Ada…"
    assert measure_width(shorten("長い名前の人", 8)) <= 8
