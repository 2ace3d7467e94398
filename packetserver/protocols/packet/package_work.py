"""The work on packages: takes up what is asked for, one after the other, and keeps what fails."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from packetserver.errors import PacketServerError, StoreUnavailable
from packetserver.failures import Kind, Refused
from packetserver.protocols.packet.actions import carry_out
from packetserver.protocols.packet.context import Call, Output, PacketContext, TransactionContext
from packetserver.protocols.packet.failures import ItemMessage, TransactionFailure
from packetserver.protocols.packet.package_content import filters_of, packed_object
from packetserver.protocols.packet.package_writer import PackageWriter, written_package
from packetserver.protocols.packet.packet import Item, Packet, Property
from packetserver.records.preferences import Preferences
from packetserver.security.authentication import principal_of_client
from packetserver.security.credentials import Credentials
from packetserver.store.database import Database
from packetserver.store.files import LARGEST_SIZE, FileLibrary, ReceivedFile, new_name
from packetserver.store.guid_columns import SYSTEM
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema
from packetserver.store.unit_of_work import UnitOfWork, unit_of_work
from packetserver.sync.packages import (
    Job,
    ListAction,
    Package,
    PackageFile,
    PackageList,
    complete_job,
    find_package,
    give_back_job,
    has_job,
    is_to_be_done,
    lists_of,
    take_job,
)
from packetserver.sync.packet_log import PacketLog
from packetserver.sync.sessions import take_turn_of_client
from packetserver.sync.unconfirmed import next_batch

CHUNK_BYTES = 64 * 1024
ACTIONS = {ListAction.SYNC: "sync", ListAction.SELECT: "select"}


class PackageFailure(PacketServerError):
    """A package cannot be compiled; the text says why, and is kept for the operator."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a package is: how many of its lists are written, and how many records in all."""

    job: Job
    lists: int
    of_lists: int
    records: int

    @property
    def percentage(self) -> int:
        """The part of the lists that is written."""
        return 100 * self.lists // max(self.of_lists, 1)


Report = Callable[[Progress], None]


class PackageCompiler:
    """Compiles packages on one database, each in one unit of work: all of it, or nothing."""

    def __init__(self, database: Database, schema: Schema, preferences: Preferences) -> None:
        self._database = database
        self._schema = schema
        self._preferences = preferences
        self.library = FileLibrary(preferences.library.folder, LARGEST_SIZE)

    def compile(self, job: Job, report: Report) -> PackageFile | None:
        """Compile the package of a job; returns None when somebody else has done it.

        Raises PackageFailure for a package that cannot be compiled, StoreUnavailable when the
        database or the folder of files is away.
        """
        with contextlib.ExitStack() as undo:
            with unit_of_work(self._database, writes=True) as work:
                take_turn_of_client(work.connection, self._schema.metadata, job.client_id)
                rows = Rows(self._schema, work.connection)
                package = find_package(rows, job.client_id)
                if package is None or package.id != job.package_id:
                    return None
                if not is_to_be_done(rows, job):
                    return None
                file = self._compile(work, job, package, report, undo)
                work.commit()
            undo.pop_all()
        return file

    def _compile(
        self,
        work: UnitOfWork,
        job: Job,
        package: Package,
        report: Report,
        undo: contextlib.ExitStack,
    ) -> PackageFile:
        rows = Rows(self._schema, work.connection)
        now = self._preferences.now()
        first = next_batch(rows, job.client_id)
        with tempfile.TemporaryFile() as spool:
            count = self._write(work, job, package, spool, report)
            with self.library.received(_chunks(spool)) as received:
                file = _file_of(received, new_name(now), count)
                last = next_batch(rows, job.client_id) - 1
                complete_job(rows, job, file, (first, last), self._preferences.now())
                undo.callback(self._discard, job, file.name)
                self.library.place(received, file.name)
        return file

    def _write(
        self, work: UnitOfWork, job: Job, package: Package, spool: IO[bytes], report: Report
    ) -> int:
        entry = f"{self._preferences.now():%Y%m%d%H%M%S%f}"[:17] + f"-{job.package_id}"
        with written_package(spool, entry) as writer:
            context = self._context(work, package, writer)
            lists = list(lists_of(Rows(self._schema, work.connection), package.id))
            for number, each in enumerate(lists):
                report(Progress(job, number, len(lists), writer.records))
                self._write_list(work, context, writer, each)
            report(Progress(job, len(lists), len(lists), writer.records))
        return writer.records

    def _context(self, work: UnitOfWork, package: Package, writer: PackageWriter) -> PacketContext:
        """The packet of syncs that the package stands for."""
        principal = principal_of_client(work.connection, package.client_id, self._preferences.now())
        if principal is None:
            raise PackageFailure("The sync client may no longer use this server")
        credentials = Credentials(client_id=package.client_id, system_id=SYSTEM)
        return PacketContext(
            packet=Packet(credentials, ()),
            anchors=(package.anchors.last, package.anchors.next),
            validate=False,
            principal=principal,
            schema=self._schema,
            preferences=self._preferences,
            sink=writer,
            log=PacketLog(SYSTEM, package.client_id, ""),
        )

    def _write_list(
        self, work: UnitOfWork, context: PacketContext, writer: PackageWriter, each: PackageList
    ) -> None:
        target = self._schema.catalogue.target(each.element)
        if target is None:
            raise PackageFailure(f"There is no list {each.element}")
        packed = packed_object(self._schema.catalogue, target.object)
        shared = TransactionContext(context, context.records(work), packed.meta)
        is_first = context.anchors[0] is None
        filters = filters_of(target.object, is_first=is_first)
        properties = tuple(Property(name, text) for name, text in filters.items())
        attributes = {"action": ACTIONS[each.action], "identity": str(each.identity)}
        item = Item(each.element, attributes, properties)
        writer.begin(packed)
        _carry_out(Call(shared, item, target, Output(writer, wanted=True)))

    def _discard(self, job: Job, name: str) -> None:
        """Remove a file that no package has; a commit whose answer is lost may have been one."""
        with unit_of_work(self._database, writes=False) as work:
            package = find_package(Rows(self._schema, work.connection), job.client_id)
            if package is None or package.file is None or package.file.name != name:
                self.library.remove(name)


def _carry_out(call: Call) -> None:
    """Write one list; one that the client may not see is left out, as a sync would refuse it."""
    try:
        carry_out(call)
    except ItemMessage:
        return
    except TransactionFailure as failure:
        reason = ": ".join(line for line in failure.lines if line)
        raise PackageFailure(f"{call.item.element}: {reason}") from failure
    except Refused as refused:
        if refused.kind is not Kind.DENIED:
            raise PackageFailure(f"{call.item.element}: {refused}") from refused


def _file_of(received: ReceivedFile, name: str, records: int) -> PackageFile:
    return PackageFile(name, received.size, received.sha256, records)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


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
            rows = Rows(self._schema, work.connection)
            now = self._preferences.now()
            if not has_job(rows, now, patient=patient, without=without):
                return None
        with unit_of_work(self._database, writes=True) as work:
            rows = Rows(self._schema, work.connection)
            job = take_job(rows, now, patient=patient, without=without)
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
