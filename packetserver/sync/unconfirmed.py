"""What was sent to a client that has not confirmed it: the table sync_unconfirmed.

An answer can be lost after the server has committed it. So what a sync sends counts as received
only once the client ends its session; when it begins anew instead, it is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from packetserver.catalogue.conditions import All, Column, Compare, Condition, Literal
from packetserver.store.dialects import upsert
from packetserver.store.rows import Rows

TABLE = "sync_unconfirmed"
INSERT, UPDATE, DELETE = "insert", "update", "delete"
PACKAGE_TABLES = ("sync_package", "sync_package_work")
IDENTITY = ("client_id", "table_id", "record_id")
COLUMNS = (*IDENTITY, "kind", "seen", "gone", "resend", "batch")


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent of a record, and the change of it that was sent; perhaps that it is gone.

    What is to be ``resend`` may not have come.
    """

    kind: str
    seen: datetime | None
    gone: bool
    resend: bool = False
    batch: int = 0


def expect_loss(rows: Rows, client_id: int, first_batch: int = 0) -> None:
    """What was sent, from that batch on, and not confirmed may have been lost.

    New records and gone ones are sent again by the next sync of their list. Changes are just
    forgotten: the client asks for their window once more.
    """
    table = rows.table(TABLE)
    _expect_loss(rows, and_(table.c.client_id == client_id, table.c.batch >= first_batch))


def _expect_loss(rows: Rows, lost: ColumnElement[bool]) -> None:
    table = rows.table(TABLE)
    rows.connection.execute(delete(table).where(lost, table.c.kind == UPDATE))
    rows.connection.execute(update(table).where(lost).values(resend=True))


def next_batch(rows: Rows, client_id: int) -> int:
    """The number of the next batch for a client: above all that is remembered, of packages too."""
    table, packages, work = (rows.table(name) for name in (TABLE, *PACKAGE_TABLES))
    answers = rows.table("sync_answer")
    packed = select(func.max(work.c.last_batch)).join(
        packages, packages.c.package_id == work.c.package_id
    )
    lasts = (
        select(func.max(table.c.batch)).where(table.c.client_id == client_id),
        packed.where(packages.c.client_id == client_id),
        select(func.max(answers.c.last_batch)).where(answers.c.client_id == client_id),
    )
    return max(int(rows.connection.execute(each).scalar() or 0) for each in lasts) + 1


def confirm(rows: Rows, client_id: int) -> None:
    """The client has all that was sent since its session began (PROTOCOL.md 6.2, syncEnd)."""
    table = rows.table(TABLE)
    _take_as_come(rows, client_id, table.c.resend.is_(False))


def confirm_batches(rows: Rows, client_id: int, batches: tuple[int, int]) -> None:
    """The client has what was sent in these batches, the first and the last of which are given."""
    table = rows.table(TABLE)
    _take_as_come(rows, client_id, table.c.batch.between(*batches))


def confirm_list(
    rows: Rows, client_id: int, table_id: int, batches: Sequence[tuple[int, int]]
) -> None:
    """The client has what was sent of a list in these batches; what is gone stays to be named."""
    table = rows.table(TABLE)
    which = and_(table.c.table_id == table_id, table.c.gone.is_(False), table.c.resend.is_(False))
    if batches:
        _take_as_come(rows, client_id, and_(which, _in_batches(table, batches)))


def doubt_list(
    rows: Rows, client_id: int, table_id: int, batches: Sequence[tuple[int, int]]
) -> None:
    """The client may not have what was sent of a list in these batches."""
    table = rows.table(TABLE)
    which = and_(table.c.client_id == client_id, table.c.table_id == table_id)
    if batches:
        lost = and_(which, table.c.gone.is_(False), _in_batches(table, batches))
        _expect_loss(rows, lost)


def doubt_pages(
    rows: Rows, client_id: int, table_id: int, batches: tuple[int, int], offset: int
) -> None:
    """What was sent in these batches beyond the first ``offset`` records of a kind may be lost.

    They are the pages of one answer; whoever asks for a page again did not get it.
    """
    table = rows.table(TABLE)
    which = and_(
        table.c.client_id == client_id,
        table.c.table_id == table_id,
        table.c.batch.between(*batches),
    )
    sent = select(table.c.kind, table.c.batch, func.count()).where(
        which, table.c.resend.is_(False), table.c.gone.is_(False)
    )
    sent = sent.group_by(table.c.kind, table.c.batch).order_by(table.c.batch)
    before: dict[str, int] = {}
    lost: list[tuple[int, int]] = []
    for kind, batch, count in rows.connection.execute(sent).all():
        if before.get(kind, 0) >= offset:
            lost.append((batch, batch))
        before[kind] = before.get(kind, 0) + count
    doubt_list(rows, client_id, table_id, lost)


def forget_changes(rows: Rows, client_id: int, table_id: int) -> None:
    """What was sent of changes in a list is sent once more, if it is not confirmed."""
    table = rows.table(TABLE)
    which = and_(table.c.client_id == client_id, table.c.table_id == table_id)
    rows.connection.execute(delete(table).where(which, table.c.kind == UPDATE))


def _in_batches(table: FromClause, batches: Sequence[tuple[int, int]]) -> ColumnElement[bool]:
    return or_(*(table.c.batch.between(*each) for each in batches))


def doubt_batches(rows: Rows, client_id: int, batches: tuple[int, int]) -> None:
    """The client may not have what was sent in these batches: the next syncs send it again."""
    table = rows.table(TABLE)
    lost = and_(table.c.client_id == client_id, table.c.batch.between(*batches))
    _expect_loss(rows, lost)


def _take_as_come(rows: Rows, client_id: int, which: ColumnElement[bool]) -> None:
    ids, table = rows.table("sync_map"), rows.table(TABLE)
    came = and_(table.c.client_id == client_id, which)
    same = and_(*(ids.c[name] == table.c[name] for name in IDENTITY))
    shown = and_(same, came, table.c.gone.is_(False))
    rows.connection.execute(update(ids).where(shown).values(status_date=table.c.seen))
    gone = select(table.c.table_id, table.c.record_id).where(came, table.c.gone.is_(True))
    named = tuple_(ids.c.table_id, ids.c.record_id).in_(gone)
    rows.connection.execute(delete(ids).where(ids.c.client_id == client_id, named))
    rows.connection.execute(delete(table).where(came))


class Batch:
    """What one sync sends of one list, noted so that exactly that can be read and confirmed."""

    def __init__(self, rows: Rows, client_id: int, table_id: int) -> None:
        self._rows = rows
        self._table = rows.table(TABLE)
        self._place: Mapping[str, int] = {"client_id": client_id, "table_id": table_id}
        self.number = next_batch(rows, client_id)
        self.count = 0
        """How many records were noted in it, at most."""

    def add(
        self,
        rows: Select[Any],
        record: ColumnElement[Any],
        seen: ColumnElement[Any],
        kind: str,
    ) -> int:
        """Note the records of a select, with the change that is sent; returns how many they are.

        A record that is new to the client remains new until the client has confirmed it,
        whatever else is sent of it.
        """
        place = [literal(each) for each in self._place.values()]
        is_gone, no = literal(kind == DELETE), literal(value=False)
        columns = [*place, record, literal(kind), seen, is_gone, no, literal(self.number)]
        source = rows.with_only_columns(*columns, maintain_column_froms=True)
        count = self._upsert(source.params(self._rows.parameters))
        self.count += count
        return count

    def _upsert(self, source: Select[Any]) -> int:
        connection = self._rows.connection
        statement = upsert(connection, self._table).from_select(COLUMNS, source)
        sent = statement.excluded
        changed: dict[str, Any] = {name: sent[name] for name in COLUMNS[len(IDENTITY) :]}
        changed["kind"] = case((self._table.c.kind == INSERT, INSERT), else_=sent.kind)
        statement = statement.on_conflict_do_update(index_elements=IDENTITY, set_=changed)
        counted = statement.execution_options(preserve_rowcount=True)
        return connection.execute(counted).rowcount

    @property
    def holds_row(self) -> Condition:
        """Whether a row of the table notes a record in this batch, as a condition."""
        wanted = {**self._place, "batch": self.number}
        each = (Compare(Column(name), "=", Literal(value)) for name, value in wanted.items())
        return All(tuple(each))

    def holds(self, sent: FromClause, record: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether a row of the table, or of an alias of it, notes a record in this batch."""
        return and_(*self._mine(sent), sent.c.record_id == record, sent.c.batch == self.number)

    def _mine(self, table: FromClause) -> list[ColumnElement[bool]]:
        return [table.c[name] == value for name, value in self._place.items()]
