"""The packages of sync clients: what the database says of them (PROTOCOL.md 6.1, 6.7).

A client has one package at a time. Whoever changes packages has the client's turn.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.engine import Row

from packetserver.store.rows import Rows
from packetserver.sync.element_ids import element_id
from packetserver.sync.unconfirmed import confirm_batches, doubt_batches

PACKAGES, LISTS, WORK, FILES = (
    "sync_package",
    "sync_package_data",
    "sync_package_work",
    "packetserver_file",
)
KEY = "package_id"
FOR_CLIENT = 1
"""The recipient of all packages that this server makes."""

FIRST, LATER = 1, 2
"""Types of packages: with everything, or with what is new since an anchor."""


class Status(enum.IntEnum):
    """How far a package is; the numbers are the original's."""

    WAITING = 0
    STARTED = 1
    COMPLETE = 2
    DOWNLOADED = 3


class ListAction(enum.IntEnum):
    """How a list is asked for; the numbers are the original's."""

    SELECT = 2
    SYNC = 5


@dataclass(frozen=True, slots=True)
class Anchors:
    """The window that a package is for."""

    last: datetime | None
    next: datetime


@dataclass(frozen=True, slots=True)
class PackageList:
    """One list of a package, and the number that its first new record gets."""

    element: str
    action: ListAction
    identity: int


@dataclass(frozen=True, slots=True)
class PackageFile:
    """The file of a package: its name in the folder of files, and what it is."""

    name: str
    size: int
    sha256: str
    records: int


@dataclass(frozen=True, slots=True)
class Package:
    """A package; ``file`` is None until it is complete.

    ``batches`` are the first and the last batch that it sends. ``is_ours`` is not so of what the
    original has left.
    """

    id: int
    client_id: int
    status: Status
    anchors: Anchors
    is_ours: bool
    file: PackageFile | None
    batches: tuple[int, int] | None


def find_package(rows: Rows, client_id: int) -> Package | None:
    """The package of a client; None when it has none."""
    packages, work = rows.table(PACKAGES), rows.table(WORK)
    statement = (
        select(packages, *(each for each in work.c if each.name != KEY))
        .add_columns(work.c.package_id.label("worked_on"))
        .select_from(packages.outerjoin(work, work.c.package_id == packages.c.package_id))
        .where(packages.c.client_id == client_id, packages.c.recipient == FOR_CLIENT)
        .order_by(packages.c.package_id.desc())
    )
    row = rows.connection.execute(statement.limit(1)).first()
    return None if row is None else _package(row)


def _package(row: Row[Any]) -> Package:
    file = None
    if row.filename is not None:
        file = PackageFile(row.filename, row.size, row.sha256, row.records)
    return Package(
        id=row.package_id,
        client_id=row.client_id,
        status=Status(row.status_id),
        anchors=Anchors(row.last_anchor, row.next_anchor),
        is_ours=row.worked_on is not None,
        file=file,
        batches=None if row.first_batch is None else (row.first_batch, row.last_batch),
    )


def add_package(
    rows: Rows,
    client_id: int,
    anchors: Anchors,
    lists: Iterable[PackageList],
    now: datetime,
) -> int:
    """Ask for a package with these lists; returns its number."""
    window = {"last_anchor": anchors.last, "next_anchor": anchors.next}
    values = {
        "client_id": client_id,
        "type": FIRST if anchors.last is None else LATER,
        "status_id": Status.WAITING,
        "recipient": FOR_CLIENT,
        "status_date": now,
        "entered": now,
        **window,
    }
    package_id = int(rows.insert_row(PACKAGES, values))
    rows.insert_row(WORK, {KEY: package_id, "due": now})
    listed = [{**_list_values(rows, each), **window, "entered": now} for each in lists]
    if listed:
        common = {KEY: package_id}
        rows.connection.execute(insert(rows.table(LISTS)), [{**common, **row} for row in listed])
    return package_id


def _list_values(rows: Rows, each: PackageList) -> dict[str, int]:
    table_id = element_id(rows.connection, rows.schema.metadata, each.element)
    return {"table_id": table_id, "action": each.action, "identity_start": each.identity}


def lists_of(rows: Rows, package_id: int) -> Iterator[PackageList]:
    """The lists of a package in their order."""
    lists, elements = rows.table(LISTS), rows.table("sync_table")
    statement = (
        select(elements.c.element_name, lists.c.action, lists.c.identity_start)
        .select_from(lists.join(elements, elements.c.table_id == lists.c.table_id))
        .where(lists.c.package_id == package_id)
        .order_by(lists.c.data_id)
    )
    for row in rows.connection.execute(statement).all():
        yield PackageList(row[0], ListAction(row[1]), row[2])


def set_status(rows: Rows, package_id: int, status: Status, now: datetime) -> int:
    """Say how far a package is; returns 0 when it is gone."""
    values = {"status_id": status, "status_date": now}
    return rows.update_rows(PACKAGES, {KEY: package_id}, values)


def count_download(rows: Rows, package_id: int) -> None:
    """A package was sent once more."""
    table = rows.table(WORK)
    statement = table.update().where(table.c.package_id == package_id)
    rows.connection.execute(statement.values(downloads=table.c.downloads + 1))


def confirm_package(rows: Rows, package: Package) -> None:
    """The client has what a package holds (PROTOCOL.md 6.2, syncProcessed)."""
    if package.batches is not None:
        confirm_batches(rows, package.client_id, package.batches)


def doubt_package(rows: Rows, package: Package) -> None:
    """The client may not have what a package holds: it is sent again, by whatever comes next."""
    if package.batches is not None:
        doubt_batches(rows, package.client_id, package.batches)


def remove_package(rows: Rows, package: Package) -> None:
    """Remove a package; its file goes once `FileLibrary.remove_released` runs."""
    if package.file is not None:
        values = {
            "filename": package.file.name,
            "version_id": None,
            "size": package.file.size,
            "sha256": package.file.sha256,
        }
        rows.insert_row(FILES, values)
    for table in (WORK, LISTS, PACKAGES):
        rows.delete_rows(table, {KEY: package.id})
