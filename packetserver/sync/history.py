"""What happened to a record that clients must hear of: conflicts, and late arrivals."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from packetserver.store.rows import Rows
from packetserver.sync.element_ids import element_id

NO_RECORD = -1


class Conflict(NamedTuple):
    """A client's change of a record that was not stored, and when that was.

    ``element`` is the one whose map is meant; there may be no record.
    """

    client_id: int
    element: str
    record_id: int | None
    refused: datetime


def log_conflict(rows: Rows, conflict: Conflict) -> None:
    """A client's change of a record was not stored (PROTOCOL.md 5.2)."""
    values = {
        "client_id": conflict.client_id,
        "table_id": element_id(rows.connection, rows.schema.metadata, conflict.element),
        "record_id": NO_RECORD if conflict.record_id is None else conflict.record_id,
        "status_date": conflict.refused,
    }
    rows.insert_row("sync_conflict_log", values)


def note_arrival(rows: Rows, element: str, record_id: int, now: datetime) -> None:
    """A record says that it was entered earlier: windows that have closed did not have it."""
    values = {
        "table_id": element_id(rows.connection, rows.schema.metadata, element),
        "record_id": record_id,
        "arrived": now,
    }
    rows.insert_row("sync_arrival", values)
