import pytest

from rem.transcripts.receipts import Receipt, Usage, sum_by_stage


def test_receipts_of_a_stage_add_up_and_keep_the_highest_peak():
    first, second = Receipt("a", 1.0, 512, 90), Receipt("a", 2.0, 512, 80, Usage(1, 100, 10, 5, 0.5))
    [total] = sum_by_stage([first, second])
    assert (total.seconds, total.max_memory_mb) == (3.0, 90)
    assert total.usage == Usage(1, 100, 10, 5, 0.5)


def test_stage_that_asked_no_model_says_nothing_of_tokens():
    assert "requests" not in Receipt("a", 1.0, 512, 90).to_json()


@pytest.mark.parametrize("usage", [Usage(), Usage(2, 100, 10, 5, 0.25), Usage(1, 1, 0, 1, None)])
def test_receipt_survives_its_json(usage):
    receipt = Receipt("a", 1.0, 512, 90, usage)
    assert Receipt.from_json(receipt.to_json()) == receipt


def test_one_unknown_price_makes_the_sum_unknown():
    assert (Usage(1, 1, 0, 1, None) + Usage(1, 1, 0, 1, 0.1)).usd is None
