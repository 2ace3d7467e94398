"""Adds what a database of the original lacks, within the caller's transaction."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, insert
from sqlalchemy.schema import CreateColumn

from packetserver.catalogue.loader import read_defaults
from packetserver.catalogue.model import Catalogue, Column, Table
from packetserver.store.adoption_additions import ELEMENTS, SYSTEMS, Additions, NewIndex
from packetserver.store.adoption_found import FoundTable
from packetserver.store.adoption_rows import largest_key
from packetserver.store.defaults import default_rows
from packetserver.store.guid_columns import SYSTEM
from packetserver.store.key_sequences import next_value, quoted_sequence
from packetserver.store.names import hold
from packetserver.store.schema import Schema
from packetserver.store.tables import build_tables

KEYLESS_KINDS = frozenset({"lookup", "table"})
"""Objects whose key `shareKey` does not share (PROTOCOL.md 3.1)."""

INTEGERS = frozenset({"integer", "bigint", "smallint"})

Found = Mapping[str, FoundTable]


def add(
    connection: Connection, schema: Schema, found: Found, additions: Additions, now: datetime
) -> None:
    """Add all of it; ``now`` is when the rows are entered."""
    _add_tables(connection, schema.catalogue, found, additions.tables)
    for name in {table for table, _ in additions.columns}:
        columns = [column for table, column in additions.columns if table == name]
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
    table = build_tables(alone).tables[part.name]
    quoted = connection.dialect.identifier_preparer.format_table(table)
    for column in table.columns:
        declared = CreateColumn(column).compile(dialect=connection.dialect)
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
