"""The log of packets: sync_log, and sync_transaction_log with a row for each transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Insert, Integer, MetaData, bindparam, insert, select

from packetserver.store.records import Records
from packetserver.sync.sessions import CLIENTS, KEY

LOG, TRANSACTIONS = "sync_log", "sync_transaction_log"


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
        self._address = address
        self._log_id: int | None = None

    def write(
        self, records: Records, now: datetime, transactions: Iterable[LoggedTransaction]
    ) -> None:
        """Log transactions, and the packet itself if that has not been done."""
        if self._log_id is None:
            self._log_id = self._write_packet(records, now)
        rows = [self._row(records, each) for each in transactions]
        if rows:
            statement = records.schema.statements.insert(TRANSACTIONS, None)
            records.connection.execute(statement, rows)

    def _row(self, records: Records, each: LoggedTransaction) -> dict[str, Any]:
        return {
            "log_id": self._log_id,
            "reference_id": each.reference_id,
            "element_name": _fitted(records, "element_name", each.element_name),
            "action": _fitted(records, "action", each.action),
            "status_code": each.status_code,
            "record_count": each.record_count,
            "message": _fitted(records, "message", each.message),
        }

    def _write_packet(self, records: Records, now: datetime) -> int:
        # One statement: what is not there is named by no row, and so is empty in the log. That may
        # be the client, too, for the packet may have removed its own.
        values = {
            "system": self._system_id,
            "client": self._client_id,
            "ip": self._address[:45],
            "entered": now,
        }
        statement = _packet_statement(records.schema.metadata)
        return int(records.connection.execute(statement, values).scalar_one())


@lru_cache(maxsize=4)
def _packet_statement(metadata: MetaData) -> Insert:
    log = metadata.tables[LOG]
    known = {
        name: select(key).where(key == bindparam(parameter, type_=Integer)).scalar_subquery()
        for name, key, parameter in (
            ("system_id", metadata.tables["sync_system"].c.system_id, "system"),
            ("client_id", metadata.tables[CLIENTS].c[KEY], "client"),
        )
    }
    return insert(log).values(known).returning(log.c.log_id)


def _fitted(records: Records, column: str, text: str | None) -> str | None:
    length = records.schema.catalogue.tables[TRANSACTIONS].columns[column].max_length
    return text if text is None or length is None else text[:length]
