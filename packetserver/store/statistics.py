"""What PostgreSQL's planner knows of a table that grows a lot within one transaction."""

from __future__ import annotations

from sqlalchemy import Connection, text

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
