"""Rows that wait to be stored together: one after the other costs a round trip each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError

from packetserver.store.direct import Direct

MOST_WAITING = 500


class WaitingRows:
    """Rows of one table, all with the same columns, in the order in which they came."""

    def __init__(self) -> None:
        self.table: str | None = None
        self._columns: frozenset[str] = frozenset()
        self._rows: list[dict[str, Any]] = []
        self._origins: list[object] = []

    def takes(self, table: str, values: Mapping[str, Any]) -> bool:
        """Whether a row can wait with those that wait already."""
        if not self._rows:
            return True
        is_like_them = table == self.table and values.keys() == self._columns
        return is_like_them and len(self._rows) < MOST_WAITING

    def add(self, table: str, values: Mapping[str, Any], origin: object) -> None:
        """Let a row wait; ``origin`` is what its refusal will name."""
        self.table = table
        self._columns = frozenset(values)
        self._rows.append(dict(values))
        self._origins.append(origin)

    def take(self) -> tuple[str, list[dict[str, Any]], list[object]]:
        """The table, the rows, and their origins, which wait no longer; no rows when none did."""
        table, rows, origins = self.table or "", self._rows, self._origins
        self.table, self._rows, self._origins = None, [], []
        return table, rows, origins


def stored_together(connection: Connection, statement: Direct, rows: list[dict[str, Any]]) -> bool:
    """Store rows with one statement; whether the database took them all, for else it took none."""
    try:
        with connection.begin_nested():
            statement.change_all(connection, rows)
    except (DataError, IntegrityError):
        return False
    return True
