"""Storing rows whose keys the database gives, or somebody has chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import delete

from packetserver.failures import KeyTaken, Kind, because
from packetserver.store.diagnosis import Attempt, refusals_explained
from packetserver.store.direct import Direct, Row
from packetserver.store.new_keys import (
    LARGEST_KEY,
    NONE_LEFT,
    counts_keys,
    go_on_from_free_key,
    keep_clear_of,
)

MOST_TRIED = 20
"""How often a row is stored again because others were faster with its key."""

Result = TypeVar("Result")


def store_row(attempt: Attempt, statement: Direct) -> Row:
    """Store a row of a table that has a key; returns what the statement does, the key last.

    The database gives the key where ``attempt.counted`` says so.

    Raises Refused.
    """
    schema, table, values = attempt.schema, attempt.table, attempt.values
    key = schema.catalogue.tables[table].key or ""
    if not attempt.counted:
        if counts_keys(schema, table):
            keep_clear_of(attempt.connection, schema, table, values[key])
        with refusals_explained(attempt):
            return statement.rows(attempt.connection, values)[0]
    row = numbered(attempt, lambda: statement.rows(attempt.connection, values)[0])
    return _with_smaller_key(attempt, statement, row) if row[-1] > LARGEST_KEY else row


def numbered(attempt: Attempt, carry_out: Callable[[], Result]) -> Result:
    """Carry out what stores rows whose keys the database gives (``attempt.counted``).

    One that another row has already is no reason to fail: the database goes on behind it. Raises
    Refused.
    """
    for _ in range(MOST_TRIED):
        try:
            with refusals_explained(attempt):
                return carry_out()
        except KeyTaken as taken:
            go_on_from_free_key(attempt.connection, attempt.schema, taken.table)
    raise because(NONE_LEFT, kind=Kind.LIMIT)


def _with_smaller_key(attempt: Attempt, statement: Direct, row: Row) -> Row:
    """The row that was stored again: SQLite goes on behind the largest key, however large it is."""
    target = attempt.sql_table(attempt.table)
    key = attempt.catalogue.tables[attempt.table].key or ""
    attempt.connection.execute(delete(target).where(target.c[key] == row[-1]))
    free = go_on_from_free_key(attempt.connection, attempt.schema, attempt.table)
    with refusals_explained(attempt):
        return statement.rows(attempt.connection, {**attempt.values, key: free})[0]
