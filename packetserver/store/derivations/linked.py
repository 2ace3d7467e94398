"""Rows of another table that belong to a record, always within a subquery of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Exists,
    FromClause,
    ScalarSelect,
    Select,
    and_,
    case,
    literal,
    select,
)

from packetserver.catalogue.model import Named
from packetserver.store.scope import Scope, reference_path


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of ``name`` whose ``link`` equals ``on`` of the record: ``table`` is an alias."""

    scope: Scope
    name: str
    table: FromClause
    link: ColumnElement[Any]
    on: ColumnElement[Any]
    reads: str = ""
    """What is read of them, where it is a column: names are shown to more than who sees the rows."""

    @property
    def seen(self) -> list[ColumnElement[bool]]:
        """What they must be like to be seen by whoever asks."""
        return self.scope.seen(self.name, self.table, self.reads)

    @property
    def key(self) -> ColumnElement[Any] | None:
        """The key column of the rows, None when their table has none."""
        name = self.scope.catalogue.tables[self.name].key
        return None if name is None else self.table.c[name]

    def column(self, path: str) -> ColumnElement[Any]:
        """A column of the rows, or one that they reach, `column.column…`."""
        return self.scope.follow(self.name, self.table, path)

    def select(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """The record's rows, as a subquery of the record's query."""
        found = select(*columns).select_from(self.table).where(self.link == self.on, *self.seen)
        return found.correlate_except(self.table)

    def exist(self, *conditions: ColumnElement[bool]) -> Exists:
        """Whether the record has such a row for which the conditions hold too."""
        return self.select(literal(1)).where(*conditions).exists()

    def found(self, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        """The same, for conditions of a list.

        The rows are gathered once: asking for every record would cost as much as all have rows.
        """
        links = select(self.link).select_from(self.table)
        links = links.where(self.link.is_not(None), *self.seen, *conditions)
        return and_(self.on.is_not(None), self.on.in_(links.correlate_except(self.table)))

    def first(
        self, path: str, flag: str = "", *conditions: ColumnElement[bool]
    ) -> ScalarSelect[Any]:
        """A column of the first row: those whose ``flag`` is true lead, then the lowest key does.

        The rows of a table without a key are ordered by the column itself. ``conditions`` say
        which rows count.
        """
        column = self.column(path)
        order: list[ColumnElement[Any]] = [column if self.key is None else self.key]
        if flag:
            order.insert(0, case((self.table.c[flag].is_(True), 0), else_=1))
        found = self.select(column).where(*conditions).order_by(*order)
        return found.limit(1).scalar_subquery()


def linked_rows(scope: Scope, named: Named, table: str = "") -> Rows:
    """The rows that the arguments `table`, `link` and `on` describe.

    `link` is the column of `table` that equals `on`, a column of the record (by default its key);
    both may be paths through references.
    """
    name = table or named.text("table")
    other = scope.other(name)
    own = named.text("on")
    on = reference_path(scope, own) if own else scope.key
    return Rows(scope, name, other, scope.follow(name, other, named.text("link")), on)


def row_of_key(scope: Scope, table: str, key: ColumnElement[Any], reads: str) -> Rows:
    """The one row of a table that has a key, such as the one that a reference names.

    ``reads`` is the column, or the path from it, that is read there.
    """
    other = scope.other(table)
    column = reads.partition(".")[0]
    return Rows(scope, table, other, other.c[scope.key_of(table)], key, column)
