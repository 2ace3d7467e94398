"""Reading and writing the records of the catalogue's objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, Select, func, literal, select
from sqlalchemy.engine import Row

from packetserver.catalogue.model import ObjectType
from packetserver.store.derivations.reading import value_column
from packetserver.store.diagnosis import Attempt, refusals_explained
from packetserver.store.filters import chosen_order, conditions
from packetserver.store.plans import Plan
from packetserver.store.schema import Schema
from packetserver.store.scope import Scope, Selection, reference_path

FIELD = "field:"
"""In an order, what a field reads instead of a column."""

PAGE_OF_ROWS = 500
"""How many rows a cursor fetches at a time: memory stays flat however long a list is."""


class Records:
    """The records of all objects, over one connection."""

    def __init__(
        self,
        schema: Schema,
        connection: Connection,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        """``parameters`` are what plans leave open, such as the time of the reading."""
        self.schema = schema
        self.connection = connection
        self.parameters = dict(parameters or {})

    def table(self, name: str) -> sqlalchemy.Table:
        """A table of the catalogue."""
        return self.schema.metadata.tables[name]

    def _attempt(self, table: str, values: Mapping[str, Any], *, removing: bool = False) -> Attempt:
        return Attempt(self.connection, self.schema, table, values, removing)

    def insert(self, described: ObjectType, values: Mapping[str, Any]) -> Any:
        """Store a record, given as column values; returns its key, None for a keyless object."""
        return self.insert_row(described.table or "", values)

    def insert_row(self, table: str, values: Mapping[str, Any]) -> Any:
        """Store a row of any table of the catalogue; returns its key."""
        target = self.table(table)
        key = self.schema.catalogue.tables[table].key
        statement = sqlalchemy.insert(target)
        with refusals_explained(self._attempt(table, values)):
            if key is None:
                self.connection.execute(statement, dict(values))
                return None
            keys = self.connection.execute(statement.returning(target.c[key]), dict(values))
            return keys.scalar()

    def update(
        self, described: ObjectType, identity: Mapping[str, Any], values: Mapping[str, Any]
    ) -> int:
        """Change the columns of the record that ``identity`` names; returns how many changed."""
        return self.update_rows(described.table or "", identity, values)

    def update_rows(
        self, table: str, identity: Mapping[str, Any], values: Mapping[str, Any]
    ) -> int:
        """Change rows of any table, chosen by equal columns; returns how many changed."""
        target = self.table(table)
        statement = sqlalchemy.update(target).where(*_equal(target, identity)).values(dict(values))
        with refusals_explained(self._attempt(table, values)):
            return self.connection.execute(statement).rowcount

    def delete_rows(self, table: str, identity: Mapping[str, Any]) -> int:
        """Remove rows of any table, chosen by equal columns; returns how many went."""
        target = self.table(table)
        statement = sqlalchemy.delete(target).where(*_equal(target, identity))
        with refusals_explained(self._attempt(table, identity, removing=True)):
            return self.connection.execute(statement).rowcount

    def delete_belongings(self, table: str, identity: Mapping[str, Any]) -> None:
        """Remove the rows that go with rows of a table (schemas: `on_delete`).

        A database of the original does not do so by itself.
        """
        target, key = self.table(table), self.schema.catalogue.tables[table].key or ""
        self._delete_pointing_to(table, select(target.c[key]).where(*_equal(target, identity)))

    def _delete_pointing_to(self, table: str, keys: Select[Any]) -> None:
        for name, column in self.schema.belongings.get(table, ()):
            target, key = self.table(name), self.schema.catalogue.tables[name].key
            pointing = target.c[column].in_(keys)
            if key is not None:
                self._delete_pointing_to(name, select(target.c[key]).where(pointing))
            self.connection.execute(sqlalchemy.delete(target).where(pointing))

    def stored(
        self, described: ObjectType, identity: Mapping[str, Any], *, lock: bool = False
    ) -> dict[str, Any] | None:
        """The stored values of a record by field name, None when there is no such record.

        ``lock`` keeps others from changing it until this unit of work ends.
        """
        table = self.table(described.table or "")
        fields = list(described.stored_fields)
        statement = select(*(table.c[each.column or ""] for each in fields))
        statement = statement.where(*_equal(table, identity))
        row = self.connection.execute(statement.with_for_update() if lock else statement).first()
        return None if row is None else {each.name: row[i] for i, each in enumerate(fields)}

    def value(self, table: str, column: str, identity: Mapping[str, Any]) -> Any:
        """One column of the first row with equal columns; None when there is no such row."""
        target = self.table(table)
        statement = select(target.c[column]).where(*_equal(target, identity)).limit(1)
        return self.connection.execute(statement).scalar()

    def values(self, table: str, column: str, identity: Mapping[str, Any]) -> list[Any]:
        """One column of every row with equal columns."""
        target = self.table(table)
        statement = select(target.c[column]).where(*_equal(target, identity))
        return list(self.connection.execute(statement).scalars())

    def exists(self, table: str, identity: Mapping[str, Any]) -> bool:
        """Whether a table has a row with equal columns."""
        target = self.table(table)
        statement = select(literal(1)).select_from(target).where(*_equal(target, identity))
        return self.connection.execute(statement.limit(1)).first() is not None

    def read(
        self, described: ObjectType, plan: Plan, identity: Mapping[str, Any]
    ) -> Row[Any] | None:
        """The planned columns of one record."""
        table = self.table(described.table or "")
        statement = select(*columns_of(plan)).select_from(table).where(*_equal(table, identity))
        return self.connection.execute(statement, self.parameters).first()

    def count(self, selection: Selection) -> int:
        """How many records the filters leave."""
        table = selection.scope.table
        statement = select(func.count()).select_from(table).where(*conditions(selection))
        return int(self.connection.execute(statement, self.parameters).scalar() or 0)

    def select(
        self,
        selection: Selection,
        plan: Plan,
        order: Sequence[str],
        page: tuple[int, int | None] | None = None,
        extra: Sequence[ColumnElement[Any]] = (),
    ) -> Iterator[Row[Any]]:
        """The records that the filters leave, streamed; ``page`` is (offset, items or None).

        A row holds the plan's columns first, then the ``extra`` ones.
        """
        statement = list_statement(selection, plan, order, extra)
        if page is not None:
            offset, items = page
            statement = statement.offset(offset)
            statement = statement if items is None else statement.limit(items)
        return self.stream(statement)

    def stream(self, statement: Select[Any]) -> Iterator[Row[Any]]:
        """The rows of a statement, fetched a page at a time while they are used."""
        streamed = statement.execution_options(yield_per=PAGE_OF_ROWS)
        yield from self.connection.execute(streamed, self.parameters)


def list_statement(
    selection: Selection,
    plan: Plan,
    order: Sequence[str],
    extra: Sequence[ColumnElement[Any]] = (),
) -> Select[Any]:
    """The statement that reads a list."""
    scope = selection.scope
    statement = select(*columns_of(plan), *extra).select_from(scope.table)
    return statement.where(*conditions(selection)).order_by(
        *order_of(scope, chosen_order(selection, order))
    )


def columns_of(plan: Plan) -> Sequence[ColumnElement[Any]]:
    """What a plan selects; at least one column, for there is a row for every record."""
    return plan.columns or (literal(1),)


def order_of(scope: Scope, names: Sequence[str]) -> Iterator[ColumnElement[Any]]:
    """PostgreSQL's placing of empty columns on both databases, and the key to end all ties."""
    for name in names:
        column = _ordering_column(scope, name.removeprefix("-"))
        descending = name.startswith("-")
        yield column.desc().nulls_first() if descending else column.asc().nulls_last()
    if scope.object.key is not None:
        yield scope.key.asc()


def _ordering_column(scope: Scope, name: str) -> ColumnElement[Any]:
    if name.startswith(FIELD):
        return value_column(scope, name.removeprefix(FIELD))
    return reference_path(scope, name)


def _equal(table: sqlalchemy.Table, identity: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in identity.items()]
