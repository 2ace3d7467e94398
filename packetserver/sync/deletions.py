"""What is gone of a list: records that a client has and the server no longer (PROTOCOL.md 6.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Select, cast, func, null, or_, select

from packetserver.catalogue.conditions import EVERY, Condition, Not
from packetserver.store.conditions import sql
from packetserver.store.hiding import is_hidden
from packetserver.store.rows import Rows
from packetserver.store.scope import Scope
from packetserver.sync.lists import Range, paged
from packetserver.sync.unconfirmed import DELETE, TABLE, Batch


class GoneRecords:
    """The records of a list that one client has, and that are gone: removed, hidden, out of its sight."""

    def __init__(
        self,
        rows: Rows,
        scope: Scope,
        rights: Condition,
        client_id: int,
        element_id: int,
    ) -> None:
        """``rights`` say which records the client may have."""
        self._rows = rows
        self._scope = scope
        self._rights = rights
        self._ids = rows.table("sync_map").alias()
        self._place = {"client_id": client_id, "table_id": element_id}

    def count(self) -> int:
        """How many there are."""
        counted = self._gone().with_only_columns(func.count(), maintain_column_froms=True)
        found = self._rows.connection.execute(counted, self._rows.parameters)
        return int(found.scalar_one())

    def name(self, page: Range) -> Iterator[int]:
        """The client's ids of a page of them; they count as named until it confirms that.

        The map keeps them: what the client never heard of is named once more.
        """
        batch = Batch(self._rows, *self._place.values())
        rows = paged(self._gone().order_by(self._ids.c.cuid), page)
        batch.add(rows, self._ids.c.record_id, cast(null(), DateTime), DELETE)
        sent = self._rows.table(TABLE).alias()
        named = select(self._ids.c.cuid).where(*self._mine())
        named = named.join(sent, batch.holds(sent, self._ids.c.record_id))
        for row in self._rows.stream(named.order_by(self._ids.c.cuid)):
            yield row[0]

    def _gone(self) -> Select[Any]:
        table, trashed = self._scope.table, self._scope.object.trashed_column
        joined = self._ids.outerjoin(table, self._scope.key == self._ids.c.record_id)
        gone: ColumnElement[bool] = self._scope.key.is_(None)
        if trashed is not None:
            gone = or_(gone, self._scope.column(trashed).is_not(None))
        hidden = is_hidden(self._scope)
        if hidden is not None:
            gone = or_(gone, hidden)
        if self._rights != EVERY:
            gone = or_(gone, sql(Not(self._rights), self._scope))
        return select().select_from(joined).where(*self._mine(), gone)

    def _mine(self) -> list[ColumnElement[bool]]:
        return [self._ids.c[name] == value for name, value in self._place.items()]
