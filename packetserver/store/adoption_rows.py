"""What the rows and the sequences of a database hold against serving it; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnClause, Connection, Integer, String, column, func, select, table

from packetserver.catalogue.model import Catalogue, Table
from packetserver.store.adoption_findings import Finding, Topic, WireNames
from packetserver.store.adoption_found import FoundTable
from packetserver.store.folding import folding_of
from packetserver.store.key_sequences import next_value, quoted_sequence

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
    if folding_of(connection.dialect) is None:
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
