"""Rows that are locked together, in one order, so that no two packets wait for each other.

Only PostgreSQL needs it: SQLite has one writer at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import IntEnum
from itertools import groupby
from typing import Any, NamedTuple
from zlib import crc32

from sqlalchemy import Connection, MetaData, Select, Table, func, literal, select, text, tuple_
from sqlalchemy.exc import OperationalError

from packetserver.store.failures import is_kept_by_others

AT_A_TIME = 1000
"""How many rows one statement locks: databases limit the parameters of a statement."""

MOST_NOTED = 20_000
"""How many rows one packet remembers; it locks those beyond as it comes to them."""

TURN = 7_262_563
"""The number of the advisory lock of those who take turns."""

TURN_SECONDS = 5
"""How long a packet waits for its turn."""


class Strength(IntEnum):
    """What a row is locked for: a change leaves others free to refer to it, a removal does not."""

    CHANGE = 1
    REMOVAL = 2


class Row(NamedTuple):
    """The rows of a table whose columns have these values; mostly it is one, by its key."""

    table: str
    columns: tuple[str, ...]
    values: tuple[int | str, ...]


class TouchedRows:
    """The rows that a packet locks or changes, in all attempts to carry it out."""

    def __init__(self) -> None:
        self._rows: dict[Row, Strength] = {}

    def note(self, table: str, identity: Mapping[str, Any], strength: Strength) -> None:
        """Note the rows of a table with equal columns; what is no plain value cannot be noted."""
        values = tuple(identity.values())
        if not values or not all(isinstance(each, int | str) for each in values):
            return
        row = Row(table, tuple(identity), values)
        known = self._rows.get(row)
        if known is not None:
            self._rows[row] = max(strength, known)
        elif len(self._rows) < MOST_NOTED:
            self._rows[row] = strength

    def __len__(self) -> int:
        """How many are noted."""
        return len(self._rows)

    def lock(self, connection: Connection, metadata: MetaData, first: str) -> None:
        """Lock all of them, by their tables and values in order; the table ``first`` is the first.

        Rows that are not there are passed over. Raises DBAPIError, as every statement does.
        """
        ordered = sorted(self._rows, key=lambda row: (row.table != first, row))
        for start in range(0, len(ordered), AT_A_TIME):
            some = ordered[start : start + AT_A_TIME]
            locked = [
                _locking(metadata.tables[rows[0].table], rows, self._strongest(rows))
                for rows in _by_table(some)
            ]
            # Whoever waits for a row that is changed meanwhile waits anew, behind all who came later;
            # those who begin with the same row stand in a queue before it.
            queue = [] if start else [func.pg_advisory_xact_lock(*_queue_of(ordered[0]))]
            connection.execute(select(*queue, *(each.scalar_subquery() for each in locked)))

    def _strongest(self, rows: Collection[Row]) -> Strength:
        # One strength for all: with two statements for a table there would be two orders.
        return max(self._rows[row] for row in rows)


def take_turn(connection: Connection) -> None:
    """Wait until no other packet that others may be in the way of runs, and keep others waiting.

    Whoever keeps it too long is not waited for: what is known is locked in one order all the same.
    """
    try:
        with connection.begin_nested():
            connection.execute(text(f"SET LOCAL lock_timeout = '{TURN_SECONDS}s'"))
            connection.execute(select(func.pg_advisory_xact_lock(TURN)))
            connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
    except OperationalError as error:
        if not is_kept_by_others(error):
            raise


def take_turn_for(connection: Connection, table: str, identity: Mapping[str, Any]) -> None:
    """Wait until nobody else makes a row with these values, and keep others waiting until the end.

    SQLite's writers wait for each other already.
    """
    if connection.dialect.name == "postgresql":
        row = Row(table, tuple(identity), tuple(identity.values()))
        connection.execute(select(func.pg_advisory_xact_lock(*_queue_of(row))))


def _queue_of(row: Row) -> tuple[int, int]:
    """The numbers of the advisory lock that stands for a row."""
    texts = repr(row[:2]), repr(row.values)
    table, key = (crc32(each.encode("utf-8", "surrogatepass")) - 2**31 for each in texts)
    return table, key


def _by_table(rows: Iterable[Row]) -> Iterator[list[Row]]:
    for _, found in groupby(rows, key=lambda row: row[:2]):
        yield list(found)


def _locking(table: Table, rows: list[Row], strength: Strength) -> Select[Any]:
    """How many of the rows there are; they are locked by the way, in their order."""
    named = [table.c[name] for name in rows[0].columns]
    wanted = (
        named[0].in_([row.values[0] for row in rows])
        if len(named) == 1
        else tuple_(*named).in_([row.values for row in rows])
    )
    found = select(literal(1)).where(wanted).order_by(*named)
    locked = found.with_for_update(key_share=strength is Strength.CHANGE).subquery()
    return select(func.count()).select_from(locked)
