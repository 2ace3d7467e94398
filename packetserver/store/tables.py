"""The catalogue's tables as SQLAlchemy metadata, the same for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Double,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from packetserver.catalogue import model
from packetserver.errors import CatalogueError
from packetserver.store.dialects import KeySequence, server_time
from packetserver.store.names import NameColumn, hold

LONGEST_NAME = 63
"""PostgreSQL's limit for the name of a constraint or index, in bytes."""

COLUMN_TYPES: dict[str, TypeEngine[Any]] = {
    "integer": Integer(),
    "double": Double().with_variant(Float(), "sqlite"),
    "boolean": Boolean(),
    "timestamp": DateTime().with_variant(postgresql.TIMESTAMP(precision=3), "postgresql"),
    "date": Date(),
    "binary": LargeBinary(),
}


def build_tables(catalogue: model.Catalogue) -> MetaData:
    """All tables of the catalogue.

    Raises CatalogueError for a column whose type the database has no form for.
    """
    metadata = MetaData()
    for described in catalogue.tables.values():
        _build_table(metadata, described)
    for described in catalogue.tables.values():
        _add_references(metadata, catalogue, described)
    return metadata


def _build_table(metadata: MetaData, described: model.Table) -> Table:
    columns = [_column(described, each) for each in described.columns.values()]
    unique = [UniqueConstraint(*each) for each in described.unique]
    table = Table(
        described.name,
        metadata,
        *columns,
        *unique,
        # A key that was deleted must never come back: sync clients remember it.
        sqlite_autoincrement=described.sequence is not None,
    )
    if described.sequence is not None:
        event.listen(table, "after_create", partial(_count_keys, described))
    for name in described.names:
        names = NameColumn(described.name, described.key or "", name)
        event.listen(table, "after_create", partial(_hold_names, names))
    return table


def _hold_names(names: NameColumn, target: Table, connection: Connection, **options: Any) -> None:
    hold(connection, names)


def _count_keys(
    described: model.Table, target: Table, connection: Connection, **options: Any
) -> None:
    """Says where keys come from, also for rows that something else than this server inserts."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            f"ALTER TABLE {described.name} ALTER COLUMN {described.key}"
            f" SET DEFAULT nextval('{described.sequence}')"
        )
    elif described.first_key > 1:
        counted = "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)"
        connection.exec_driver_sql(counted, (described.name, described.first_key - 1))


def _column(table: model.Table, described: model.Column) -> Column[Any]:
    is_key = described.name == table.key
    sequence = None
    if is_key and table.sequence is not None:
        sequence = KeySequence(table.sequence, start=table.first_key)
    return Column(
        described.name,
        _column_type(table, described),
        *([sequence] if sequence is not None else []),
        primary_key=is_key,
        autoincrement="auto" if sequence is not None else False,
        nullable=described.nullable and not is_key,
        server_default=_default(described),
    )


def _column_type(table: model.Table, described: model.Column) -> TypeEngine[Any]:
    if described.type == "text":
        return String(described.max_length) if described.max_length else Text()
    if described.type not in COLUMN_TYPES:
        problem = f"{described.name} has the type {described.type!r}, which no column can have"
        raise CatalogueError("tables", table.name, problem)
    return COLUMN_TYPES[described.type]


def _searched_columns(
    catalogue: model.Catalogue, described: model.Table
) -> Iterator[tuple[str, ...]]:
    """Columns that records are found by: what they belong to, and when they last changed.

    References to lookups, and the stamps of users, would cost every insert and find nothing.
    """
    owners = {each.table for each in catalogue.objects.values() if each.kind == "object"}
    for column in described.columns.values():
        is_stamp = column.name in {"enteredby", "modifiedby"}
        if column.references in owners and not is_stamp and column.name != described.key:
            yield (column.name,)
    for each in catalogue.objects.values():
        if each.table == described.name and each.kind == "object":
            yield from ((name,) for name in (each.sync_inserted, each.sync_updated) if name)
            break


def _default(described: model.Column) -> Any:
    value = described.default
    if value is None:
        return None
    if value == model.NOW and described.type in {"timestamp", "date"}:
        return server_time()
    if isinstance(value, bool):
        return text("true" if value else "false")
    if isinstance(value, str):
        return text("'" + value.replace("'", "''") + "'")
    return text(str(value))


def _add_references(metadata: MetaData, catalogue: model.Catalogue, described: model.Table) -> None:
    table = metadata.tables[described.name]
    for column in described.columns.values():
        target = catalogue.tables.get(column.references or "")
        if target is None or target.key is None or not column.constrained:
            continue
        name = f"{described.name}_{column.name}_fkey"[:LONGEST_NAME]
        table.append_constraint(
            ForeignKeyConstraint(
                [column.name],
                [f"{target.name}.{target.key}"],
                name=name,
                use_alter=True,
                ondelete="CASCADE" if column.belongs else None,
            )
        )
    searched = _searched_columns(catalogue, described)
    for names in dict.fromkeys((*described.indexes, *searched)):
        index = "_".join((described.name, *names, "idx"))[:LONGEST_NAME]
        Index(index, *(table.c[name] for name in names))
