from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rem.core.ledger import MOST_RESENT, Arrival, build_ledger
from rem.core.recordings import Recording
from rem.core.records import UPLOAD, FailureReport, Record


def arrival(seq, *, session="badge-0000002a-00010", lost=None, number=None):
    minutes = f"{seq % 60:02d}"
    number = 10 + seq if number is None else number
    return Arrival(session, seq, f"badge-0000002a-{number:05d}", f"2026-11-24T09:{minutes}:00+00:00", lost)


numbers = st.lists(st.integers(0, 40), min_size=1, max_size=30)


def spread(ranges):
    return [number for first, last in ranges for number in range(first, last + 1)]


def test_a_whole_session_misses_nothing():
    ledger = build_ledger([arrival(seq) for seq in range(5)])
    [session] = ledger.sessions
    assert (session.received, session.missing, session.lost) == ([(0, 4)], [], [])
    assert (ledger.resend, ledger.lost) == ([], None)


def test_a_gap_is_asked_for_under_the_ids_that_the_device_gave():
    ledger = build_ledger([arrival(0), arrival(3)])
    assert ledger.sessions[0].missing == [(1, 2)]
    assert ledger.resend == ["badge-0000002a-00011", "badge-0000002a-00012"]


def test_the_beginning_of_a_session_may_be_missing():
    assert build_ledger([arrival(2)]).sessions[0].missing == [(0, 1)]


def test_what_the_device_could_not_keep_is_lost_and_not_asked_for():
    ledger = build_ledger([arrival(0, lost=7), arrival(3, lost=9), arrival(5, lost=9)])
    [session] = ledger.sessions
    assert (session.lost, session.missing) == ([(1, 2)], [(4, 4)])
    assert ledger.lost == 9
    assert ledger.resend == ["badge-0000002a-00014"]


def test_a_count_that_grew_less_than_the_gap_explains_nothing():
    [session] = build_ledger([arrival(0, lost=0), arrival(3, lost=1)]).sessions
    assert (session.lost, session.missing) == ([], [(1, 2)])


def test_ids_without_a_number_are_not_invented():
    odd = [
        Arrival("s", seq, f"take-{name}", "2026-11-24T09:00:00+00:00") for seq, name in ((0, "a"), (2, "c"))
    ]
    ledger = build_ledger(odd)
    assert ledger.sessions[0].missing == [(1, 1)]
    assert ledger.resend == []


def test_a_number_that_nobody_counts_to_asks_for_a_page_at_most():
    assert len(build_ledger([arrival(10**9, number=10**9)]).resend) == MOST_RESENT


def test_records_that_do_not_count_or_have_no_sound_are_left_out():
    recording = Recording("r-0", "me", "badge", "t", "b", "k")
    record = replace(Record.begin(recording), session_id="s", seq=0, lost=2)
    assert Arrival.from_record(record) == Arrival("s", 0, "r-0", "t", 2)
    assert Arrival.from_record(replace(record, seq=None)) is None
    assert Arrival.from_record(replace(record, upload_id="u")) is None
    never_arrived = FailureReport(UPLOAD, "InputError", "send it again", is_redrivable=False)
    assert Arrival.from_record(replace(record, error=never_arrived)) is None
    failed = FailureReport("prepare", "InputError", "no sound", is_redrivable=False)
    assert Arrival.from_record(replace(record, error=failed)) is not None


@given(numbers, st.randoms())
def test_every_number_is_received_missing_or_lost_and_only_once(seqs, random):
    arrivals = [arrival(seq, lost=random.randrange(5)) for seq in seqs]
    [session] = build_ledger(arrivals).sessions
    received, missing, lost = (spread(r) for r in (session.received, session.missing, session.lost))
    assert sorted(received + missing + lost) == list(range(max(seqs) + 1))
    assert received == sorted(set(seqs))


@given(numbers, st.randoms())
def test_order_and_repetition_make_no_difference(seqs, random):
    arrivals = [arrival(seq) for seq in seqs]
    shuffled = arrivals + arrivals[:3]
    random.shuffle(shuffled)
    assert build_ledger(shuffled) == build_ledger(arrivals)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), numbers, min_size=1))
def test_sessions_do_not_disturb_each_other(seqs):
    together = build_ledger(arrival(seq, session=name) for name, each in seqs.items() for seq in each)
    alone = [build_ledger(arrival(s, session=name) for s in each).sessions[0] for name, each in seqs.items()]
    assert sorted(together.sessions, key=lambda s: s.session_id) == sorted(alone, key=lambda s: s.session_id)


@given(numbers)
def test_sending_what_was_asked_for_leaves_nothing_missing(seqs):
    ledger = build_ledger(arrival(seq) for seq in seqs)
    sent = [arrival(int(name[-5:]) - 10) for name in ledger.resend]
    assert build_ledger([*(arrival(seq) for seq in seqs), *sent]).sessions[0].missing == []
