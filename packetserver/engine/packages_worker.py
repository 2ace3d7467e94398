"""The work on packages: takes up what is asked for, one after the other, and keeps what fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from packetserver.engine.context import Preferences
from packetserver.engine.packages_compile import PackageCompiler, Report
from packetserver.errors import PacketServerError, StoreUnavailable
from packetserver.store.database import Database
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema
from packetserver.store.unit_of_work import unit_of_work
from packetserver.sync.packages import Job, PackageFile, give_back_job, has_job, take_job

logger = logging.getLogger(__name__)

UNFORESEEN = "Something unforeseen happened, which the log of the worker tells"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job: its file, or an error and when it is due again.

    Neither is there when another worker has done it.
    """

    job: Job
    file: PackageFile | None = None
    error: str | None = None
    due: datetime | None = None


class PackageWorker:
    """Compiles the packages that clients ask for; many may work on one database."""

    def __init__(self, database: Database, schema: Schema, preferences: Preferences) -> None:
        self._database = database
        self._schema = schema
        self._preferences = preferences
        self._compiler = PackageCompiler(database, schema, preferences)

    def work_off(self, report: Report, *, patient: bool) -> Iterator[Outcome]:
        """Compile what there is, each package once.

        ``patient`` leaves alone what has failed and is not due again. Raises StoreUnavailable
        when the database is away; a package that was being compiled is then taken up later.
        """
        done: set[int] = set()
        while job := self._take(patient=patient, without=done):
            done.add(job.package_id)
            yield self._compile(job, report)

    def _take(self, *, patient: bool, without: set[int]) -> Job | None:
        with unit_of_work(self._database, writes=False) as work:
            # Looking must not keep writers waiting where there is only one at a time.
            records = Rows(self._schema, work.connection)
            now = self._preferences.now()
            if not has_job(records, now, patient=patient, without=without):
                return None
        with unit_of_work(self._database, writes=True) as work:
            records = Rows(self._schema, work.connection)
            job = take_job(records, now, patient=patient, without=without)
            work.commit()
        return job

    def _compile(self, job: Job, report: Report) -> Outcome:
        try:
            return Outcome(job, self._compiler.compile(job, report))
        except StoreUnavailable as error:
            self._give_back(job, str(error))
            raise
        except PacketServerError as error:
            return Outcome(job, error=str(error), due=self._give_back(job, str(error)))
        except Exception as error:
            logger.exception("Package %s failed", job.package_id)
            text = f"{UNFORESEEN}: {type(error).__name__}"
            return Outcome(job, error=text, due=self._give_back(job, text))

    def _give_back(self, job: Job, error: str) -> datetime:
        now = self._preferences.now()
        with unit_of_work(self._database, writes=True) as work:
            due = give_back_job(Rows(self._schema, work.connection), job, error, now)
            work.commit()
        return due
