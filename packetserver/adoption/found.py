"""The tables of a PostgreSQL database as they are, read from its catalogues."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine.interfaces import ReflectedForeignKeyConstraint, ReflectedIndex

from packetserver.store.dialects import sequence_of_default

# Not the information schema, whose views take seconds for a database of this size.
COLUMNS = text(
    "SELECT c.relname, a.attname, format_type(a.atttypid, NULL),"
    " CASE WHEN a.atttypid IN (1042, 1043) AND a.atttypmod > 0 THEN a.atttypmod - 4 END,"
    " CASE WHEN a.atttypid IN (1114, 1184) THEN coalesce(nullif(a.atttypmod, -1), 6) END,"
    " NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity <> ''"
    " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    " WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND c.relkind IN ('r', 'p')"
    " AND a.attnum > 0 AND NOT a.attisdropped"
    " ORDER BY c.relname, a.attnum"
)
"""Columns with the facts of FoundColumn; the numbers are char, varchar and the timestamps."""

SHORT_NAMES = {"character varying": "varchar", "character": "char"}


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column of the database; ``type`` is PostgreSQL's own word for it.

    ``length`` is in characters and ``precision`` in digits of a second, None where they mean
    nothing. ``generated`` columns are identities, which are filled without a default.
    """

    name: str
    type: str
    length: int | None
    precision: int | None
    nullable: bool
    default: str | None
    generated: bool

    @property
    def must_be_given(self) -> bool:
        """Whether an insert that leaves the column out is refused."""
        return not (self.nullable or self.default is not None or self.generated)

    @property
    def sequence(self) -> str | None:
        """The sequence that the default takes values from, as the default names it."""
        return sequence_of_default(self.default)

    @property
    def words(self) -> str:
        """The type as one would declare it, in the original's words."""
        if self.type.startswith("timestamp"):
            zone = " with time zone" if self.type.endswith("with time zone") else ""
            return f"timestamp({self.precision}){zone}"
        name = SHORT_NAMES.get(self.type, self.type)
        return f"{name}({self.length})" if self.length else name


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table of the database; sets of columns that are unique, indexes, references by column."""

    name: str
    columns: Mapping[str, FoundColumn]
    unique: frozenset[frozenset[str]]
    indexes: frozenset[tuple[str, ...]]
    references: Mapping[str, str]

    def is_unique(self, columns: tuple[str, ...]) -> bool:
        """Whether no two rows can be equal in these columns."""
        return any(each <= set(columns) for each in self.unique)

    def is_indexed(self, columns: tuple[str, ...]) -> bool:
        """Whether an index begins with these columns."""
        return any(each[: len(columns)] == columns for each in self.indexes)


def read_database(connection: Connection) -> Mapping[str, FoundTable]:
    """The tables of the schema that the connection works in, by name."""
    columns: dict[str, dict[str, FoundColumn]] = defaultdict(dict)
    for table, *facts in connection.execute(COLUMNS):
        columns[table][facts[0]] = FoundColumn(*facts)
    inspector = inspect(connection)
    keys, indexes = inspector.get_multi_pk_constraint(), inspector.get_multi_indexes()
    references = inspector.get_multi_foreign_keys()
    return {
        name: FoundTable(
            name,
            found,
            _unique(tuple(keys[None, name]["constrained_columns"]), indexes[None, name]),
            _indexes(tuple(keys[None, name]["constrained_columns"]), indexes[None, name]),
            _references(references[None, name]),
        )
        for name, found in columns.items()
    }


def _unique(key: tuple[str, ...], indexes: list[ReflectedIndex]) -> frozenset[frozenset[str]]:
    others = [_columns(each) for each in indexes if each["unique"]]
    return frozenset(frozenset(each) for each in (key, *others) if each)


def _indexes(key: tuple[str, ...], indexes: list[ReflectedIndex]) -> frozenset[tuple[str, ...]]:
    return frozenset(each for each in (key, *map(_columns, indexes)) if each)


def _columns(index: ReflectedIndex) -> tuple[str, ...]:
    """The columns of an index; none of one that covers expressions or some rows only."""
    names: list[str | None] = index["column_names"]
    options: Mapping[str, Any] = index.get("dialect_options", {})
    if None in names or options.get("postgresql_where"):
        return ()
    included = len(options.get("postgresql_include") or ())
    return tuple(name for name in names[: len(names) - included] if name is not None)


def _references(constraints: list[ReflectedForeignKeyConstraint]) -> Mapping[str, str]:
    return {
        each["constrained_columns"][0]: each["referred_table"]
        for each in constraints
        if len(each["constrained_columns"]) == 1
    }
