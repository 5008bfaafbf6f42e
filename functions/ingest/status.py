"""Status: the recording's status follows its execution; a failure gets a sentence for its owner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rem.adapters.dynamodb import DynamoCatalog
from rem.adapters.s3 import S3Store
from rem.adapters.sns import publish_notice
from rem.adapters.step_functions import Executions
from rem.core import Json
from rem.core.errors import BusyError, InputError
from rem.core.records import FailureReport
from rem.executions.changes import Change, apply_change
from rem.executions.doctor import FailureFacts, diagnose
from rem.executions.history import find_failure
from rem.executions.statuses import UNSUCCESSFUL
from rem.ports import Catalog, Store
from rem.ports import Executions as ExecutionsPort
from rem.stage.observe import observed
from rem.stage.settings import StatusSettings

TRIES = 5  # then the record is left to EventBridge's own retry: others changed it under every try
Notify = Callable[[str, str], None]  # subject, text


def settle(
    change: Change, *, store: Store, catalog: Catalog, executions: ExecutionsPort, notify: Notify
) -> bool:
    """Bring the record in line with its execution; False where it knows better, or is deleted.

    Raises:
        BusyError: somebody else changed the record each time.
    """
    recording = change.recording
    error: FailureReport | None = None
    for _ in range(TRIES):
        record = catalog.read(recording.user_id, recording.recording_id)
        is_deleted = record is None and not store.exists(recording.key)
        if is_deleted or apply_change(record, change, error) is None:
            return False
        if error is None and change.status in UNSUCCESSFUL:
            error = _explain(change, executions)
        new = apply_change(record, change, error)
        if new is not None and catalog.replace(record, new):
            if error is not None:
                notify(*_write_notice(change, error))
            return True
    raise BusyError(f"the record of {recording.recording_id} was changed {TRIES} times meanwhile")


def _write_notice(change: Change, error: FailureReport) -> tuple[str, str]:
    name = change.execution_arn.rsplit(":", 1)[-1]
    subject = f"REM: {change.recording.recording_id} failed in {error.stage or 'no stage'}"
    return subject, f"{error.message}\n\nWhat to do: rem doctor {name}\n\n{change.execution_arn}\n"


def _explain(change: Change, executions: ExecutionsPort) -> FailureReport:
    """Find the failure in the execution's history and word it for the recording's owner."""
    failure = find_failure(change.status, executions.read_history(change.execution_arn, newest_first=True))
    facts = FailureFacts(change.execution_arn.rsplit(":", 1)[-1], failure, is_redrivable=change.is_redrivable)
    return FailureReport(
        stage=failure.state.lower(),
        error=failure.error or change.status,
        message=diagnose(facts).sentence,
        is_redrivable=change.is_redrivable,
    )


def build_notify(topic_arn: str | None) -> Notify:
    """Build the function that publishes to the topic; without a topic it does nothing."""
    if topic_arn is None:
        return lambda _subject, _text: None
    return lambda subject, text: publish_notice(topic_arn, subject, text)


@observed("status")
def handler(event: Mapping[str, Any], context: Any) -> Json:
    """Settle one EventBridge event. An execution that somebody started on something else is left alone."""
    try:
        change = Change.from_event(event)
    except InputError as error:
        return {"settled": False, "reason": str(error)}
    settings = StatusSettings.from_env()
    settled = settle(
        change,
        store=S3Store(settings.bucket),
        catalog=DynamoCatalog(settings.table),
        executions=Executions(settings.state_machine_arn),
        notify=build_notify(settings.topic_arn),
    )
    return {"settled": settled, "recordingId": change.recording.recording_id, "status": change.status}
