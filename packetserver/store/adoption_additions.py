"""What a database that the original made lacks, of what can be added beside what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, String, column, func, select, table, text

from packetserver.catalogue.model import Table
from packetserver.store.adoption_findings import Finding, Topic, WireNames
from packetserver.store.adoption_found import FoundTable
from packetserver.store.adoption_rows import count_in_the_way
from packetserver.store.guid_columns import SYSTEM
from packetserver.store.names import NameColumn, find_twins, is_held, listed, name_columns
from packetserver.store.schema import Schema
from packetserver.store.tables import LONGEST_NAME

SYSTEMS, ELEMENTS = "sync_system", "sync_table"
RELATIONS = text(
    "SELECT relname FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace)"
)

Found = Mapping[str, FoundTable]


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
