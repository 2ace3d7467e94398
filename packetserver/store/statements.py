"""Statements on one table, worked out once and used with other values each time.

Making a statement costs more than carrying it out; so those that differ in their values alone are
the same object, which is compiled once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Connection,
    Select,
    Table,
    bindparam,
    case,
    literal,
    literal_column,
    select,
)

from packetserver.catalogue.conditions import EVERY, Condition, related
from packetserver.store.chosen import Chosen
from packetserver.store.conditions import sql
from packetserver.store.direct import Direct, Row, Statement
from packetserver.store.plans import Plan
from packetserver.store.row_locks import Strength
from packetserver.store.scope import GivenScope, Scope

STATEMENTS_KEPT = 4096
EQUAL, CHANGED = "is_", "to_"
"""How parameters are named: a column may be compared and changed in one statement."""

Columns = tuple[str, ...]
Compared = tuple[tuple[str, bool], ...]
"""Columns that must be equal to a value, and whether that value is none."""


class Prepared(NamedTuple):
    """A statement and its values; one that has expressions of SQL among them is made for them."""

    statement: Direct | Statement
    values: Mapping[str, Any]

    def rows(self, connection: Connection) -> list[Row]:
        """Carry it out; all rows of its result. Raises DBAPIError, as all of these do."""
        if isinstance(self.statement, Direct):
            return self.statement.rows(connection, self.values)
        return [tuple(row) for row in connection.execute(self.statement)]

    def first(self, connection: Connection) -> Row | None:
        """The first row of its result; None when there is none."""
        found = self.rows(connection)
        return found[0] if found else None

    def change(self, connection: Connection) -> int:
        """Carry it out; how many rows it has changed."""
        if isinstance(self.statement, Direct):
            return self.statement.change(connection, self.values)
        return connection.execute(self.statement).rowcount


class _How(NamedTuple):
    """In which order rows are read, how many, and whether others are kept from changing them."""

    order: str | None
    limit: int | None
    lock: Strength | None

    def applied(self, statement: Select[Any], target: Table) -> Select[Any]:
        if self.order is not None:
            statement = statement.order_by(target.c[self.order])
        statement = statement.limit(self.limit)
        if self.lock is None:
            return statement
        return statement.with_for_update(key_share=self.lock is Strength.CHANGE)


class Statements:
    """The statements of all tables; shared by all connections of a process."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        keep = lru_cache(maxsize=STATEMENTS_KEPT)
        self.insert = keep(self._insert)
        self.insert_shown = keep(self._insert_shown)
        self._read = keep(self._select)
        self._read_planned = keep(self._planned)
        self._read_judged = keep(self._judged)
        self.given = keep(self._given)
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
        lock: Strength | None = None,
    ) -> Prepared:
        """Some columns of the rows whose columns are equal to the identity's."""
        how = _How(order, limit, lock)
        if _is_plain(identity.values()):
            statement = self._read(table, tuple(columns), _compared(identity), how)
            return Prepared(statement, _equal(identity))
        target = self._tables[table]
        chosen = select(*(target.c[name] for name in columns)).where(*_literally(target, identity))
        return Prepared(how.applied(chosen, target), {})

    def planned(
        self,
        scope: Scope,
        plan: Plan,
        condition: Condition,
        identity: Mapping[str, Any],
        parameters: Mapping[str, Any],
    ) -> Prepared:
        """What a plan selects of one record, and whether a condition holds for it.

        ``parameters`` are what the plan and the condition leave open.
        """
        statement = self._read_planned(scope, plan, condition, _compared(identity))
        return Prepared(statement, {**parameters, **_equal(identity)})

    def judged(
        self,
        scope: Scope,
        condition: Condition,
        identity: Mapping[str, Any],
        parameters: Mapping[str, Any],
        lock: Strength | None,
    ) -> Prepared:
        """The stored fields of one record, and behind them whether a condition holds for it."""
        statement = self._read_judged(scope, condition, _compared(identity), lock)
        return Prepared(statement, {**parameters, **_equal(identity)})

    def exists(self, table: str, identity: Mapping[str, Any]) -> Prepared:
        """Whether there is such a row: a row when there is."""
        if not _is_plain(identity.values()):
            target = self._tables[table]
            found = select(literal(1)).select_from(target).where(*_literally(target, identity))
            return Prepared(found.limit(1), {})
        return Prepared(self._exists_equal(table, _compared(identity)), _equal(identity))

    def update(
        self, table: str, identity: Mapping[str, Any], values: Mapping[str, Any]
    ) -> Prepared:
        """Change such rows."""
        if not _is_plain((*identity.values(), *values.values())):
            target = self._tables[table]
            changed = sqlalchemy.update(target).where(*_literally(target, identity))
            return Prepared(changed.values(dict(values)), {})
        parameters = {f"{CHANGED}{name}": value for name, value in values.items()}
        statement = self._update_equal(table, _compared(identity), tuple(values))
        return Prepared(statement, parameters | _equal(identity))

    def delete(self, table: str, identity: Mapping[str, Any]) -> Prepared:
        """Remove such rows."""
        if not _is_plain(identity.values()):
            target = self._tables[table]
            return Prepared(sqlalchemy.delete(target).where(*_literally(target, identity)), {})
        return Prepared(self._delete_equal(table, _compared(identity)), _equal(identity))

    def _insert(self, table: str, key: str | None, chosen: Chosen = ()) -> Direct:
        """Store a row, given by column names but for what is chosen; it returns the key."""
        target, statement = self._tables[table], self._storing(table, chosen)
        shown = statement if key is None else statement.returning(target.c[key])
        return Direct(shown, stores_any=True)

    def _insert_shown(self, table: str, key: str, plan: Plan, chosen: Chosen) -> Direct:
        """The same, but it returns what a plan selects, and then the key."""
        target, statement = self._tables[table], self._storing(table, chosen)
        shown = statement.returning(*columns_of(plan), target.c[key])
        return Direct(shown, stores_any=True)

    def _storing(self, table: str, chosen: Chosen) -> sqlalchemy.Insert:
        statement = sqlalchemy.insert(self._tables[table])
        if not chosen:
            return statement
        return statement.values({name: each.expression(self._tables) for name, each in chosen})

    def _select(
        self,
        table: str,
        columns: Columns,
        compared: Compared,
        how: _How,
    ) -> Direct:
        target = self._tables[table]
        statement = select(*(target.c[name] for name in columns))
        chosen = how.applied(statement.where(*conditions(target, compared)), target)
        return Direct(chosen, stands_alone=how.lock is None)

    def _planned(
        self, scope: Scope, plan: Plan, condition: Condition, compared: Compared
    ) -> Direct:
        target = self._tables[scope.object.table or ""]
        judgement = [] if condition == EVERY else [_judgement(condition, scope)]
        statement = select(*columns_of(plan), *judgement).select_from(target)
        return Direct(statement.where(*conditions(target, compared)), stands_alone=True)

    def _judged(
        self,
        scope: Scope,
        condition: Condition,
        compared: Compared,
        lock: Strength | None,
    ) -> Direct:
        target = self._tables[scope.object.table or ""]
        columns = (target.c[each.column or ""] for each in scope.object.stored_fields)
        judgement = [] if condition == EVERY else [_judgement(condition, scope)]
        statement = select(*columns, *judgement).select_from(target)
        statement = statement.where(*conditions(target, compared))
        chosen = _How(None, None, lock).applied(statement, target)
        return Direct(chosen, stands_alone=lock is None)

    def _given(self, scope: Scope, condition: Condition) -> tuple[Direct, frozenset[str]]:
        """Whether a condition holds for a record whose fields are parameters.

        With it come the tables that it looks at.
        """
        given = GivenScope(scope.catalogue, scope.metadata, scope.object, scope.table)
        statement = Direct(select(_judgement(condition, given)), stands_alone=True)
        objects = (scope.catalogue.objects[each] for each in related(condition))
        return statement, frozenset(each.table or "" for each in objects)

    def _exists(self, table: str, compared: Compared) -> Direct:
        target = self._tables[table]
        found = select(literal(1)).select_from(target)
        return Direct(found.where(*conditions(target, compared)).limit(1), stands_alone=True)

    def _update(self, table: str, compared: Compared, columns: Columns) -> Direct:
        target = self._tables[table]
        values = {
            name: bindparam(f"{CHANGED}{name}", type_=target.c[name].type) for name in columns
        }
        changed = sqlalchemy.update(target).where(*conditions(target, compared))
        return Direct(changed.values(values))

    def _delete(self, table: str, compared: Compared) -> Direct:
        target = self._tables[table]
        return Direct(sqlalchemy.delete(target).where(*conditions(target, compared)))


def _judgement(condition: Condition, scope: Scope) -> ColumnElement[int]:
    """1 for a record for which a condition holds, else 0."""
    return case((sql(condition, scope), literal_column("1")), else_=literal_column("0"))


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
