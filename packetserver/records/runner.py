"""Runs what a request asks for: opens its unit of work, repeats what the database undid, logs, commits.

Nothing else does that for the requests of protocols; what they do with records is a job, which may
be done more than once, and leaves nothing behind until its unit of work is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

from packetserver.errors import SpoolRefused, StoreUnavailable, WorkUndone
from packetserver.records.late_log import LateLog, Note
from packetserver.store.database import Database
from packetserver.store.replica import Replica, position_of
from packetserver.store.unit_of_work import UnitOfWork, repeated, repetitions, unit_of_work

Result = TypeVar("Result")
Job = Callable[[UnitOfWork], Result]


class Runner:
    """Runs the requests of one database; safe to use from many threads."""

    def __init__(self, database: Database, replica: Replica | None = None) -> None:
        """``replica`` is what requests that only read are answered by, as far as it can."""
        self.database = database
        self.replica = replica
        self.late_log = LateLog(database)

    @contextmanager
    def request(self, *, writes: bool = False) -> Iterator[RequestRun]:
        """One request; ``writes`` says that to prove who asks may write.

        Raises StoreUnavailable when the database is away.
        """
        if not self.database.is_server:
            yield RequestRun(self, None, writes=writes)
            return
        with unit_of_work(self.database, writes=writes) as work:
            yield RequestRun(self, work, writes=writes)


class RequestRun:
    """One request while it runs: first who asks is proved, and then its jobs are done."""

    def __init__(self, runner: Runner, begun: UnitOfWork | None, *, writes: bool) -> None:
        """``begun`` is the unit of work that all of it is done in, one job after the other.

        Where there is none, each has its own: writers wait for their turn before they read.
        """
        self._runner = runner
        self._begun = begun
        self._writes = writes

    def prove(self, proof: Job[Result]) -> Result:
        """Find out who asks; what is locked by that, if anything, is given free before the jobs."""
        if self._begun is not None:
            work = self._begun
            return repeated(lambda: proof(work), work.rollback)
        with unit_of_work(self._runner.database, writes=self._writes) as work:
            found = repeated(lambda: proof(work), work.rollback)
            work.commit()
        return found

    def attempt(
        self,
        job: Job[Result],
        *,
        writes: bool,
        keep: Callable[[Result], bool],
        note: Callable[[Result], Note] | None = None,
        is_all: bool = True,
    ) -> Result:
        """Do a job, and commit it if ``keep`` likes its result; otherwise it is undone.

        ``note`` makes what writes the log of a result, if there is one, with the job or, where the
        job has changed nothing, by itself. ``is_all`` says that the request has no other job: what
        has only been read may then be logged a little later. Raises StoreUnavailable, as its kinds,
        and what the job raises; nothing is stored then.
        """
        undo = self._begun.rollback if self._begun is not None else lambda: None
        for repetition in repetitions(undo):
            with repetition:
                found = None if writes else self._read_elsewhere(job)
                if found is not None:
                    (result,) = found
                else:
                    with self._unit(writes=writes) as work:
                        result = job(work)
                        is_kept = keep(result)
                        if writes and is_kept:
                            if note is not None:
                                note(result)(work)
                            work.commit()
                            return result
                        if not is_kept or self._begun is None:
                            work.rollback()
                if note is not None:
                    self.note_alone(note(result), is_all=is_all)
                return result
        raise WorkUndone("the work was undone as often as it was tried")

    def note_alone(self, note: Note, *, is_all: bool = True) -> None:
        """Log what has changed nothing by itself, so that reading waits for no writer."""
        if self._begun is None and is_all:
            self._runner.late_log.write(note)
            return
        with self._unit(writes=True) as work:
            note(work)
            work.commit()

    def _read_elsewhere(self, job: Job[Result]) -> tuple[Result] | None:
        """What the replica answers to a job that only reads; None when it gives nothing."""
        replica, begun = self._runner.replica, self._begun
        if replica is None or begun is None or replica.is_resting():
            return None
        position = position_of(begun.connection)
        # The primary's connection is not kept within a transaction while another server works.
        begun.rollback()
        try:
            with replica.reading(position) as work:
                return (job(work),)
        except SpoolRefused:
            raise
        except StoreUnavailable:
            # It has logged why; the primary can tell the same.
            return None

    def _unit(self, *, writes: bool) -> AbstractContextManager[UnitOfWork]:
        begun = self._begun
        return (
            unit_of_work(self._runner.database, writes=writes)
            if begun is None
            else nullcontext(begun)
        )
