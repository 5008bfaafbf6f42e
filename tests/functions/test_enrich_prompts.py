"""Laws of what a language model is sent, whatever was said."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from functions.enrich.estimate import BATCH_TEXTS, batch_texts
from functions.enrich.prompts import build_requests, disarm, to_lines
from rem.stage.recipe_files import load_recipes
from tests.functions.asking import spoken

NOTES = replace(load_recipes()["notes"], max_input_tokens=2_000, max_output_tokens=300)
SAID = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.split), max_size=40)


@given(st.text())
def test_no_text_can_end_its_line_or_write_a_tag(text):
    disarmed = disarm(text)
    assert len(disarmed.splitlines()) <= 1
    assert not {"<", ">"} & set(disarmed)


@given(SAID)
def test_every_segment_is_one_line_of_one_request_in_order(said):
    lines = to_lines(spoken(*(("SPEAKER_00", text) for text in said)))
    requests = build_requests(NOTES, lines)
    sent = [line for request in requests for line in request.user.split("\n")[1:-1]]
    assert sent == lines
    assert [line.split(" ")[0] for line in sent] == [str(i) for i in range(len(said))]
    assert all(request.user.lower().count("transcript>") == 2 for request in requests)
    assert len({request.system for request in requests}) == 1


@given(st.lists(st.text(min_size=1, max_size=400), max_size=200))
def test_requests_keep_to_the_input_tokens_unless_one_line_is_longer(texts):
    lines = [disarm(text) for text in texts]
    for request in build_requests(NOTES, lines):
        assert request.tokens <= NOTES.max_input_tokens + 20 or request.user.count("\n") == 2


@given(st.lists(st.text(max_size=20), max_size=30), st.integers(0, 3 * BATCH_TEXTS))
def test_batches_hold_every_text_once_and_keep_the_limit(texts, more):
    every = [*texts, *["more"] * more]
    batches = list(batch_texts(every))
    assert [text for batch in batches for text in batch] == every
    assert all(0 < len(batch) <= BATCH_TEXTS for batch in batches)
