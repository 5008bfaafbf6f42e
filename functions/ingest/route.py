"""Route: the choice between the two state machines for a recording."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rem.core.recordings import ENDED_AT, STARTED_AT, Recording
from rem.ports import Store
from rem.stage.settings import RouteSettings


def choose_machine(
    body: Mapping[str, Any], recording: Recording, *, store: Store, settings: RouteSettings
) -> str:
    """Choose Express for a clip so short that its whole run fits into Express's five minutes, else Standard.

    A clip whose uploader told no length is not short. A message that the sweeper sends again says
    `"express": false`: a run that Express did not finish goes to Standard, which can be redriven.
    """
    express = settings.express_machine_arn
    if not express or not settings.express_max_s or body.get("express") is False:
        return settings.state_machine_arn
    length_s = read_length_s(body, recording, store)
    is_short = length_s is not None and length_s <= settings.express_max_s
    return express if is_short else settings.state_machine_arn


def read_length_s(body: Mapping[str, Any], recording: Recording, store: Store) -> float | None:
    """Compute the length from the times that the uploader told, in the job message or with the object."""
    told: Mapping[str, Any] = body
    if "Records" in body:
        if not store.exists(recording.key):  # it was deleted meanwhile
            return None
        metadata = store.read_head(recording.key).metadata
        told = {"startedAt": metadata.get(STARTED_AT), "endedAt": metadata.get(ENDED_AT)}
    try:
        start, end = (datetime.fromisoformat(str(told[edge])) for edge in ("startedAt", "endedAt"))
        length_s = (end - start).total_seconds()
    except (KeyError, TypeError, ValueError):  # one is missing, is no time, or only one has an offset
        return None
    return length_s if length_s > 0 else None
