"""Which records of a list a client does not have, and of which it has an earlier state."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, false, func, not_, or_, select

from packetserver.sync.lists import ListWindow
from packetserver.sync.unconfirmed import TABLE, Batch


class Unseen:
    """A list beside one client's map, and beside what was sent to the client and not confirmed."""

    def __init__(self, within: ListWindow, client_id: int, element_id: int) -> None:
        self._within = within
        self._place = {"client_id": client_id, "table_id": element_id}
        self._ids = within.records.table("sync_map").alias()
        self._sent = within.records.table(TABLE).alias()
        joined: FromClause = within.selection.scope.table
        for table in (self._ids, self._sent):
            joined = joined.outerjoin(table, self._is_in(table))
        self._rows = select().select_from(joined).where(*within.where())

    def again(self) -> Select[Any]:
        """Records that were sent under a number, and may not have come."""
        return self._rows.where(self._is_mapped(), self._is_pending())

    def new(self) -> Select[Any]:
        """Records that the client does not have: entered in the window, late, or never come."""
        entered, reach = self._within.entered, self._within.window.reach
        rows = self._rows.where(self._ids.c.record_id.is_(None))
        if entered is None:
            return rows
        inside = self._is_closed(entered)
        if reach is not None:
            inside = and_(inside, or_(entered > reach, self._has_arrived_since(reach)))
        return rows.where(or_(inside, entered.is_(None), self._is_pending()))

    def changed(self, new: Batch | None) -> Select[Any]:
        """Records changed in the window, and those of which the client is known to have less.

        What is just being sent as ``new`` is left out; without it, all that the session has sent.
        """
        modified, last = self._within.modified, self._within.window.last
        if modified is None:
            return self._rows.where(false())
        wanted = self._is_late(modified)
        if last is not None:
            unsent = or_(self._sent.c.kind.is_(None), self._is_unseen(modified))
            if new is not None:
                unsent = or_(unsent, self._sent.c.batch != new.number)
            wanted = or_(wanted, and_(self._is_changed_since(modified, last), unsent))
        settled = or_(self._sent.c.kind.is_(None), not_(self._is_pending()))
        return self._rows.where(self._is_closed(modified), settled, wanted)

    def _is_changed_since(
        self, modified: ColumnElement[Any], last: datetime
    ) -> ColumnElement[bool]:
        """The window of changes: a record that is rather new to the client is not in it."""
        entered, reach = self._within.entered, self._within.window.reach
        if entered is None:
            return modified > last
        is_old = and_(self._is_mapped(), or_(entered <= last, entered.is_(None)))
        if reach is not None:
            is_old = or_(is_old, and_(entered <= reach, not_(self._has_arrived_since(reach))))
        return and_(modified > last, is_old)

    def _is_late(self, modified: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether the client, in a session, has an earlier state than its last anchor says."""
        window = self._within.window
        if window.present is None:
            return false()
        unseen = and_(self._is_mapped(), self._is_unseen(modified))
        return unseen if window.reach is None else and_(unseen, modified > window.reach)

    def _is_closed(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether a time is no later than the next anchor, or is no time to go by."""
        window = self._within.window
        inside = column <= window.next
        return inside if window.present is None else or_(inside, column > window.present)

    def _has_arrived_since(self, reach: datetime) -> ColumnElement[bool]:
        """Whether a record came later than it says; that counts in a session alone."""
        if self._within.window.present is None:
            return false()
        table = self._within.records.table("sync_arrival")
        arrived = select(table.c.record_id).where(table.c.arrived > reach)
        return self._within.key.in_(arrived.where(table.c.table_id == self._place["table_id"]))

    def _is_mapped(self) -> ColumnElement[bool]:
        return self._ids.c.record_id.is_not(None)

    def _is_pending(self) -> ColumnElement[bool]:
        """Whether a record must be sent again: it may not have come, or it went and is back."""
        return or_(self._sent.c.resend.is_(True), self._sent.c.gone.is_(True))

    def _is_unseen(self, modified: ColumnElement[Any]) -> ColumnElement[bool]:
        seen = func.coalesce(self._sent.c.seen, self._ids.c.status_date)
        return or_(seen.is_(None), modified > seen)

    def _is_in(self, table: FromClause) -> ColumnElement[bool]:
        same = (table.c[name] == value for name, value in self._place.items())
        return and_(*same, table.c.record_id == self._within.key)
