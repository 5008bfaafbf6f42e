"""Routes that tell about devices: when each was last heard, and which of its recordings are missing."""

from __future__ import annotations

from functions.ingest.answers import describe_guarded
from functions.ingest.app import allow, app, services
from functions.ingest.schemas import DeviceId, DeviceList, DeviceView, LedgerView
from rem.core.api_keys import Scope
from rem.core.ledger import MOST_COUNTED, find_last_said, read_records
from rem.core.records import Record

DEVICES_OF = 1000  # devices are looked for among this many newest recordings


@app.get("/devices", responses=describe_guarded(DeviceList))
def list_devices() -> DeviceList:
    """List the devices of the newest 1,000 recordings, and what each said last."""
    key = allow(Scope.ALL)
    page = services().library.page(key.user_id, device_id=key.device_id, limit=DEVICES_OF)
    by_device: dict[str, list[Record]] = {}
    for record in page.records:
        by_device.setdefault(record.device_id, []).append(record)
    return DeviceList(devices=[_show_device(records) for records in by_device.values()])


@app.get("/devices/<deviceId>/ledger", responses=describe_guarded(LedgerView, 404))
def read_ledger(device_id: DeviceId) -> LedgerView:
    """Read what a counting device sent, session by session; what is missing; what it should send again."""
    key = allow(Scope.INGEST, device_id)
    page = services().library.page(key.user_id, device_id=device_id, limit=MOST_COUNTED)
    ledger = read_records(page.records, is_all=page.cursor is None)
    return LedgerView.model_validate({"deviceId": device_id, **ledger.to_json()})


def _show_device(records: list[Record]) -> DeviceView:
    """Describe a device by its recordings, which come with the newest first."""
    return DeviceView(
        device_id=records[0].device_id,
        recordings=len(records),
        last_started_at=records[0].started_at,
        **find_last_said(records),
    )
