"""The log of packets: sync_log, and sync_transaction_log with a row for each transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from packetserver.store.records import Records
from packetserver.sync.sessions import has_client

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
        for each in transactions:
            values = {
                "log_id": self._log_id,
                "reference_id": each.reference_id,
                "element_name": _fitted(records, "element_name", each.element_name),
                "action": _fitted(records, "action", each.action),
                "status_code": each.status_code,
                "record_count": each.record_count,
                "message": _fitted(records, "message", each.message),
            }
            records.insert_row(TRANSACTIONS, values)

    def _write_packet(self, records: Records, now: datetime) -> int:
        system = {"system_id": self._system_id}
        # The packet may have removed its own client.
        client_id = self._client_id if has_client(records, self._client_id) else None
        is_known = self._system_id is not None and records.exists("sync_system", system)
        values = {
            "system_id": self._system_id if is_known else None,
            "client_id": client_id,
            "ip": self._address[:45],
            "entered": now,
        }
        return int(records.insert_row(LOG, values))


def _fitted(records: Records, column: str, text: str | None) -> str | None:
    length = records.schema.catalogue.tables[TRANSACTIONS].columns[column].max_length
    return text if text is None or length is None else text[:length]
