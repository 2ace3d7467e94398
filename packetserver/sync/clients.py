"""What the server knows of one sync client, for its operator; and how to forget it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.engine import Row

from packetserver.store.rows import Rows
from packetserver.sync.packages import PACKAGES, WORK, find_package, remove_package
from packetserver.sync.sessions import CLIENTS, KEY, SESSIONS, take_turn_of_client

KEPT = ("sync_unconfirmed", "sync_number", SESSIONS, "sync_end", "sync_ended", "sync_map")
"""The tables that say what a client has."""

MOST_CONFLICTS = 10


@dataclass(frozen=True, slots=True)
class ClientState:
    """What is known of a client.

    ``mapped`` and ``conflicts`` count by list element; ``last_conflicts`` and ``packets`` are rows,
    the latest first. ``session`` is when its session began, None outside of one.
    """

    client: Row[Any]
    session: datetime | None
    mapped: Sequence[Row[Any]]
    conflicts: Sequence[Row[Any]]
    last_conflicts: Sequence[Row[Any]]
    package: Row[Any] | None
    packets: Sequence[Row[Any]]


def read_state(rows: Rows, client_id: int, packets: int) -> ClientState | None:
    """The state of a client, with so many of its last packets; None when there is no such client."""
    table = rows.table(CLIENTS)
    row = rows.connection.execute(select(table).where(table.c.client_id == client_id)).first()
    if row is None:
        return None
    return ClientState(
        client=row,
        session=rows.value(SESSIONS, "started", {KEY: client_id}),
        mapped=_by_element(rows, "sync_map", client_id),
        conflicts=_by_element(rows, "sync_conflict_log", client_id),
        last_conflicts=_last_conflicts(rows, client_id),
        package=_package(rows, client_id),
        packets=_packets(rows, client_id, packets),
    )


def reset_client(rows: Rows, client_id: int, now: datetime) -> None:
    """Forget all that a client has: its next sync is its first one.

    What it has sent stays, and so do the logs. The file of its package goes once
    `FileLibrary.remove_released` runs.
    """
    take_turn_of_client(rows.connection, rows.schema.metadata, client_id)
    package = find_package(rows, client_id)
    if package is not None:
        remove_package(rows, package)
    for table in KEPT:
        rows.delete_rows(table, {KEY: client_id})
    rows.update_rows(CLIENTS, {KEY: client_id}, {"anchor": None, "modified": now})


def _by_element(rows: Rows, name: str, client_id: int) -> Sequence[Row[Any]]:
    table, elements = rows.table(name), rows.table("sync_table")
    statement = (
        select(elements.c.element_name, func.count().label("records"))
        .select_from(table.join(elements, elements.c.table_id == table.c.table_id))
        .where(table.c.client_id == client_id)
        .group_by(elements.c.element_name)
        .order_by(elements.c.element_name)
    )
    return rows.connection.execute(statement).all()


def _last_conflicts(rows: Rows, client_id: int) -> Sequence[Row[Any]]:
    table, elements = rows.table("sync_conflict_log"), rows.table("sync_table")
    statement: Select[Any] = (
        select(table.c.status_date, elements.c.element_name, table.c.record_id)
        .select_from(table.join(elements, elements.c.table_id == table.c.table_id))
        .where(table.c.client_id == client_id)
        .order_by(table.c.status_date.desc(), table.c.record_id.desc())
    )
    return rows.connection.execute(statement.limit(MOST_CONFLICTS)).all()


def _package(rows: Rows, client_id: int) -> Row[Any] | None:
    packages, work = rows.table(PACKAGES), rows.table(WORK)
    statement = (
        select(packages, work.c.attempts, work.c.error, work.c.records, work.c.downloads)
        .select_from(packages.outerjoin(work, work.c.package_id == packages.c.package_id))
        .where(packages.c.client_id == client_id)
        .order_by(packages.c.package_id.desc())
    )
    return rows.connection.execute(statement.limit(1)).first()


def _packets(rows: Rows, client_id: int, most: int) -> Sequence[Row[Any]]:
    """The last packets: when, from where, how many transactions, and how many of them failed."""
    log, parts = rows.table("sync_log"), rows.table("sync_transaction_log")
    failed = func.coalesce(func.sum(case((parts.c.status_code != 0, 1), else_=0)), 0)
    last = select(log).where(log.c.client_id == client_id).order_by(log.c.log_id.desc())
    some = last.limit(most).subquery()
    statement: Select[Any] = (
        select(
            some.c.entered,
            some.c.ip,
            func.count(parts.c.transaction_id).label("transactions"),
            failed.label("failed"),
            func.max(parts.c.message).label("message"),
        )
        .select_from(some.outerjoin(parts, parts.c.log_id == some.c.log_id))
        .group_by(some.c.log_id, some.c.entered, some.c.ip)
        .order_by(some.c.log_id.desc())
    )
    return rows.connection.execute(statement).all()
