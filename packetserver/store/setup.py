"""Prepares a database: its tables at the newest version, and the rows of a new one."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table, delete, func, insert, inspect, select

from packetserver.catalogue.loader import read_defaults
from packetserver.catalogue.model import NOW
from packetserver.errors import ProvisionError
from packetserver.store.database import Database
from packetserver.store.guid_columns import SYSTEM
from packetserver.store.names import hold_where_possible
from packetserver.store.new_keys import counts_keys, keep_clear_of
from packetserver.store.schema import Schema
from packetserver.store.tables import build_tables

SETTINGS_TABLE = "packetserver_setting"
"""Facts that are kept in the database, because they belong to its records: zone, host names."""

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


Row = dict[str, Any]
Content = Mapping[str, Any]

VERBS = {"v": "view", "a": "add", "e": "edit", "d": "delete"}
"""The letters of rights: a permission has these variants, a role holds these."""


def default_rows(content: Content) -> Iterator[tuple[str, list[Row]]]:
    """The tables of one file with their rows, in the order in which they can be inserted."""
    if "role_permissions" in content:
        yield from _role_rows(content)
        return
    for table, part in content.items():
        yield table, list(_rows(part))


def _rows(part: Content) -> Iterator[Row]:
    columns = part["columns"]
    for values in part["rows"]:
        pairs = zip(columns, values, strict=True)
        # An empty text stands for no value: TOML has no other word for it.
        yield {column: value for column, value in pairs if value != ""}


def _role_rows(content: Content) -> Iterator[tuple[str, list[Row]]]:
    permissions = [_permission(row, content) for row in _rows(content["permissions"])]
    roles = [_entered(row) for row in _rows(content["roles"])]
    yield "permission_category", [_category(row) for row in _rows(content["categories"])]
    yield "permission", permissions
    yield "role", roles
    by_name = {row["permission"]: row["permission_id"] for row in permissions}
    ids = {row["role"]: row["role_id"] for row in roles}
    held = content["role_permissions"]
    yield (
        "role_permission",
        [
            {"role_id": ids[role], "permission_id": by_name[name], **_flags("role", rights)}
            for role, rights_by_name in held.items()
            for name, rights in rights_by_name.items()
        ],
    )


def _category(row: Row) -> Row:
    flags = row.pop("flags", [])
    return {**row, "active": row.get("enabled", True), **dict.fromkeys(flags, True)}


def _permission(row: Row, content: Content) -> Row:
    rights = row.pop("rights")
    viewable = row["permission"] in content.get("viewpoints", {}).get("permissions", [])
    return {
        **row,
        "active": row.get("enabled", True),
        "viewpoints": viewable,
        **_flags("permission", rights),
    }


def _entered(row: Row) -> Row:
    return {"enteredby": 0, "modifiedby": 0, **row}


def _flags(prefix: str, rights: str) -> Row:
    return {f"{prefix}_{verb}": letter in rights for letter, verb in VERBS.items()}


MIGRATIONS = "packetserver.store:migrations"
ORDER = ("base.toml", "roles.toml", "lookups.toml", "editors.toml")


def prepare_database(database: Database, schema: Schema, now: datetime) -> bool:
    """Create the tables and default rows, or upgrade what is there; whether it was new.

    ``now`` is when the default rows are entered, wall clock of the configured zone.
    Safe to repeat. Raises ProvisionError for tables of another making, which are left alone.
    """
    with database.connect(writes=True) as connection:
        if MigrationContext.configure(connection).get_current_revision() is not None:
            migrate(connection)
            hold_where_possible(connection, schema.catalogue)
            _number_elements(connection, schema, now)
            connection.commit()
            return False
        if inspect(connection).get_table_names():
            raise ProvisionError("The database holds tables that this server did not make")
        # Tables of its own: to make them on PostgreSQL takes their references from SQLite's.
        build_tables(schema.catalogue).create_all(connection)
        _insert_defaults(connection, schema, now)
        _number_elements(connection, schema, now)
        _stamp(connection)
        connection.commit()
        return True


def configuration(connection: Connection) -> Config:
    """What alembic needs to find the migrations and to run them on this connection."""
    found = Config(cmd_opts=Namespace(quiet=True))
    found.set_main_option("script_location", MIGRATIONS)
    found.attributes["connection"] = connection
    return found


def migrate(connection: Connection) -> None:
    """Carry out the migrations that a database has not had yet."""
    command.upgrade(configuration(connection), "head")


def _stamp(connection: Connection) -> None:
    command.stamp(configuration(connection), "head")


def _insert_defaults(connection: Connection, schema: Schema, now: datetime) -> None:
    files = dict(read_defaults())
    names = [*ORDER, *sorted(set(files) - set(ORDER))]
    filled: dict[str, Table] = {}
    for name in names:
        for table_name, rows in default_rows(files[name]):
            table = schema.metadata.tables[table_name]
            filled[table_name] = table
            columns = schema.catalogue.tables[table_name].columns.values()
            times = {each.name: now for each in columns if each.default == NOW}
            for row in rows:
                connection.execute(insert(table).values({**times, **row}))
    for table in filled.values():
        _advance_sequence(connection, schema, table)


def _number_elements(connection: Connection, schema: Schema, now: datetime) -> None:
    """Give every element of the catalogue its row in sync_table (PROTOCOL.md 3.1)."""
    table = schema.metadata.tables["sync_table"]
    known = set(
        connection.execute(
            select(table.c.element_name).where(table.c.system_id == SYSTEM)
        ).scalars()
    )
    rows = [
        {"element_name": element, "object_key": key, "order_id": place}
        for place, (element, key) in enumerate(_elements(schema))
        if element not in known
    ]
    common = {"system_id": SYSTEM, "entered": now, "modified": now, "sync_item": False}
    if rows:
        connection.execute(insert(table), [{**common, **row} for row in rows])


def _elements(schema: Schema) -> Iterator[tuple[str, str | None]]:
    """Elements with the property that `shareKey` shares: lookups and lists share none."""
    for each in schema.catalogue.objects.values():
        yield each.element, "id" if each.kind not in {"lookup", "table"} else None
        if each.list_element is not None:
            yield each.list_element, None


def _advance_sequence(connection: Connection, schema: Schema, table: Table) -> None:
    """The next key that the database gives follows the default rows."""
    key = schema.catalogue.tables[table.name].key or ""
    largest = connection.execute(select(func.max(table.c[key]))).scalar()
    if counts_keys(schema, table.name) and largest is not None and largest >= 1:
        keep_clear_of(connection, schema, table.name, largest)
