"""Names that one row alone has: what holds them in the database, and the twins that it may have.

On PostgreSQL a unique index holds them. SQLite folds letters by a function of this server's, and no
other program could check a file with an index that uses one; so there triggers hold them. Another
program may read such a file, check it and change the rest of a row, but writes no name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    Connection,
    Integer,
    String,
    TableClause,
    column,
    func,
    select,
    table,
    text,
)
from sqlalchemy.engine import Dialect

from packetserver.catalogue.model import Catalogue
from packetserver.letters import fold_name
from packetserver.store.folding import folded_name, same_name

KINDS: Mapping[str, str] = {"access": "user", "role": "role"}
"""What the rows of a table are called."""

ENABLED = "enabled"
"""The column that says whether a user or a role is in use."""

NAME_INDEX = "_name_idx"
"""How the name of such an index ends."""

INSERTING, UPDATING = "_insert", "_update"
"""How the names of the triggers end."""

NAMED = 10
"""How many groups of twins are told."""


@dataclass(frozen=True, slots=True)
class NameColumn:
    """A column with names, and the key of its table."""

    table: str
    key: str
    column: str

    @property
    def kind(self) -> str:
        """What a row is called."""
        return KINDS.get(self.table, self.table)

    @property
    def index(self) -> str:
        """What the index is called that holds the names, and how those of triggers begin."""
        return f"{self.table}_{self.column}{NAME_INDEX}"


class Row(NamedTuple):
    """A row with a name."""

    key: int
    name: str
    enabled: bool | None


@dataclass(frozen=True, slots=True)
class Twins:
    """Rows with one name: their keys and how each writes it."""

    of: NameColumn
    rows: tuple[tuple[int, str], ...]

    def __str__(self) -> str:
        """The rows, in words."""
        return f"the {self.of.kind}s {listed(self.rows)}"


def name_columns(catalogue: Catalogue) -> Iterator[NameColumn]:
    """Every column of the catalogue whose names are unique."""
    for described in catalogue.tables.values():
        for name in described.names:
            yield NameColumn(described.name, described.key or "", name)


def is_held(connection: Connection, names: NameColumn) -> bool:
    """Whether the database keeps names unique."""
    if connection.dialect.name != "sqlite":
        found = text("SELECT to_regclass(:name) IS NOT NULL")
        return bool(connection.execute(found, {"name": names.index}).scalar())
    triggers = text("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name = :name")
    return all(
        connection.execute(triggers, {"name": names.index + ending}).scalar()
        for ending in (INSERTING, UPDATING)
    )


def hold_where_possible(connection: Connection, catalogue: Catalogue) -> None:
    """Have the database keep all names unique of which there are no twins."""
    for names in name_columns(catalogue):
        if not is_held(connection, names) and not find_twins(connection, names):
            hold(connection, names)


def hold(connection: Connection, names: NameColumn) -> None:
    """Have the database keep names unique from now on; there must be no twins."""
    for statement in _statements(names, connection.dialect):
        connection.exec_driver_sql(statement)


def _statements(names: NameColumn, dialect: Dialect) -> Iterator[str]:
    if dialect.name != "sqlite":
        whole = folded_name(column(names.column, String)).compile(dialect=dialect)
        yield f"CREATE UNIQUE INDEX {names.index} ON {names.table} (({whole}))"
        return
    new, old = (f"folded_name({each}.{names.column})" for each in ("NEW", "OLD"))
    taken = f"SELECT 1 FROM {names.table} WHERE folded_name({names.column}) = {new}"  # noqa: S608 - names of ours
    refuse = f"SELECT RAISE(ABORT, 'UNIQUE constraint failed: {names.index}')"
    yield (
        f"CREATE TRIGGER {names.index}{INSERTING} BEFORE INSERT ON {names.table}"
        f" WHEN EXISTS ({taken}) BEGIN {refuse}; END"
    )
    yield (
        f"CREATE TRIGGER {names.index}{UPDATING} BEFORE UPDATE OF {names.column} ON {names.table}"
        f" WHEN {new} <> {old} AND EXISTS ({taken} AND {names.key} <> OLD.{names.key})"
        f" BEGIN {refuse}; END"
    )


def holder(connection: Connection, names: NameColumn, name: str, but: Any = None) -> Row | None:
    """The first row, beside the one with the key ``but``, that has a name in some writing."""
    target = _target(names)
    same = select(*target.c).where(same_name(target.c[names.column], name))
    if but is not None:
        same = same.where(target.c[names.key] != but)
    found = connection.execute(same.order_by(target.c[names.key]).limit(1)).first()
    return None if found is None else Row._make(found)


def _target(names: NameColumn) -> TableClause:
    """The table, with the key, the name and the flag of its rows."""
    columns = ((names.key, Integer), (names.column, String), (ENABLED, Boolean))
    return table(names.table, *(column(name, kind) for name, kind in columns))


def find_twins(connection: Connection, names: NameColumn) -> list[Twins]:
    """The rows that share a name with another one, by name."""
    target = _target(names)
    key, name = target.c[names.key], target.c[names.column]
    folded = folded_name(name)
    shared = select(folded).where(name.is_not(None)).group_by(folded).having(func.count() > 1)
    found = connection.execute(select(folded, key, name).where(folded.in_(shared)).order_by(key))
    rows = sorted((tuple(row) for row in found), key=lambda row: (row[0], row[1]))
    return [
        Twins(names, tuple((each[1], each[2]) for each in group))
        for _, group in groupby(rows, key=lambda row: row[0])
    ]


def listed(rows: Sequence[tuple[Any, str]]) -> str:
    """Rows by key and name: `3 (ann) and 7 (Ann)`."""
    words = [f"{key} ({name})" for key, name in rows]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def all_of(twins: Sequence[Twins]) -> str:
    """All groups in words, or the first of them and how many more there are."""
    more = [f"{len(twins) - NAMED} more such groups"] if len(twins) > NAMED else []
    return "; ".join([*map(str, twins[:NAMED]), *more])


def how_to_part(twins: Twins) -> str:
    """A statement of SQL that gives the last of the twins another name."""
    key, name = twins.rows[-1]
    other = f"{fold_name(name)}-{key}".replace("'", "''")
    of = twins.of
    return f"UPDATE {of.table} SET {of.column} = '{other}' WHERE {of.key} = {key}"  # noqa: S608 - only shown
