"""Facts that are kept in the database, because they belong to its records: zone, host names."""

from __future__ import annotations

from sqlalchemy import Connection, Table, delete, insert, inspect, select

TABLE = "packetserver_setting"

TIMEZONE = "timezone"
SERVER_NAMES = "server_names"


def read_kept(connection: Connection, table: Table) -> dict[str, str]:
    """The kept facts by name; none when the database was never prepared."""
    if not inspect(connection).has_table(table.name):
        return {}
    rows = connection.execute(select(table.c.name, table.c.value))
    return {row.name: row.value for row in rows}


def keep(connection: Connection, table: Table, name: str, value: str) -> None:
    """Keep a fact in place of an earlier one."""
    connection.execute(delete(table).where(table.c.name == name))
    connection.execute(insert(table).values(name=name, value=value))
