import langcodes
import pytest
from faster_whisper.tokenizer import _LANGUAGE_CODES
from hypothesis import given
from hypothesis import strategies as st

from rem.core.errors import InputError
from rem.core.languages import describe_language, find_language, load_languages, require_language

JAVANESE = "jw"  # Whisper's own code; ISO 639 withdrew it for jv
CODES = sorted(load_languages())


def to_iso(code):
    return "jv" if code == JAVANESE else code


def test_the_table_has_whispers_languages_and_no_others():
    assert set(_LANGUAGE_CODES) == set(CODES)


def test_no_two_languages_share_a_code_or_a_name():
    spellings = [
        word
        for language in load_languages().values()
        for word in {w.casefold() for w in (language.code, *language.other_codes, *language.names)}
    ]
    assert len(spellings) == len(set(spellings))


@pytest.mark.parametrize("code", CODES)
def test_every_language_is_known_by_its_code_english_and_native_name(code):
    """By the names of CLDR and the codes of ISO 639, which langcodes carries."""
    language = langcodes.get(to_iso(code), normalize=False)
    spellings = {code, to_iso(code), language.display_name(), language.autonym(), language.to_alpha3()}
    spellings |= {language.to_alpha3(variant="B")} if code != "yue" else set()
    found = {spelling: find_language(spelling) for spelling in spellings}
    assert set(found.values()) == {code}, found


@pytest.mark.parametrize("code", CODES)
def test_every_other_code_of_the_table_means_the_language(code):
    """langcodes prefers macrolanguages, as Whisper does: cmn is zh, arb is ar. Only nb is not its no."""
    for other in load_languages()[code].other_codes:
        standard = langcodes.standardize_tag(other, macro=True).split("-")[0]
        same = {langcodes.standardize_tag(to_iso(code), macro=True), to_iso(code)}
        assert standard in same | ({"nb"} if code == "no" else set()), other


@given(st.sampled_from(CODES), st.randoms())
def test_case_and_blanks_do_not_matter(code, random):
    for text in (code, *load_languages()[code].other_codes, *load_languages()[code].names):
        changed = "".join(random.choice([c, c.upper()]) if len(c.upper()) == 1 else c for c in text)
        assert find_language(f" {changed}\t") == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("pt-BR", "pt"),
        ("pt_BR.UTF-8", "pt"),
        ("zh-Hant", "zh"),
        ("zh-Hant-TW", "zh"),
        ("zh-cmn-Hans", "zh"),
        ("zh-yue", "yue"),
        ("es-419", "es"),
        ("de-1996", "de"),
        ("ca-valencia", "ca"),
        ("nb-NO", "no"),
        ("EN-us", "en"),
        ("English (US)", "en"),
        ("English (United Kingdom)", "en"),
        ("Português (Brasil)", "pt"),
        ("Brazilian Portuguese", "pt"),
        ("Chinese (Mandarin)", "zh"),
        ("espanol", "es"),
        ("Haitian-Creole", "ht"),
        ("ＤＥ", "de"),  # full-width letters, as an East Asian keyboard may write them
    ],
)
def test_regions_scripts_and_missing_accents_are_understood(text, code):
    assert find_language(text) == code


@pytest.mark.parametrize("text", ["", "  ", "auto", "AUTO", "detect"])
def test_nothing_and_auto_leave_the_language_to_be_found(text):
    assert find_language(text) == ""


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("klingon", r"did you mean Lingala \(ln\)"),
        ("Germann", r"did you mean German \(de\)\?$"),
        ("frensh", r"did you mean French \(fr\)"),
        ("jp", r"Japanese \(ja\)"),
        ("Swiss German", r"German \(de\)"),
        ("xx", "such as German, de or pt-BR"),
        ("en,de", r"German \(de\) or English \(en\)"),
        ("English (not German)", r"English \(en\)"),
        ("--", "such as German"),
        ("9" * 1000, "9{60}… is no language".replace("…", "…'")),
    ],
)
def test_anything_else_is_refused_with_the_nearest_languages(text, choices):
    with pytest.raises(InputError, match=choices):
        find_language(text)


@given(st.text(max_size=80))
def test_any_text_is_a_language_or_a_sentence(text):
    said = ""
    try:
        found = find_language(text)
    except InputError as error:
        found, said = "", str(error)
    assert found in {"", *CODES}
    assert not said or "is no language that Whisper knows" in said


def test_a_code_that_is_not_in_the_table_stands_for_itself():
    assert describe_language("de") == "German (de)"
    assert describe_language("tlh") == "tlh"


def test_an_english_only_model_refuses_another_language():
    with pytest.raises(InputError, match=r"base\.en does not know German \(de\); it knows English only"):
        require_language("de", "base.en", {"en"})
    require_language("en", "base.en", {"en"})
    require_language("", "base.en", {"en"})


def test_a_multilingual_model_refuses_a_language_that_it_lacks():
    with pytest.raises(InputError, match=r"base does not know Cantonese \(yue\); choose another"):
        require_language("yue", "base", {"en", "de"})
