"""A sync whose client wants guids: all that is sent is numbered, and noted until it is confirmed.

What is gone of a list is named and noted alike (PROTOCOL.md 6.6).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Select,
    cast,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    true,
)

from packetserver.catalogue.conditions import EVERY, Condition, Exists, Linked, Not
from packetserver.failures import Kind, because
from packetserver.store.conditions import sql
from packetserver.store.dialects import heed_growth
from packetserver.store.hiding import is_hidden
from packetserver.store.plans import Plan, Row
from packetserver.store.rows import Rows
from packetserver.store.scope import Scope
from packetserver.sync.guids import Numbers
from packetserver.sync.lists import ListWindow, Range, paged
from packetserver.sync.unconfirmed import DELETE, INSERT, TABLE, UPDATE, Batch
from packetserver.sync.unseen import Unseen

MAP_COLUMNS = ("client_id", "table_id", "record_id", "cuid", "complete", "status_date")
GROWING = ("sync_map", TABLE)
NO_NUMBERS = "There are no numbers left for new records"


class TrackedList:
    """A page of a list, sent to a client whose map is kept.

    ``new`` and ``changed``, in this order, note what is to be sent; ``sent`` reads that back. The
    offset counts what the session has sent already, so that nothing is passed over when records
    come and go between two pages.
    """

    def __init__(self, within: ListWindow, client_id: int, element_id: int, page: Range) -> None:
        self._within = within
        self._records = within.records
        self._place = {"client_id": client_id, "table_id": element_id}
        self._offset, self._items = page
        self._numbers = Numbers(within.records, client_id, element_id)
        self._unseen = Unseen(within, client_id, element_id)
        self._most = 0

    @property
    def is_last_page(self) -> bool:
        """Whether nothing follows the page, as far as can be told without another look."""
        return self._items is None or self._most < self._items

    def total_new(self) -> int:
        """How many records are new, those of earlier pages included."""
        rest = self._within.count(self._unseen.again()) + self._within.count(self._unseen.new())
        return rest + self._sent_before(INSERT)

    def new(self, identity: int) -> Batch:
        """Number the records that the client does not have, in the list's order, and note them.

        Raises Refused when the numbers are used up.
        """
        skipped = max(self._offset - self._sent_before(INSERT), 0)
        batch = self._batch()
        again = self._unseen.again().order_by(*self._within.ordered())
        count = batch.add(paged(again, (0, self._items)), *self._change(), INSERT)
        left = None if self._items is None else max(self._items - count, 0)
        self._most = max(self._most, count + self._number(batch, identity, (skipped, left)))
        return batch

    def total_changed(self, new: Batch) -> int:
        """How many records have changed, those of earlier pages included."""
        return self._within.count(self._changed(new)) + self._sent_before(UPDATE)

    def changed(self, new: Batch) -> Batch:
        """Note the records that have changed since the client saw them, and are not new to it."""
        skipped = max(self._offset - self._sent_before(UPDATE), 0)
        rows = self._changed(new).order_by(*self._within.ordered())
        batch = self._batch()
        count = batch.add(paged(rows, (skipped, self._items)), *self._change(), UPDATE)
        self._most = max(self._most, count)
        return batch

    def sent(self, batch: Batch, plan: Plan) -> Iterator[Row]:
        """The planned columns of what a batch holds, as the records are now."""
        if not batch.count:
            return iter(())
        noted = Exists(Linked(TABLE, "record_id", free=True), batch.holds_row)
        return self._records.select(replace(self._within.selection, where=noted), plan)

    def _number(self, batch: Batch, identity: int, page: Range) -> int:
        """Give numbers to new records, and note them; returns how many."""
        skipped, left = page
        found = 0
        for first, size in self._numbers.free_from(identity):
            count = self._assign(first, (skipped, size if left is None else min(size, left)))
            if count:
                batch.add(*self._assigned(first, count), INSERT)
                self._numbers.keep_run(identity, first + count)
                heed_growth(self._records.connection, GROWING, count)
            found += count
            left = None if left is None else left - count
            if count < size or left == 0:
                return found
        if self._within.count(self._unseen.new()):
            raise because(NO_NUMBERS, kind=Kind.LIMIT)
        return found

    def _assign(self, first: int, page: Range) -> int:
        """Map new records to consecutive numbers in one statement; returns how many."""
        order = self._within.ordered()
        place = func.row_number(type_=Integer).over(order_by=order)
        number = place + literal(first - 1 - page[0])
        record, seen = self._change()
        constants = [literal(value) for value in self._place.values()]
        columns: list[ColumnElement[Any]] = [*constants, record, number, true(), seen]
        rows = self._unseen.new().with_only_columns(*columns, maintain_column_froms=True)
        source = paged(rows.order_by(*order), page).params(self._records.parameters)
        statement = insert(self._records.table("sync_map")).from_select(MAP_COLUMNS, source)
        counted = statement.execution_options(preserve_rowcount=True)
        return self._records.connection.execute(counted).rowcount

    def _assigned(
        self, first: int, count: int
    ) -> tuple[Select[Any], ColumnElement[Any], ColumnElement[Any]]:
        ids = self._records.table("sync_map")
        numbered = ids.c.cuid.between(first, first + count - 1)
        rows = select().select_from(ids).where(*self._mine(ids), numbered)
        return rows, ids.c.record_id, ids.c.status_date

    def _change(self) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        """A record, and the change of it that is sent."""
        modified = self._within.modified
        return self._within.key, cast(null(), DateTime) if modified is None else modified

    def _batch(self) -> Batch:
        return Batch(self._records, *self._place.values())

    def _sent_before(self, kind: str) -> int:
        """How many records the session has sent before this page; nothing is before the first."""
        if self._offset == 0:
            return 0
        sent = self._records.table(TABLE)
        counted = select(func.count()).select_from(sent).where(*self._mine(sent))
        counted = counted.where(
            sent.c.kind == kind, sent.c.resend.is_(False), sent.c.gone.is_(False)
        )
        return int(self._records.connection.execute(counted).scalar_one())

    def _changed(self, new: Batch) -> Select[Any]:
        return self._unseen.changed(None if self._offset else new)

    def _mine(self, table: FromClause) -> list[ColumnElement[bool]]:
        return [table.c[name] == value for name, value in self._place.items()]


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
