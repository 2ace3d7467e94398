"""The packages of sync clients: what the database says of them (PROTOCOL.md 6.1, 6.7).

A client has one package at a time. Whoever changes packages has the client's turn.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, insert, or_, select
from sqlalchemy.engine import Row

from packetserver.store.rows import Rows
from packetserver.sync.guids import element_id
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


TAKEN_AGAIN_AFTER = timedelta(minutes=5)
"""When a package that somebody has started is taken up by another one.

Whoever still works on it holds the client's turn; the other then waits, and finds it done.
"""

FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(hours=1)
MOST_DOUBLINGS = 10
LONGEST_ERROR = 2000


@dataclass(frozen=True, slots=True)
class Job:
    """A package that a worker has taken up; ``attempts`` counts this one."""

    package_id: int
    client_id: int
    attempts: int


def take_job(
    rows: Rows, now: datetime, *, patient: bool, without: Collection[int] = ()
) -> Job | None:
    """Take up the package that waits longest; to be committed at once, so that others see it.

    ``patient`` leaves alone what has failed and is not due again. ``without`` are packages that
    are not meant.
    """
    statement = _free(rows, now, patient=patient, without=without)
    # Two workers that look at the same moment get two packages, or one of them gets none.
    locked = statement.with_for_update(skip_locked=True, of=rows.table(PACKAGES))
    row = rows.connection.execute(locked).first()
    if row is None:
        return None
    job = Job(row.package_id, row.client_id, row.attempts + 1)
    started = {"status_id": Status.STARTED, "status_date": now}
    rows.update_rows(PACKAGES, {KEY: job.package_id}, started)
    rows.update_rows(WORK, {KEY: job.package_id}, {"attempts": job.attempts})
    return job


def has_job(rows: Rows, now: datetime, *, patient: bool, without: Collection[int] = ()) -> bool:
    """Whether there is a package to take up, asked without a lock."""
    statement = _free(rows, now, patient=patient, without=without)
    return rows.connection.execute(statement).first() is not None


def _free(rows: Rows, now: datetime, *, patient: bool, without: Collection[int]) -> Select[Any]:
    packages, work = rows.table(PACKAGES), rows.table(WORK)
    return (
        select(packages.c.package_id, packages.c.client_id, work.c.attempts)
        .join(work, work.c.package_id == packages.c.package_id)
        .where(_is_free(rows, now, patient=patient), packages.c.package_id.not_in(without))
        .order_by(work.c.due, packages.c.package_id)
        .limit(1)
    )


def _is_free(rows: Rows, now: datetime, *, patient: bool) -> ColumnElement[bool]:
    packages, work = rows.table(PACKAGES), rows.table(WORK)
    waits = packages.c.status_id == Status.WAITING
    if patient:
        waits = and_(waits, work.c.due <= now)
    abandoned = and_(
        packages.c.status_id == Status.STARTED, packages.c.status_date < now - TAKEN_AGAIN_AFTER
    )
    return or_(waits, abandoned)


def is_to_be_done(rows: Rows, job: Job) -> bool:
    """Whether a package still wants compiling, and nobody else does it from now on.

    Whoever asks has the client's turn.
    """
    packages = rows.table(PACKAGES)
    statement = select(packages.c.status_id).where(packages.c.package_id == job.package_id)
    status = rows.connection.execute(statement.with_for_update()).scalar()
    return status == Status.STARTED


def complete_job(
    rows: Rows, job: Job, file: PackageFile, batches: tuple[int, int], now: datetime
) -> None:
    """The file of a package is in its place."""
    done = {"status_id": Status.COMPLETE, "status_date": now, "size": file.size}
    rows.update_rows(PACKAGES, {KEY: job.package_id}, done)
    facts: dict[str, Any] = {
        "filename": file.name,
        "sha256": file.sha256,
        "records": file.records,
        "error": None,
        "first_batch": batches[0],
        "last_batch": batches[1],
    }
    rows.update_rows(WORK, {KEY: job.package_id}, facts)


def give_back_job(rows: Rows, job: Job, error: str, now: datetime) -> datetime:
    """A package could not be compiled; returns when it is due again."""
    doublings = min(job.attempts - 1, MOST_DOUBLINGS)
    due: datetime = now + min(FIRST_DELAY * 2**doublings, LONGEST_DELAY)
    started = {KEY: job.package_id, "status_id": Status.STARTED}
    waiting = {"status_id": Status.WAITING, "status_date": now}
    if rows.update_rows(PACKAGES, started, waiting):
        values = {"error": error[:LONGEST_ERROR], "due": due}
        rows.update_rows(WORK, {KEY: job.package_id}, values)
    return due
