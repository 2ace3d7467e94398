"""What the named functions of a query may ask: the object's table, and how to reach others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FromClause,
    MetaData,
    bindparam,
    cast,
    select,
)

from packetserver.catalogue.conditions import EVERY
from packetserver.catalogue.model import Catalogue, ObjectType
from packetserver.store.conditions import sql
from packetserver.store.sight import ALL_SEEING, Asking, Sight


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """One object within a query; ``table`` is its table or an alias of it.

    One is equal to itself alone, so that statements can be kept by it.

    ``sight`` is what may be seen of other objects' rows; ``asker`` is what whoever asks may, which
    counts for what he has asked for. ``rows_of`` names the table where it is not the object's.
    """

    catalogue: Catalogue
    metadata: MetaData
    object: ObjectType
    table: FromClause
    sight: Sight = ALL_SEEING
    asker: Sight = ALL_SEEING
    rows_of: str = ""

    @property
    def name(self) -> str:
        """The name of the table."""
        return self.rows_of or self.object.table or ""

    def asking(self, by: str) -> Scope:
        """The same for what a filter asks: it tells nothing of what cannot be seen."""
        if self.asker is ALL_SEEING:
            return self
        return replace(self, sight=Asking(self.asker, by))

    def column(self, name: str) -> ColumnElement[Any]:
        """A column of the object's table."""
        return self.table.c[name]

    def field_column(self, name: str) -> ColumnElement[Any]:
        """The column of a field of the object, by its wire name."""
        found = self.object.field(name)
        if found is None or found.column is None:
            raise KeyError(f"{self.object.element} stores no field {name}")
        return self.table.c[found.column]

    def stored_column(self, name: str) -> str:
        """The name of the column of a field, empty for one that is not stored or reached by a path."""
        found = self.object.field(name)
        return "" if found is None else found.column or ""

    @property
    def key(self) -> ColumnElement[Any]:
        """The key column of the object, or of the table."""
        if self.rows_of:
            return self.table.c[self.key_of(self.rows_of)]
        if self.object.key is None:
            raise KeyError(f"{self.object.element} has no key")
        return self.table.c[self.object.key.column or ""]

    def another(self, element: str) -> Scope:
        """The records of another object, under a name of their own."""
        described = self.catalogue.objects[element]
        table = self.other(described.table or "")
        return Scope(self.catalogue, self.metadata, described, table, self.sight, self.asker)

    def of_table(self, name: str) -> Scope:
        """The rows of a table, which may be that of no object, under a name of their own."""
        return replace(self, table=self.other(name), rows_of=name)

    def seen(self, name: str, table: FromClause, column: str = "") -> list[ColumnElement[bool]]:
        """What rows of a table must be like to be seen; ``column`` is what is read of them.

        ``table`` is the one that is called ``name``, or an alias of it. Rows that belong to no
        object are seen by all.
        """
        described = self.catalogue.first_of_table.get(name)
        if self.sight is ALL_SEEING or described is None:
            return []
        is_name = column in {described.fields[each].column for each in described.known_by}
        see = self.sight.of_names if is_name else self.sight.of_rows
        condition = see(described.element)
        scope = replace(self, object=described, table=table, rows_of="", sight=ALL_SEEING)
        return [] if condition == EVERY else [sql(condition, scope)]

    def other(self, table: str) -> FromClause:
        """Another table under a name of its own, so that it can be used more than once."""
        return self.metadata.tables[table].alias()

    def key_of(self, table: str) -> str:
        """The name of a table's key column."""
        key = self.catalogue.tables[table].key
        if key is None:
            raise KeyError(f"{table} has no key")
        return key

    def referenced_table(self, name: str) -> str:
        """The table that a reference field of the object points to."""
        found = self.object.field(name)
        table = self.catalogue.table_of(found) if found is not None else None
        if table is None:
            raise KeyError(f"{self.object.element}.{name} is no reference")
        return table

    def follow(self, name: str, table: FromClause, path: str) -> ColumnElement[Any]:
        """A column of a table, or `column.column…` through the records that columns point to.

        ``name`` is the table's name; ``table`` is it, or an alias of it.
        """
        first, *rest = path.split(".")
        value: ColumnElement[Any] = table.c[first]
        for before, column in zip((first, *rest), rest, strict=False):
            target = self.catalogue.tables[name].columns[before].references
            if target is None:
                raise KeyError(f"{name}.{before} points to no table")
            other = self.other(target)
            found = select(other.c[column]).where(
                other.c[self.key_of(target)] == value, *self.seen(target, other, column)
            )
            name, value = target, found.correlate_except(other).scalar_subquery()
        return value

    def referenced(self, name: str, column: str) -> ColumnElement[Any]:
        """A column of the record that a reference field points to, as a scalar subquery."""
        table = self.referenced_table(name)
        other = self.other(table)
        return (
            select(other.c[column])
            .where(other.c[self.key_of(table)] == self.field_column(name))
            .where(*self.seen(table, other, column))
            .correlate_except(other)
            .scalar_subquery()
        )


@dataclass(frozen=True, slots=True, eq=False)
class GivenScope(Scope):
    """A record that is not stored: its fields are parameters, named after their columns."""

    def field_column(self, name: str) -> ColumnElement[Any]:
        """The parameter for a field of the object, by its wire name."""
        kind = Scope.field_column(self, name).type
        given = bindparam(given_parameter(name), type_=kind)
        # Of a flag by itself PostgreSQL is not told what it is.
        return cast(given, kind) if isinstance(kind, Boolean) else given


def given_parameter(name: str) -> str:
    """The parameter for a field of a record that is not stored."""
    return f"given_{name}"


def reference_path(scope: Scope, path: str) -> ColumnElement[Any]:
    """A column by the form that schemas give it.

    `column`, or `path:column.column…`: every column but the last points to a record of another
    table, and the last is a column there.
    """
    return scope.follow(scope.name, scope.table, path.removeprefix("path:"))
