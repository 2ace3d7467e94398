"""The packages that are to be compiled: which worker has which, and what has gone wrong."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select

from packetserver.store.rows import Rows
from packetserver.sync.packages import KEY, PACKAGES, WORK, PackageFile, Status

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
