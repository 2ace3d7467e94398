"""The rows that a working installation has: who may log in, with what, and who is stuck."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, Connection, Table, func, or_, select

from packetserver.adoption.additions import OWN_ROWS
from packetserver.operation.findings import Check, Finding, ok, warning, wrong
from packetserver.operation.sync_lag import read_sync_lag, stuck_sessions
from packetserver.store.guid_columns import SYSTEM
from packetserver.store.schema import Schema

STUCK_AFTER = timedelta(days=1)
WAITING_AFTER = timedelta(minutes=15)
NAMED = 10

USERS, ROLES, HELD, PERMISSIONS = "access", "role", "role_permission", "permission"
ELEMENTS = "sync_table"
HASHED = "$argon2%"


def examine_rows(connection: Connection, schema: Schema, now: datetime) -> Iterator[Finding]:
    """All of it; ``now`` is wall clock of the configured zone."""
    yield _default_rows(connection, schema)
    yield _administrator(connection, schema, now)
    yield _secrets(connection, schema)
    yield _sync_clients(connection, schema, now)
    yield from _packages(connection, schema, now)


def _default_rows(connection: Connection, schema: Schema) -> Finding:
    tables = schema.metadata.tables
    missing = [
        words for name, key, words in OWN_ROWS if not _count(connection, tables[name], key, 0)
    ]
    missing += [
        f"any {name}" for name in (ROLES, PERMISSIONS) if not _any(connection, tables[name])
    ]
    elements = tables[ELEMENTS]
    known = select(elements.c.element_name).where(elements.c.system_id == SYSTEM)
    lacking = set(schema.catalogue.targets) - set(connection.execute(known).scalars())
    if lacking:
        missing.append(f"{len(lacking)} rows of {ELEMENTS}, without which clients cannot sync them")
    if missing:
        return wrong(
            Check.ROWS,
            f"Missing: {', '.join(missing)}",
            "Run packetserver init-db; for a database of the original, packetserver adopt.",
        )
    return ok(Check.ROWS, "Roles, permissions, the own company and the elements of syncs are there")


def _any(connection: Connection, table: Table) -> bool:
    return connection.execute(select(table).limit(1)).first() is not None


def _count(connection: Connection, table: Table, key: str, value: int) -> int:
    statement = select(func.count()).select_from(table).where(table.c[key] == value)
    return int(connection.execute(statement).scalar_one())


def _administrator(connection: Connection, schema: Schema, now: datetime) -> Finding:
    """Somebody must be able to help the others: change users, by the permission for them."""
    tables = schema.metadata.tables
    users, held, permissions = tables[USERS], tables[HELD], tables[PERMISSIONS]
    needed = schema.catalogue.objects["user"].permission
    statement = (
        select(users.c.username)
        .join(held, held.c.role_id == users.c.role_id)
        .join(permissions, permissions.c.permission_id == held.c.permission_id)
        .where(permissions.c.permission == needed, held.c.role_edit.is_(True))
        .where(users.c.enabled.is_(True), users.c.allow_httpapi_access.is_(True))
        .where(or_(users.c.expires.is_(None), users.c.expires >= now), users.c.user_id != 0)
        .order_by(users.c.user_id)
        .limit(1)
    )
    name = connection.execute(statement).scalar()
    if name is not None:
        return ok(Check.ADMINISTRATOR, f"{name} can log in, and may change users")
    return wrong(
        Check.ADMINISTRATOR,
        f"Nobody who can log in may change users (permission {needed})",
        "Add one: packetserver init-db --with-admin in a database without users, else"
        " packetserver user add NAME --role Administrator.",
    )


def _secrets(connection: Connection, schema: Schema) -> Finding:
    tables = schema.metadata.tables
    users, clients = tables[USERS], tables["sync_client"]
    # The user 0 owns the shipped records, and never logs in.
    of_users = (users.c.password, users.c.user_id != 0)
    of_clients = (clients.c.code, clients.c.client_id.is_not(None))
    bare = sum(_bare(connection, *each) for each in (of_users, of_clients))
    if not bare:
        return ok(Check.SECRETS, "Every secret is stored as a salted hash")
    return warning(
        Check.SECRETS,
        f"{bare} secrets are stored as the original stores them: who reads them can log in",
        "When there is no way back to the original, set PACKETSERVER_UPGRADE_SECRETS=true: each is"
        " replaced when it is first used. Give others new ones.",
    )


def _bare(connection: Connection, secret: Column[str], where: ColumnElement[bool]) -> int:
    is_bare = (secret.is_not(None), secret != "", secret.not_like(HASHED))
    statement = select(func.count()).where(where, *is_bare)
    return int(connection.execute(statement).scalar_one())


def _sync_clients(connection: Connection, schema: Schema, now: datetime) -> Finding:
    stuck = stuck_sessions(connection, schema, now - STUCK_AFTER)
    if not stuck:
        lag = read_sync_lag(connection, schema)
        return ok(Check.SYNC, f"{lag.clients} are enabled, and no session is older than a day")
    numbers = ", ".join(map(str, stuck[:NAMED])) + (", …" if len(stuck) > NAMED else "")
    return warning(
        Check.SYNC,
        f"Sessions that began more than a day ago and have not ended: of clients {numbers}",
        "packetserver client show ID tells its last packets; one that is out of use is disabled by"
        " packetserver client disable ID.",
    )


def _packages(connection: Connection, schema: Schema, now: datetime) -> Iterator[Finding]:
    lag = read_sync_lag(connection, schema)
    if lag.oldest_package is None:
        yield ok(Check.PACKAGES, "None waits to be compiled")
    elif now - lag.oldest_package <= WAITING_AFTER:
        yield ok(Check.PACKAGES, f"{lag.packages_waiting} wait to be compiled, not for long yet")
    else:
        yield warning(
            Check.PACKAGES,
            f"{lag.packages_waiting} wait to be compiled, the oldest since {lag.oldest_package}",
            "Is packetserver compile-packages --watch running? packetserver client show ID tells"
            " what went wrong with one.",
        )
