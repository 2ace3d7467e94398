"""The log of packets: sync_log, with a row for each transaction, and what went wrong beside it.

Clients must hear of conflicts, and of records that arrived late.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Insert, Integer, MetaData, bindparam, insert, select

from packetserver.store.dialects import writes_in_parts
from packetserver.store.direct import Direct
from packetserver.store.rows import Rows
from packetserver.sync.guids import element_id
from packetserver.sync.sessions import CLIENTS, KEY

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


LOG, TRANSACTIONS = "sync_log", "sync_transaction_log"
ROW = ("reference_id", "element_name", "action", "status_code", "record_count", "message")
"""The columns of a transaction's row, beside the packet that it belongs to."""


@dataclass(frozen=True, slots=True)
class LoggedTransaction:
    """What the log tells of a transaction: its first item, and how it ended."""

    reference_id: str | None
    element_name: str | None
    action: str | None
    status_code: int
    record_count: int
    message: str | None


class PacketLog:
    """The log of one packet; its parts may be written in several units of work, in their order."""

    def __init__(self, system_id: int | None, client_id: int | None, address: str) -> None:
        self._system_id = system_id
        self._client_id = client_id
        self.address = address
        self._log_id: int | None = None
        self.conflicts: list[Conflict] = []
        """Those of transactions that were undone; they are logged with what is written next."""

    def again(self) -> PacketLog:
        """The same log, whatever becomes of this one: what an undone attempt logs is not there."""
        log = PacketLog(self._system_id, self._client_id, self.address)
        log._log_id = self._log_id
        return log

    def copy(self) -> PacketLog:
        """The same log with all that is still to be written in it."""
        log = self.again()
        log.conflicts = list(self.conflicts)
        return log

    def write(self, rows: Rows, now: datetime, transactions: Iterable[LoggedTransaction]) -> None:
        """Log transactions, and the packet itself if that has not been done."""
        self._write_conflicts(rows)
        entries = [self._row(rows, each) for each in transactions]
        if self._log_id is None:
            first, more = (
                (entries[0], entries[1:])
                if entries and writes_in_parts(rows.connection)
                else (None, entries)
            )
            self._log_id = self._write_packet(rows, now, first, is_all=not more)
            entries = more
        if entries:
            statement = rows.schema.statements.insert(TRANSACTIONS, None)
            logged = [{**each, "log_id": self._log_id} for each in entries]
            rows.numbered((TRANSACTIONS,), lambda place: statement.change_all(place, logged))

    def _write_conflicts(self, rows: Rows) -> None:
        # The client may have been removed meanwhile, and its conflicts with it.
        if self.conflicts and rows.exists(CLIENTS, {KEY: self.conflicts[0].client_id}):
            for each in self.conflicts:
                log_conflict(rows, each)
        # Last: where the database is busy, the same is written again.
        self.conflicts = []

    def _row(self, rows: Rows, each: LoggedTransaction) -> dict[str, Any]:
        return {
            "reference_id": each.reference_id,
            "element_name": _fitted(rows, "element_name", each.element_name),
            "action": _fitted(rows, "action", each.action),
            "status_code": each.status_code,
            "record_count": each.record_count,
            "message": _fitted(rows, "message", each.message),
        }

    def _write_packet(
        self, rows: Rows, now: datetime, first: dict[str, Any] | None, *, is_all: bool
    ) -> int:
        """Log the packet, and the first of its transactions with it where there is one."""
        # One statement: what is not there is named by no row, and so is empty in the log. That may
        # be the client, too, for the packet may have removed its own.
        values = {
            "system": self._system_id,
            "client": self._client_id,
            "ip": self.address[:45],
            "entered": now,
        }
        metadata = rows.schema.metadata
        statement = _packet_alone(metadata) if first is None else _both(metadata, is_all)
        tables = (LOG,) if first is None else (LOG, TRANSACTIONS)
        values |= first or {}
        return rows.numbered(tables, lambda place: int(statement.value(place, values)))


@lru_cache(maxsize=4)
def _packet_alone(metadata: MetaData) -> Direct:
    return Direct(_packet_statement(metadata))


def _packet_statement(metadata: MetaData) -> Insert:
    log = metadata.tables[LOG]
    known = {
        name: select(key).where(key == bindparam(parameter, type_=Integer)).scalar_subquery()
        for name, key, parameter in (
            ("system_id", metadata.tables["sync_system"].c.system_id, "system"),
            ("client_id", metadata.tables[CLIENTS].c[KEY], "client"),
        )
    }
    told = {name: bindparam(name, type_=log.c[name].type) for name in ("ip", "entered")}
    return insert(log).values(known | told).returning(log.c.log_id)


@lru_cache(maxsize=8)
def _both(metadata: MetaData, is_all: bool) -> Direct:  # noqa: FBT001 - lru_cache keeps by it
    """The packet and a transaction; when that ``is_all``, it may be logged without more ado."""
    packet = _packet_statement(metadata).cte("packet")
    target = metadata.tables[TRANSACTIONS]
    sent = {name: bindparam(name, type_=target.c[name].type) for name in ROW}
    chosen = select(packet.c.log_id, *sent.values())
    # The database's own default gives the key, for only that knows the sequence of an adopted one.
    both = insert(target).from_select(["log_id", *sent], chosen, include_defaults=False)
    return Direct(both.returning(target.c.log_id), stands_alone=is_all)


def _fitted(rows: Rows, column: str, text: str | None) -> str | None:
    length = rows.schema.catalogue.tables[TRANSACTIONS].columns[column].max_length
    return text if text is None or length is None else text[:length]
