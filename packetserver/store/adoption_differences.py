"""How the tables of a database differ from those that the catalogue describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packetserver.catalogue.model import NOW, Catalogue, Column, Table
from packetserver.store.adoption_findings import Finding, Topic, WireNames
from packetserver.store.adoption_found import FoundColumn, FoundTable

EXPECTED: Mapping[str, frozenset[str]] = {
    "integer": frozenset({"integer"}),
    "double": frozenset({"double precision"}),
    "boolean": frozenset({"boolean"}),
    "text": frozenset({"character varying", "text"}),
    "timestamp": frozenset({"timestamp without time zone"}),
    "date": frozenset({"date"}),
    "binary": frozenset({"bytea"}),
}
"""PostgreSQL's words for each type of the catalogue."""

CLOSE: Mapping[tuple[str, str], Topic] = {
    ("integer", "bigint"): Topic.FINER,
    ("integer", "smallint"): Topic.NARROW,
    ("double", "real"): Topic.COARSE,
    ("double", "numeric"): Topic.COARSE,
    ("text", "character"): Topic.PADDED,
    ("date", "timestamp without time zone"): Topic.FINER,
}
"""Other types that the server can work with all the same, and what that means."""

REFUSING = frozenset({Topic.SHORT, Topic.NARROW, Topic.OTHER_TYPE})
"""Types that some values do not fit."""

MILLISECONDS = 3
HASH_LENGTH = 76
"""Characters of a salted hash (packetserver.security.secrets)."""


def compare(catalogue: Catalogue, found: Mapping[str, FoundTable]) -> Iterator[Finding]:
    """The differences of all tables that both sides have, and the tables that only one has."""
    names = WireNames(catalogue)
    for table in catalogue.tables.values():
        if table.name in found:
            yield from _compare_table(table, found[table.name], names)
    for name in sorted(set(found) - set(catalogue.tables) - {"alembic_version"}):
        targets = sorted(set(found[name].references.values()) & set(catalogue.tables))
        yield Finding(
            Topic.UNKNOWN_TABLE, name, f"refers to {', '.join(targets)}" if targets else ""
        )


def _compare_table(table: Table, found: FoundTable, names: WireNames) -> Iterator[Finding]:
    if table.key is not None and table.key not in found.columns:
        concerns = names.stored_in(table.name)
        yield Finding(Topic.NO_KEY, table.name, f"{table.key} is missing", concerns)
    for column in table.columns.values():
        if column.name in found.columns:
            yield from _compare_column(table, column, found, names)
    for unknown in found.columns.values():
        if unknown.name not in table.columns:
            topic = Topic.NOT_FILLED if unknown.must_be_given else Topic.UNKNOWN_COLUMN
            concerns = names.stored_in(table.name) if unknown.must_be_given else ""
            yield Finding(topic, f"{table.name}.{unknown.name}", unknown.words, concerns)


def _compare_column(
    table: Table, column: Column, found: FoundTable, names: WireNames
) -> Iterator[Finding]:
    place = f"{table.name}.{column.name}"
    concerns = names.column(table.name, column.name)
    actual = found.columns[column.name]
    fact = f"{actual.words} instead of {_words(column)}"
    for topic in _compare_type(column, actual, is_secret=names.is_secret(table.name, column.name)):
        yield Finding(_in_table(topic, table, names), place, fact, concerns)
    if column.name != table.key:
        emptiness = _compare_emptiness(table, column, actual, names)
        if emptiness is not None:
            fact = "may not be empty" if emptiness is Topic.OWN_TABLE else ""
            is_refused = emptiness is Topic.NOT_FILLED
            all_of_it = (names.stored_in if is_refused else names.table)(table.name)
            yield Finding(emptiness, place, fact, concerns or all_of_it)
    target = found.references.get(column.name)
    if target is not None and not (column.references and column.constrained):
        yield Finding(Topic.CHECKED, place, f"refers to {target}", concerns)


def _is_own(table: Table, names: WireNames) -> bool:
    """Whether this server, and no client, writes a table."""
    return table.name.startswith("sync_") and not names.table(table.name)


def _in_table(topic: Topic, table: Table, names: WireNames) -> Topic:
    """What a difference means in a table that this server writes by itself."""
    return Topic.OWN_TABLE if topic in REFUSING and _is_own(table, names) else topic


def _compare_type(column: Column, found: FoundColumn, *, is_secret: bool) -> Iterator[Topic]:
    is_expected = found.type in EXPECTED[column.type]
    if not is_expected:
        close = CLOSE.get((column.type, found.type), Topic.OTHER_TYPE)
        # A single character has no room for blanks.
        if close is not Topic.PADDED or found.length != 1:
            yield close
    elif column.type == "timestamp" and found.precision != MILLISECONDS:
        yield Topic.COARSE if (found.precision or 0) < MILLISECONDS else Topic.FINE_TIME
    if column.type == "text" and found.length != column.max_length:
        yield from _compare_length(column, found, is_secret=is_secret)


def _compare_length(column: Column, found: FoundColumn, *, is_secret: bool) -> Iterator[Topic]:
    if found.length is None:
        if found.type in EXPECTED["text"]:
            yield Topic.LONGER
    elif column.max_length is not None and found.length > column.max_length:
        yield Topic.LONGER
    else:
        yield Topic.SHORT_SECRET if is_secret and found.length < HASH_LENGTH else Topic.SHORT


def _compare_emptiness(
    table: Table, column: Column, found: FoundColumn, names: WireNames
) -> Topic | None:
    """What it means that one side lets a column be empty and the other does not."""
    if found.nullable:
        return None if column.nullable else Topic.OPTIONAL
    if names.has_field(table.name, column.name):
        return Topic.MANDATORY if column.nullable else None
    if _is_own(table, names):
        return Topic.OWN_TABLE if column.nullable else None
    # Only times are filled without a field, and what has no default is filled by an effect.
    is_left_out = column.nullable or column.default not in {None, NOW}
    return Topic.NOT_FILLED if is_left_out and found.must_be_given else None


def _words(column: Column) -> str:
    """The type as the original would declare it."""
    if column.type == "timestamp":
        return "timestamp(3)"
    return f"varchar({column.max_length})" if column.max_length else column.type
