"""The keys of new records: the database gives them, unless a client may choose one and does.

A key that is given must not be one that was chosen before, and the chosen ones must leave enough
for all others. SQLite goes on from the largest key by itself; PostgreSQL has sequences, which know
of no key that they have not given.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Table,
    and_,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy import table as some_table
from sqlalchemy.dialects.postgresql import REGCLASS

from packetserver.failures import Kind, because
from packetserver.store.dialects import key_sequence
from packetserver.store.schema import Schema

LARGEST_CHOSEN = 2_000_000_000
"""The largest key that may be chosen: more than 147 million are left behind it."""

LARGEST_KEY = 2**31 - 1
"""What a key's column holds, and what clients can read."""

TOO_LARGE = f"at most {LARGEST_CHOSEN} can be chosen, for later records need keys too"
NONE_LEFT = "There are no keys left for new records"

COUNTED = some_table("sqlite_sequence", column("name"), column("seq"))
last_value, is_called = column("last_value", BigInteger), column("is_called", Boolean)


def counts_keys(schema: Schema, table: str) -> bool:
    """Whether the database gives the keys of a table."""
    described = schema.catalogue.tables[table]
    return described.key is not None and described.sequence is not None


def keep_clear_of(connection: Connection, schema: Schema, table: str, key: int) -> None:
    """See to it that no later record gets a chosen key, whatever becomes of the transaction."""
    if connection.dialect.name != "postgresql" or key > LARGEST_CHOSEN:
        return
    sequence = key_sequence(connection, table, schema.catalogue.tables[table].key or "")
    if sequence is not None:
        # Never backwards: the key of a record that was deleted must not come again.
        is_behind = or_(last_value < key, and_(last_value == key, ~is_called))
        given = func.setval(cast(literal(sequence), REGCLASS), key)
        connection.execute(select(given).select_from(text(sequence)).where(is_behind))


def go_on_from_free_key(connection: Connection, schema: Schema, table: str) -> int:
    """A key that is free, from which the database goes on where it can be told to.

    It is behind all that were chosen, as far as they may be. Raises Refused when none is left.
    """
    target, key = schema.metadata.tables[table], schema.catalogue.tables[table].key or ""
    free = _free_key(connection, target, key)
    if connection.dialect.name == "sqlite":
        connection.execute(update(COUNTED).where(COUNTED.c.name == table).values(seq=free - 1))
        return free
    sequence = key_sequence(connection, table, key)
    if sequence is not None:
        # Another one may have told it already, and some keys may have been given since.
        is_elsewhere = or_(free > last_value, last_value >= LARGEST_KEY)
        given = func.setval(cast(literal(sequence), REGCLASS), free, False)  # noqa: FBT003 - SQL
        connection.execute(select(given).select_from(text(sequence)).where(is_elsewhere))
    return free


def is_used_up(connection: Connection, schema: Schema, table: str) -> bool:
    """Whether a sequence of PostgreSQL has gone beyond what a key's column holds."""
    key = schema.catalogue.tables[table].key or ""
    sequence = key_sequence(connection, table, key)
    if sequence is None:
        return False
    last = connection.execute(select(last_value).select_from(text(sequence))).scalar_one()
    return bool(last >= LARGEST_KEY)


def _free_key(connection: Connection, target: Table, key: str) -> int:
    """The first free key behind all that may be chosen."""
    keys = target.c[key]
    largest = connection.execute(select(func.max(keys)).where(keys <= LARGEST_CHOSEN)).scalar()
    if largest is None:
        return 1
    here, following = target.alias(), target.alias()
    is_followed = (
        select(literal(1)).where(following.c[key] == cast(here.c[key], BigInteger) + 1).exists()
    )
    free = select(func.min(here.c[key])).where(here.c[key] >= largest, ~is_followed)
    found = int(connection.execute(free).scalar_one()) + 1
    if found > LARGEST_KEY:
        raise because(NONE_LEFT, kind=Kind.LIMIT)
    return found
