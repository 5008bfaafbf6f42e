from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rem.core.tickets import Ticket, read_ticket, write_ticket

TICKET = Ticket("raw/me/badge/2026/11/24/walk.wav", "upload", 3, 8_388_608, 1000)


def test_a_ticket_is_read_back_until_it_expires():
    text = write_ticket(TICKET, "secret")
    assert read_ticket(text, "secret", 999) == TICKET
    assert read_ticket(text, "secret", 1000) is None


def test_a_ticket_of_another_server_lets_nobody_in():
    assert read_ticket(write_ticket(TICKET, "other"), "secret", 0) is None


def test_the_content_of_one_ticket_and_the_signature_of_another_are_no_ticket():
    content = write_ticket(replace(TICKET, number=4), "secret").split(".")[0]
    signature = write_ticket(TICKET, "secret").split(".")[1]
    assert read_ticket(f"{content}.{signature}", "secret", 0) is None


@pytest.mark.parametrize("text", ["", ".", "a.b", "ä.ö", "e30.", "e30.e30", "%00.%00"])
def test_nonsense_is_no_ticket(text):
    assert read_ticket(text, "secret", 0) is None


@given(st.text(max_size=80))
def test_nothing_that_is_made_up_raises(text):
    assert read_ticket(text, "secret", 0) is None
