"""What SQLite and PostgreSQL do differently, behind a name each.

A PostgreSQL database that the original made has sequences under names of its own: which one gives a
table's keys is what its column's own default names.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Integer,
    Sequence,
    String,
    TableClause,
    column,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

LINES_BEGIN = "\n"


Upsert = postgresql.Insert | sqlite.Insert


def upsert(connection: Connection, table: TableClause) -> Upsert:
    """An insert that `on_conflict_do_update` completes, as both databases have it."""
    kind = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return kind(table)


def writes_in_parts(connection: Connection) -> bool:
    """Whether a part of a statement may write: two rows then need one round trip."""
    return connection.dialect.name == "postgresql"


class lines(FunctionElement[str]):  # noqa: N801 - as a function of SQL is called
    """The texts of all rows, a line each."""

    type = String()
    inherit_cache = True


@compiles(lines, "postgresql")
def _lines_of_server(element: lines, compiler: SQLCompiler, **options: Any) -> str:
    return f"string_agg({compiler.process(element.clauses, **options)}, '{LINES_BEGIN}')"


@compiles(lines, "sqlite")
def _lines_of_file(element: lines, compiler: SQLCompiler, **options: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **options)}, '{LINES_BEGIN}')"


class server_time(FunctionElement[Any]):  # noqa: N801 - reads as the SQL function that it is
    """The database's own clock, for rows that something else than this server writes."""

    inherit_cache = True


@compiles(server_time)
def _postgresql_time(element: server_time, compiler: SQLCompiler, **options: Any) -> str:
    return "CURRENT_TIMESTAMP(3)"


@compiles(server_time, "sqlite")
def _sqlite_time(element: server_time, compiler: SQLCompiler, **options: Any) -> str:
    return "(strftime('%Y-%m-%d %H:%M:%f', 'now', 'localtime'))"


class KeySequence(Sequence):
    """The sequence of a key: made with a table of ours, and not named by any insert.

    A database of the original has its sequences under names of its own, which only the defaults
    of its columns know.
    """


@compiles(KeySequence, "postgresql")
def _own_default(element: KeySequence, compiler: SQLCompiler, **options: Any) -> str:
    return "DEFAULT"


FEWEST = 500
"""With fewer new rows than that every plan is good."""

GROWTH = 2
"""How many times larger than it was known to be a table must have become."""

_KNOWN = text("SELECT reltuples FROM pg_class WHERE oid = CAST(:name AS regclass)")


def heed_growth(connection: Connection, tables: tuple[str, ...], added: int) -> None:
    """Have tables looked at anew when so many rows were added that what is known of them is wrong.

    Otherwise a first client's rows, which nothing but its own transaction sees yet, would be looked
    up by whichever index comes first: with 50,000 records in hours instead of seconds.
    """
    if connection.dialect.name != "postgresql" or added < FEWEST:
        return
    for name in tables:
        known = connection.execute(_KNOWN, {"name": name}).scalar() or 0
        # Nobody else can do the same until this transaction ends, so it is not done for nothing.
        if added > GROWTH * max(known, 0):
            connection.exec_driver_sql(f'ANALYZE "{name}"')


DEFAULT = text(
    "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a"
    " ON a.attrelid = d.adrelid AND a.attnum = d.adnum"
    " WHERE d.adrelid = to_regclass(quote_ident(:table)) AND a.attname = :key"
)
OF_IDENTITY = text("SELECT pg_get_serial_sequence(quote_ident(:table), :key)")
QUOTED = text("SELECT CAST(to_regclass(:name) AS text)")

# Old dumps write nextval(('name'::text)::regclass), newer ones nextval('name'::regclass).
NAMED = re.compile(r"nextval\(+'((?:[^']|'')+)'")


def sequence_of_default(default: str | None) -> str | None:
    """The sequence that a column's default takes values from, as it is written there."""
    found = NAMED.search(default or "")
    return found[1].replace("''", "'") if found else None


def key_sequence(connection: Connection, table: str, key: str) -> str | None:
    """The sequence of a key, quoted for use in a statement; None when there is none."""
    place = {"table": table, "key": key}
    name = sequence_of_default(connection.execute(DEFAULT, place).scalar())
    name = name or connection.execute(OF_IDENTITY, place).scalar()
    return None if name is None else quoted_sequence(connection, name)


def quoted_sequence(connection: Connection, name: str) -> str | None:
    """A sequence, named as in a default, quoted for use in a statement; None when it is missing."""
    found: str | None = connection.execute(QUOTED, {"name": name}).scalar()
    return found


def next_value(connection: Connection, quoted: str) -> int:
    """The value that a sequence gives next, without taking it."""
    columns = (column("last_value", Integer), column("is_called", Boolean))
    last, is_called = connection.execute(select(*columns).select_from(text(quoted))).one()
    return int(last) + 1 if is_called else int(last)
