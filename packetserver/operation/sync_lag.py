"""How far sync clients are behind, and what waits for a worker: a few numbers, one short look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from packetserver.store.schema import Schema
from packetserver.sync.packages import PACKAGES, WORK, Status
from packetserver.sync.sessions import CLIENTS, KEY, SESSIONS


@dataclass(frozen=True, slots=True)
class SyncLag:
    """Clients are those that are enabled; times are None where there is nothing to have one."""

    clients: int
    never_in_step: int
    oldest_anchor: datetime | None
    sessions: int
    oldest_session: datetime | None
    packages_waiting: int
    oldest_package: datetime | None


def read_sync_lag(connection: Connection, schema: Schema) -> SyncLag:
    """Look at all clients, sessions and packages."""
    tables = schema.metadata.tables
    clients, sessions, packages = tables[CLIENTS], tables[SESSIONS], tables[PACKAGES]
    of_clients = connection.execute(
        select(func.count(), func.count(clients.c.anchor), func.min(clients.c.anchor)).where(
            clients.c.enabled.is_(True)
        )
    ).one()
    of_sessions = connection.execute(select(func.count(), func.min(sessions.c.started))).one()
    waiting = packages.c.status_id.in_((Status.WAITING, Status.STARTED))
    # Only those that are made here have a row of work; others are the original's own.
    work = packages.join(tables[WORK], tables[WORK].c.package_id == packages.c.package_id)
    of_packages = connection.execute(
        select(func.count(), func.min(packages.c.entered)).select_from(work).where(waiting)
    ).one()
    return SyncLag(
        clients=of_clients[0],
        never_in_step=of_clients[0] - of_clients[1],
        oldest_anchor=of_clients[2],
        sessions=of_sessions[0],
        oldest_session=of_sessions[1],
        packages_waiting=of_packages[0],
        oldest_package=of_packages[1],
    )


def stuck_sessions(connection: Connection, schema: Schema, before: datetime) -> list[int]:
    """The enabled clients whose session began before a time and has not ended."""
    sessions, clients = schema.metadata.tables[SESSIONS], schema.metadata.tables[CLIENTS]
    statement = (
        select(sessions.c[KEY])
        .join(clients, clients.c[KEY] == sessions.c[KEY])
        .where(sessions.c.started < before, clients.c.enabled.is_(True))
        .order_by(sessions.c[KEY])
    )
    return list(connection.execute(statement).scalars())
