"""What a database that the original made lacks, and can be given beside what is there.

What its rows and sequences hold against serving it is found here too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ColumnClause,
    Connection,
    Integer,
    String,
    column,
    func,
    insert,
    select,
    table,
    text,
)
from sqlalchemy.schema import CreateColumn

from packetserver.adoption.differences import Finding, Topic, WireNames
from packetserver.adoption.found import FoundTable
from packetserver.catalogue.loader import read_defaults
from packetserver.catalogue.model import Catalogue, Column, Table
from packetserver.store.dialects import next_value, quoted_sequence
from packetserver.store.folding import folds_letters
from packetserver.store.guid_columns import SYSTEM
from packetserver.store.names import NameColumn, find_twins, hold, is_held, listed, name_columns
from packetserver.store.schema import Schema
from packetserver.store.setup import default_rows
from packetserver.store.tables import LONGEST_NAME, build_tables

OWN_ROWS = (("access", "user_id", "the user 0"), ("organization", "org_id", "the own company"))
"""Rows with the key 0, which what the server enters by itself refers to."""

PERMISSIONS = "permission"

Found = Mapping[str, FoundTable]


def examine_rows(connection: Connection, catalogue: Catalogue, found: Found) -> Iterator[Finding]:
    """What is found in the rows of the tables that both sides have."""
    names = WireNames(catalogue)
    for described in catalogue.tables.values():
        if described.name in found:
            yield from _examine_keys(connection, described, found[described.name], names)
            yield from _examine_references(connection, catalogue, described.name, found, names)
    if not folds_letters(connection.dialect):
        yield Finding(Topic.NO_LETTERS, "the database")
    yield from _missing_rows(connection, found)
    yield from _missing_permissions(connection, catalogue)


def _examine_keys(
    connection: Connection, described: Table, found: FoundTable, names: WireNames
) -> Iterator[Finding]:
    """Where the keys of a table come from."""
    key = found.columns.get(described.key or "")
    if described.sequence is None or key is None or key.generated:
        return
    place, concerns = f"{described.name}.{key.name}", names.stored_in(described.name)
    quoted = quoted_sequence(connection, key.sequence) if key.sequence else None
    if key.sequence is None or quoted is None:
        fact = f"there is no sequence {key.sequence}" if key.sequence else "it has no default"
        yield Finding(Topic.NO_KEYS_GIVEN, place, fact, concerns)
        return
    following = next_value(connection, quoted)
    largest = largest_key(connection, described.name, key.name)
    if following <= largest:
        fact = f"{key.sequence} gives {following} next, and {largest} is there"
        yield Finding(Topic.BEHIND, place, fact, concerns)
    if key.sequence.rpartition(".")[2].strip('"') != described.sequence:
        fact = f"{key.sequence} instead of {described.sequence}"
        yield Finding(Topic.OTHER_SEQUENCE, place, fact)


def largest_key(connection: Connection, name: str, key: str) -> int:
    """The largest key of a table; 0 when it is empty."""
    statement = select(func.max(column(key, Integer))).select_from(table(name))
    return int(connection.execute(statement).scalar() or 0)


def _examine_references(
    connection: Connection, catalogue: Catalogue, name: str, found: Found, names: WireNames
) -> Iterator[Finding]:
    """References that the catalogue lets the database check, and this database does not."""
    actual = found[name]
    for each in catalogue.tables[name].columns.values():
        target = catalogue.tables.get(each.references or "")
        if not each.constrained or target is None or target.key is None:
            continue
        if each.name in actual.columns and each.name not in actual.references:
            here, there = (name, each.name), (target.name, target.key)
            dangling = _count_dangling(connection, here, there) if _has(found, *there) else 0
            fact = f"rows that refer to no {target.name}: {dangling}" if dangling else ""
            concerns = names.column(name, each.name)
            yield Finding(Topic.UNCHECKED, f"{name}.{each.name}", fact, concerns)


def _has(found: Found, name: str, column_name: str) -> bool:
    return name in found and column_name in found[name].columns


def _count_dangling(connection: Connection, here: tuple[str, str], there: tuple[str, str]) -> int:
    referring = table(here[0], column(here[1])).alias("referring")
    target = table(there[0], column(there[1])).alias("target")
    reference = referring.c[here[1]]
    is_there = select(target).where(target.c[there[1]] == reference).exists()
    statement = select(func.count()).select_from(referring)
    counted = connection.execute(statement.where(reference.is_not(None), ~is_there))
    return int(counted.scalar_one())


def count_in_the_way(
    connection: Connection, name: str, columns: tuple[str, ...], found: FoundTable
) -> int:
    """How many values of the columns stand in more than one row; all rows, if a column is new."""
    if not set(columns) <= set(found.columns):
        every = select(func.count()).select_from(table(name))
        return int(connection.execute(every).scalar_one())
    parts: list[ColumnClause[Any]] = [column(each) for each in columns]
    repeated = (
        select(*parts)
        .select_from(table(name))
        .where(*(each.is_not(None) for each in parts))
        .group_by(*parts)
        .having(func.count() > 1)
        .subquery()
    )
    return int(connection.execute(select(func.count()).select_from(repeated)).scalar_one())


def _missing_rows(connection: Connection, found: Found) -> Iterator[Finding]:
    for name, key, words in OWN_ROWS:
        if _has(found, name, key):
            statement = select(func.count()).select_from(table(name)).where(column(key) == 0)
            if not connection.execute(statement).scalar():
                yield Finding(Topic.NO_ROW, f"{name}.{key} 0", words)


def _missing_permissions(connection: Connection, catalogue: Catalogue) -> Iterator[Finding]:
    statement = select(column("permission", String)).select_from(table(PERMISSIONS))
    known = set(connection.execute(statement).scalars())
    wanted: dict[str, list[str]] = {}
    for each in catalogue.objects.values():
        if each.permission is not None and each.permission not in known:
            wanted.setdefault(each.permission, []).append(each.element)
    for name, elements in sorted(wanted.items()):
        yield Finding(Topic.NO_PERMISSION, name, "", ", ".join(elements))


SYSTEMS, ELEMENTS = "sync_system", "sync_table"
RELATIONS = text(
    "SELECT relname FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace)"
)


@dataclass(frozen=True, slots=True)
class NewIndex:
    """An index of ours; without a name the database chooses one, because ours is taken."""

    table: str
    columns: tuple[str, ...]
    unique: bool
    name: str | None


@dataclass(frozen=True, slots=True)
class Additions:
    """What is to be added: tables, columns with their tables, indexes, and rows for sync clients.

    ``names`` are the columns of which the database is to keep names unique.
    ``lacks_system`` is whether sync_system has no row for the catalogue, ``elements`` are those
    without a row in sync_table.
    """

    tables: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    indexes: tuple[NewIndex, ...]
    names: tuple[NameColumn, ...]
    lacks_system: bool
    elements: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is anything to add."""
        lists = (self.tables, self.columns, self.indexes, self.names, self.elements)
        return any(lists) or self.lacks_system


def find_additions(connection: Connection, schema: Schema, found: Found) -> Additions:
    """What the database lacks; an index that rows stand in the way of is left out."""
    tables = schema.catalogue.tables
    return Additions(
        tables=tuple(name for name in tables if name not in found),
        columns=tuple(_missing_columns(tables, found)),
        indexes=tuple(_missing_indexes(connection, schema, found)),
        names=tuple(each for each in _names(schema, found) if not _is_refused(connection, each)),
        lacks_system=not _has_system(connection, found),
        elements=tuple(_missing_elements(connection, schema, found)),
    )


def rows_in_the_way(connection: Connection, schema: Schema, found: Found) -> Iterator[Finding]:
    """The unique indexes that cannot be added, and how many values are not unique."""
    for name, columns in _missing_unique(schema, found):
        count = count_in_the_way(connection, name, columns, found[name])
        if count:
            fact = f"values of ({', '.join(columns)}) in more than one row: {count}"
            yield Finding(Topic.NOT_UNIQUE, name, fact)
    for names in _names(schema, found):
        place, concerns = f"{names.table}.{names.column}", WireNames(schema.catalogue)
        for twins in find_twins(connection, names):
            field = concerns.column(names.table, names.column)
            yield Finding(Topic.SAME_NAME, place, listed(twins.rows), field)


def _names(schema: Schema, found: Found) -> Iterator[NameColumn]:
    """The columns that the database has whose names are to be unique."""
    for names in name_columns(schema.catalogue):
        if names.table in found and {names.key, names.column} <= set(found[names.table].columns):
            yield names


def _is_refused(connection: Connection, names: NameColumn) -> bool:
    return is_held(connection, names) or bool(find_twins(connection, names))


def _missing_columns(tables: Mapping[str, Table], found: Found) -> Iterator[tuple[str, str]]:
    for described in tables.values():
        if described.name in found:
            missing = set(described.columns) - set(found[described.name].columns)
            # A key cannot be added to rows that are there.
            yield from (
                (described.name, name)
                for name in described.columns
                if name in missing and name != described.key
            )


def _missing_unique(schema: Schema, found: Found) -> Iterator[tuple[str, tuple[str, ...]]]:
    for described in schema.catalogue.tables.values():
        if described.name in found:
            for columns in described.unique:
                if not found[described.name].is_unique(columns):
                    yield described.name, columns


def _missing_indexes(connection: Connection, schema: Schema, found: Found) -> Iterator[NewIndex]:
    taken = set(connection.execute(RELATIONS).scalars())
    for name, columns in _missing_unique(schema, found):
        if not count_in_the_way(connection, name, columns, found[name]):
            chosen = "_".join((name, *columns, "key"))[:LONGEST_NAME]
            yield NewIndex(name, columns, unique=True, name=None if chosen in taken else chosen)
    for chosen, name, columns in _missing_plain(schema, found):
        yield NewIndex(name, columns, unique=False, name=None if chosen in taken else chosen)


def _missing_plain(schema: Schema, found: Found) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Names of indexes that are not unique, with their tables and columns."""
    for name, described in schema.metadata.tables.items():
        for index in sorted(described.indexes, key=lambda each: str(each.name)):
            columns = tuple(each.name for each in index.columns)
            if (
                name in found
                and not found[name].is_indexed(columns)
                and _has_all(schema, found, name, columns)
            ):
                yield str(index.name), name, columns


def _has_all(schema: Schema, found: Found, name: str, columns: tuple[str, ...]) -> bool:
    """Whether the table has these columns, or gets them."""
    addable = set(schema.catalogue.tables[name].columns) - {schema.catalogue.tables[name].key}
    return set(columns) <= addable | set(found[name].columns)


def _has_system(connection: Connection, found: Found) -> bool:
    if SYSTEMS not in found:
        return False
    statement = select(func.count()).select_from(table(SYSTEMS))
    return bool(connection.execute(statement.where(column("system_id") == SYSTEM)).scalar())


def _missing_elements(connection: Connection, schema: Schema, found: Found) -> Iterator[str]:
    known: set[str] = set()
    if ELEMENTS in found:
        statement = select(column("element_name", String)).select_from(table(ELEMENTS))
        known.update(connection.execute(statement.where(column("system_id") == SYSTEM)).scalars())
    return (name for name in schema.catalogue.targets if name not in known)


KEYLESS_KINDS = frozenset({"lookup", "table"})
"""Objects whose key `shareKey` does not share (PROTOCOL.md 3.1)."""

INTEGERS = frozenset({"integer", "bigint", "smallint"})


def add(
    connection: Connection, schema: Schema, found: Found, additions: Additions, now: datetime
) -> None:
    """Add all of it; ``now`` is when the rows are entered."""
    _add_tables(connection, schema.catalogue, found, additions.tables)
    for name in {of for of, _ in additions.columns}:
        columns = [each for of, each in additions.columns if of == name]
        _add_columns(connection, schema.catalogue.tables[name], columns)
    for index in additions.indexes:
        _add_index(connection, index)
    for names in additions.names:
        hold(connection, names)
    if additions.lacks_system:
        connection.execute(insert(schema.metadata.tables[SYSTEMS]).values(_system_row()))
    if additions.elements:
        _add_elements(connection, schema, found, additions.elements, now)


def _add_tables(
    connection: Connection, catalogue: Catalogue, found: Found, names: tuple[str, ...]
) -> None:
    tables = dict(catalogue.tables)
    for name in names:
        tables[name] = _referring_where_possible(tables[name], catalogue, found)
    metadata = build_tables(dataclasses.replace(catalogue, tables=MappingProxyType(tables)))
    metadata.create_all(connection, tables=[metadata.tables[name] for name in names])


def _referring_where_possible(described: Table, catalogue: Catalogue, found: Found) -> Table:
    """The table without references that the tables which are there do not allow."""
    columns = {
        name: column
        if _can_refer(column, catalogue, found)
        else dataclasses.replace(column, constrained=False)
        for name, column in described.columns.items()
    }
    return dataclasses.replace(described, columns=MappingProxyType(columns))


def _can_refer(column: Column, catalogue: Catalogue, found: Found) -> bool:
    target = catalogue.tables.get(column.references or "")
    if target is None or target.key is None or target.name not in found:
        return True
    key = found[target.name].columns.get(target.key)
    if key is None or (column.type == "integer" and key.type not in INTEGERS):
        return False
    return found[target.name].is_unique((target.key,))


def _add_columns(connection: Connection, described: Table, names: Iterable[str]) -> None:
    """Add columns, without references; rows that are there get the default, or nothing."""
    columns = {name: _addable(described.columns[name]) for name in names}
    part = Table(described.name, None, None, MappingProxyType(columns))
    alone = Catalogue(MappingProxyType({}), {part.name: part}, MappingProxyType({}))
    added = build_tables(alone).tables[part.name]
    quoted = connection.dialect.identifier_preparer.format_table(added)
    for each in added.columns:
        declared = CreateColumn(each).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {quoted} ADD COLUMN {declared}")


def _addable(column: Column) -> Column:
    nullable = column.nullable or column.default is None
    return dataclasses.replace(column, nullable=nullable, references=None)


def _add_index(connection: Connection, index: NewIndex) -> None:
    quote = connection.dialect.identifier_preparer.quote
    kind = "UNIQUE INDEX" if index.unique else "INDEX"
    name = quote(index.name) if index.name else ""
    columns = ", ".join(map(quote, index.columns))
    connection.exec_driver_sql(f"CREATE {kind} {name} ON {quote(index.table)} ({columns})")


def _system_row() -> dict[str, Any]:
    """The row of sync_system that the catalogue belongs to, as every new database has it."""
    files = dict(read_defaults())
    rows = (
        row
        for content in files.values()
        for name, rows in default_rows(content)
        if name == SYSTEMS
        for row in rows
    )
    return next(row for row in rows if row["system_id"] == SYSTEM)


def _add_elements(
    connection: Connection, schema: Schema, found: Found, names: tuple[str, ...], now: datetime
) -> None:
    """Number elements in sync_table, so that sync clients may have maps of their records."""
    first = _first_number(connection, found)
    places = {name: place for place, name in enumerate(schema.catalogue.targets)}
    for number, name in enumerate(names, first or 0):
        target = schema.catalogue.targets[name]
        is_keyless = target.is_list or target.object.kind in KEYLESS_KINDS
        row: dict[str, Any] = {
            "system_id": SYSTEM,
            "element_name": name,
            "object_key": None if is_keyless else "id",
            "order_id": places[name],
            "entered": now,
            "modified": now,
        }
        if first is not None:
            row["table_id"] = number
        connection.execute(insert(schema.metadata.tables[ELEMENTS]).values(row))


def _first_number(connection: Connection, found: Found) -> int | None:
    """The first free number, when nothing in the database gives out free ones itself."""
    if ELEMENTS not in found:
        return None
    key = found[ELEMENTS].columns["table_id"]
    if key.generated:
        return None
    quoted = quoted_sequence(connection, key.sequence) if key.sequence else None
    largest = largest_key(connection, ELEMENTS, key.name)
    gives_free_ones = quoted is not None and next_value(connection, quoted) > largest
    return None if gives_free_ones else largest + 1
