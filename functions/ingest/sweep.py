"""Sweep: a search for recordings that no event moved on, and the work that the event would have done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.ingest.status import Notify, build_notify, settle
from rem.adapters.dynamodb import DynamoCatalog
from rem.adapters.s3 import S3Store
from rem.adapters.sqs import UploadQueue
from rem.adapters.step_functions import Executions
from rem.core import Json
from rem.core.errors import InputError
from rem.core.messages import build_message
from rem.core.places import execution_name
from rem.core.records import UPLOAD, FailureReport, Record, Status
from rem.executions.changes import Change
from rem.library.library import Library
from rem.ports import Catalog, Store
from rem.ports import Executions as ExecutionsPort
from rem.stage.observe import count, observed
from rem.stage.settings import SweepSettings
from rem.stage.work import Budget, Context

MOVED_ON = ("settled", "requeued", "lost")  # outcomes that an event should have brought
NEVER_ARRIVED = "The upload was announced but its sound never arrived; send it again."


@dataclass(frozen=True)
class Sweep:
    """One look at the records that are overdue.

    Attributes:
        send: Puts a message on the uploads queue.
        pause: Called after each look at an execution, as DescribeExecution allows 15 a second per account.
    """

    store: Store
    catalog: Catalog
    executions: ExecutionsPort
    send: Callable[[Mapping[str, Any]], None]
    notify: Notify
    pause: Callable[[], None]
    clock: Budget

    def run(self, now: datetime, settings: SweepSettings) -> Json:
        """Work through the oldest unfinished records, at most as many as the settings and the time allow.

        Each record that stays unfinished is touched, so that the next sweep looks at others first.
        """
        before = now - timedelta(seconds=settings.stale_after_s)
        lost_before = now - timedelta(seconds=settings.lost_upload_after_s)
        counts: Counter[str] = Counter()
        for record in self.catalog.read_open(_format(before), settings.records_per_sweep):
            if self.clock.is_spent:
                break
            counts[self._look_at(record, settings.bucket, _format(lost_before))] += 1
            self.pause()
        return dict(counts)

    def _look_at(self, record: Record, bucket: str, lost_before: str) -> str:
        """Mend one record. Returns settled, running, requeued, lost, awaited, erased, or moved by others."""
        if record.is_deleted:
            Library(self.store, self.catalog).erase(record)
            return "erased"
        recording = record.to_recording(bucket)
        if not self.store.exists(record.key):
            return self._wait_for_upload(record, lost_before)
        etag = self.store.read_head(record.key).etag
        name = execution_name(record.recording_id, record.key, etag)
        execution = self.executions.find(record.execution_arn or name)
        if execution is None:
            # It never started, or Express, which cannot be asked, did not finish it: Standard takes both.
            self.send({**build_message(recording, etag), "express": False})
            return self._touch(record, "requeued")
        if execution.is_running:
            return self._touch(record, "running")
        change = Change.from_execution(execution)
        settled = settle(
            change, store=self.store, catalog=self.catalog, executions=self.executions, notify=self.notify
        )
        return "settled" if settled else "moved"

    def _wait_for_upload(self, record: Record, lost_before: str) -> str:
        if record.created_at > lost_before:
            return self._touch(record, "awaited")
        error = FailureReport(UPLOAD, InputError.__name__, NEVER_ARRIVED, is_redrivable=False)
        if not self.catalog.replace(record, replace(record, status=Status.ERROR, error=error)):
            return "moved"
        self.notify(f"REM: {record.recording_id} never arrived", NEVER_ARRIVED)
        return "lost"

    def _touch(self, record: Record, done: str) -> str:
        return done if self.catalog.replace(record, record) else "moved"


def _format(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


@observed("sweep")
def handler(event: Mapping[str, Any], context: Context) -> Json:
    """Sweep by schedule, or with {"staleAfterSeconds": N} for a server that was down for a while."""
    settings = SweepSettings.from_env()
    if "staleAfterSeconds" in event:
        settings = settings.model_copy(update={"stale_after_s": event["staleAfterSeconds"]})
    sweep = Sweep(
        store=S3Store(settings.bucket),
        catalog=DynamoCatalog(settings.table),
        executions=Executions(settings.state_machine_arn),
        send=UploadQueue(settings.queue_url).send,
        notify=build_notify(settings.topic_arn),
        pause=lambda: time.sleep(1 / settings.describes_per_s),
        clock=Budget.from_context(context),
    )
    counts = sweep.run(datetime.now(UTC), settings)
    if stuck := sum(counts.get(what, 0) for what in MOVED_ON):
        count("StuckRecordings", stuck)
    return counts
