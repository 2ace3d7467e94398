"""Which sequence of PostgreSQL gives a table's keys: the one that its column's own default names.

A database that the original made has sequences under names of its own.
"""

from __future__ import annotations

import re

from sqlalchemy import Boolean, Connection, Integer, column, select, text

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
