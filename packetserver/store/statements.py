"""Statements on one table, worked out once and used with other values each time.

Making a statement costs more than carrying it out; so those that differ in their values alone are
the same object, whose compiled text SQLAlchemy finds by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Delete,
    Insert,
    Select,
    Table,
    bindparam,
    literal,
    select,
)

from packetserver.store.plans import Plan

STATEMENTS_KEPT = 4096
EQUAL, CHANGED = "is_", "to_"
"""How parameters are named: a column may be compared and changed in one statement."""

Columns = tuple[str, ...]
Compared = tuple[tuple[str, bool], ...]
"""Columns that must be equal to a value, and whether that value is none."""

Prepared = tuple[Any, dict[str, Any]]
"""A statement and its parameters."""


class _How(NamedTuple):
    """In which order rows are read, how many, and whether others are kept from changing them."""

    order: str | None
    limit: int | None
    lock: bool

    def applied(self, statement: Select[Any], target: Table) -> Select[Any]:
        if self.order is not None:
            statement = statement.order_by(target.c[self.order])
        statement = statement.limit(self.limit)
        return statement.with_for_update() if self.lock else statement


class Statements:
    """The statements of all tables; shared by all connections of a process."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        keep = lru_cache(maxsize=STATEMENTS_KEPT)
        self.insert = keep(self._insert)
        self.insert_shown = keep(self._insert_shown)
        self._read = keep(self._select)
        self._read_planned = keep(self._planned)
        self._exists_equal = keep(self._exists)
        self._update_equal = keep(self._update)
        self._delete_equal = keep(self._delete)

    def read(
        self,
        table: str,
        columns: Iterable[str],
        identity: Mapping[str, Any],
        *,
        order: str | None = None,
        limit: int | None = None,
        lock: bool = False,
    ) -> Prepared:
        """Some columns of the rows whose columns are equal to the identity's."""
        how = _How(order, limit, lock)
        if _is_plain(identity.values()):
            return self._read(table, tuple(columns), _compared(identity), how), _equal(identity)
        target = self._tables[table]
        statement = select(*(target.c[name] for name in columns))
        return how.applied(statement.where(*_literally(target, identity)), target), {}

    def planned(self, table: str, plan: Plan, identity: Mapping[str, Any]) -> Prepared:
        """What a plan selects of one record."""
        return self._read_planned(table, plan, _compared(identity)), _equal(identity)

    def exists(self, table: str, identity: Mapping[str, Any]) -> Prepared:
        """Whether there is such a row: a row when there is."""
        if not _is_plain(identity.values()):
            target = self._tables[table]
            found = select(literal(1)).select_from(target).where(*_literally(target, identity))
            return found.limit(1), {}
        return self._exists_equal(table, _compared(identity)), _equal(identity)

    def update(
        self, table: str, identity: Mapping[str, Any], values: Mapping[str, Any]
    ) -> Prepared:
        """Change such rows."""
        if not _is_plain((*identity.values(), *values.values())):
            target = self._tables[table]
            changed = sqlalchemy.update(target).where(*_literally(target, identity))
            return changed.values(dict(values)), {}
        parameters = {f"{CHANGED}{name}": value for name, value in values.items()}
        statement = self._update_equal(table, _compared(identity), tuple(values))
        return statement, parameters | _equal(identity)

    def delete(self, table: str, identity: Mapping[str, Any]) -> Prepared:
        """Remove such rows."""
        if not _is_plain(identity.values()):
            target = self._tables[table]
            return sqlalchemy.delete(target).where(*_literally(target, identity)), {}
        return self._delete_equal(table, _compared(identity)), _equal(identity)

    def _insert(self, table: str, key: str | None) -> Insert:
        """Store a row; its parameters are the columns' names, and it returns the key."""
        target = self._tables[table]
        statement = sqlalchemy.insert(target)
        return statement if key is None else statement.returning(target.c[key])

    def _insert_shown(self, table: str, key: str, plan: Plan) -> Insert:
        """The same, but it returns what a plan selects, and then the key."""
        target = self._tables[table]
        return sqlalchemy.insert(target).returning(*columns_of(plan), target.c[key])

    def _select(
        self,
        table: str,
        columns: Columns,
        compared: Compared,
        how: _How,
    ) -> Select[Any]:
        target = self._tables[table]
        statement = select(*(target.c[name] for name in columns))
        return how.applied(statement.where(*conditions(target, compared)), target)

    def _planned(self, table: str, plan: Plan, compared: Compared) -> Select[Any]:
        target = self._tables[table]
        statement = select(*columns_of(plan)).select_from(target)
        return statement.where(*conditions(target, compared))

    def _exists(self, table: str, compared: Compared) -> Select[Any]:
        target = self._tables[table]
        found = select(literal(1)).select_from(target)
        return found.where(*conditions(target, compared)).limit(1)

    def _update(self, table: str, compared: Compared, columns: Columns) -> sqlalchemy.Update:
        target = self._tables[table]
        values = {
            name: bindparam(f"{CHANGED}{name}", type_=target.c[name].type) for name in columns
        }
        return sqlalchemy.update(target).where(*conditions(target, compared)).values(values)

    def _delete(self, table: str, compared: Compared) -> Delete:
        target = self._tables[table]
        return sqlalchemy.delete(target).where(*conditions(target, compared))


def columns_of(plan: Plan) -> Sequence[ColumnElement[Any]]:
    """What a plan selects; at least one column, for there is a row for every record."""
    return plan.columns or (literal(1),)


def conditions(target: Table, names: Iterable[tuple[str, bool]]) -> list[ColumnElement[bool]]:
    """Columns equal to parameters that are named after them, or empty."""
    return [
        target.c[name].is_(None)
        if is_none
        else target.c[name] == bindparam(f"{EQUAL}{name}", type_=target.c[name].type)
        for name, is_none in names
    ]


def _literally(target: Table, identity: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [target.c[name] == value for name, value in identity.items()]


def _compared(identity: Mapping[str, Any]) -> Compared:
    return tuple([(name, value is None) for name, value in identity.items()])


def _equal(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{EQUAL}{name}": value for name, value in identity.items() if value is not None}


def _is_plain(values: Collection[Any]) -> bool:
    """Whether all are values, none an expression of SQL, which is a part of its statement."""
    return not any(isinstance(each, ClauseElement) for each in values)
