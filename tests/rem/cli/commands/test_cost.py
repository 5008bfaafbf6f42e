"""`rem cost`: reports of transcripts, from files and from an installation."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rem.adapters.dynamodb import DynamoCatalog
from rem.adapters.s3 import S3Store
from rem.cli.commands.cost import build_report, read_folder
from rem.core.errors import InputError
from rem.core.places import transcript_key
from rem.core.records import Status
from rem.home.resources import BUCKET, TABLE
from tests.rem.costs.test_bill import transcript


def test_report_sums_recordings():
    one, two = (build_report([transcript()] * n, timedelta(days=1)) for n in (1, 2))
    assert two["usd"]["arm64"]["totalUsd"] == pytest.approx(2 * one["usd"]["arm64"]["totalUsd"])
    assert two["stages"][1]["invocations"] == 6
    assert two["stages"][1]["cpuSeconds"] == 100.0
    assert two["month"]["usd"]["arm64"] == pytest.approx(30 * two["usd"]["arm64"]["totalUsd"])


def test_a_folder_passes_over_what_is_no_transcript(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(transcript().to_json()))
    (tmp_path / "b.json").write_text("{}")
    assert len(read_folder(tmp_path)) == 1
    with pytest.raises(InputError, match="not a transcript"):
        read_folder(tmp_path / "b.json")


@pytest.mark.slow
def test_cost_reads_the_transcripts_of_the_bucket(installation):
    store = S3Store(BUCKET, installation.aws.client("s3"))
    catalog = DynamoCatalog(TABLE, installation.aws.client("dynamodb"))
    old = transcript().to_json() | {"transcribedAt": "2020-01-01T00:00:00+00:00"}
    new = old | {"transcribedAt": datetime.now(UTC).isoformat()}
    for user, name, document in (("me", "old", old), ("me", "new", new), ("somebody", "new", new)):
        catalog.advance(replace(transcript().recording, user_id=user, recording_id=name), Status.COMPLETE, {})
        store.write_json(transcript_key(user, "dev", name), document)
    catalog.advance(replace(transcript().recording, recording_id="unfinished"), Status.TRANSCRIBING, {})
    month = installation.rem_json("cost", "--since", "30d")
    assert month["recordings"] == 1
    assert month["soundSeconds"] == 300.0
    assert installation.rem_json("cost", "--since", "520w")["recordings"] == 2
    one = installation.rem_json("cost", "old")
    assert one["recordings"] == 1
    assert one["usd"]["arm64"]["totalUsd"] == pytest.approx(month["usd"]["arm64"]["totalUsd"])
    code, text = installation.rem("cost", "unfinished")
    assert (code, "there is no transcript of unfinished" in text) == (2, True)
    code, text = installation.rem("cost", "nothing")
    assert (code, "me has no recording 'nothing'" in text) == (2, True)
