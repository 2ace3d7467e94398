"""Packages as clients fetch them, and as they bring their own (docs/synchronisation.md)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packetserver.errors import PacketError
from packetserver.failures import Kind, Refused
from packetserver.protocols.packet.actions import carry_out
from packetserver.protocols.packet.admission import Admission
from packetserver.protocols.packet.auditing import AuditedItems
from packetserver.protocols.packet.changes import CONFLICT, INSERT
from packetserver.protocols.packet.context import Call, Output, PacketContext, TransactionContext
from packetserver.protocols.packet.failures import ItemMessage, TransactionFailure, told
from packetserver.protocols.packet.packet import Item
from packetserver.protocols.packet.transactions import find_target
from packetserver.protocols.packet.unheeded import Unheeded
from packetserver.records.service import Service
from packetserver.security.audit import What
from packetserver.security.credentials import Credentials
from packetserver.store.rows import Rows
from packetserver.store.unit_of_work import UnitOfWork, unit_of_work
from packetserver.sync.packages import (
    Anchors,
    Package,
    Status,
    count_download,
    find_package,
    set_status,
)
from packetserver.sync.packet_log import LoggedTransaction
from packetserver.sync.sessions import take_turn_of_client

logger = logging.getLogger(__name__)

DOWNLOAD = ("processSyncPackageDownload", "execute")
UPLOAD = ("clientSyncPackage", "insert")
READY = frozenset({Status.COMPLETE, Status.DOWNLOADED})


@dataclass(frozen=True, slots=True)
class Download:
    """The file of a package: where it lies, how long it is, and a name that no other one has."""

    package_id: int
    path: Path
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Upload:
    """What became of a client's package: how many records were carried out, or what is wrong."""

    records: int
    errors: tuple[str, ...] = ()
    unheeded: Unheeded | None = None
    """What of its records nothing heeded; it is not for the client."""


class Packages:
    """Hands out packages and takes them; safe to use from many threads."""

    def __init__(self, service: Service, admission: Admission) -> None:
        self._database = service.database
        self._schema = service.schema
        self._preferences = service.preferences
        self._admission = admission

    def find(self, credentials: Credentials | None, host: str, address: str) -> Download | None:
        """The client's own package for the anchors that it sends; None when there is none.

        ``host`` and ``address`` are those of `Engine.process`. Raises NotAuthorized, and
        StoreUnavailable when the database is away.
        """
        context = self._admitted(credentials, host, address, DOWNLOAD)
        with unit_of_work(self._database, writes=False) as work:
            package = self._ready_package(work, context)
        found = None if package is None else self._file(package)
        with self._logged(context, DOWNLOAD) as problems:
            if found is None:
                problems.append("There is no package for these anchors")
        return found

    def note_download(self, package_id: int) -> None:
        """A package is sent to its end.

        Raises StoreUnavailable when the database is away.
        """
        with unit_of_work(self._database, writes=True) as work:
            rows = Rows(self._schema, work.connection)
            if set_status(rows, package_id, Status.DOWNLOADED, self._preferences.now()):
                count_download(rows, package_id)
            work.commit()

    def take(
        self,
        credentials: Credentials | None,
        items: Iterable[Item],
        host: str,
        address: str,
        *,
        strict: bool = False,
    ) -> Upload:
        """Carry out the records of a client's package: all of them, or none.

        ``strict`` makes what nothing heeds an error, as the setting does.
        ``items`` are read while they are carried out. Raises NotAuthorized, StoreUnavailable when
        the database is away, and what the items raise; then nothing is stored.
        """
        context = self._admitted(credentials, host, address, UPLOAD, strict=strict)
        audited = AuditedItems(context, items)
        try:
            with unit_of_work(self._database, writes=True) as work:
                if context.principal.client_id is not None:
                    take_turn_of_client(
                        work.connection, self._schema.metadata, context.principal.client_id
                    )
                count = carry_out_records(context, work, audited)
                self._log(context, work, UPLOAD, (), count)
                work.commit()
        except TransactionFailure as failure:
            with self._logged(context, UPLOAD) as problems:
                problems.extend(failure.lines)
            audited.record(failure.kinds)
            return Upload(0, failure.lines, context.unheeded)
        except PacketError as error:
            # Half-way through it the package turned out to be none.
            with self._logged(context, UPLOAD) as problems:
                problems.append(error.text)
            audited.record((Kind.VALUE,))
            raise
        audited.record(())
        return Upload(count, unheeded=context.unheeded)

    def _admitted(
        self,
        credentials: Credentials | None,
        host: str,
        address: str,
        what: What,
        *,
        strict: bool = False,
    ) -> PacketContext:
        """The context of a request whose sender is a sync client, in one way or another."""
        context = self._admission.admit(
            credentials, host, address, what, validate=False, clients_only=True
        )
        context.strict = context.strict or strict
        return context

    def _ready_package(self, work: UnitOfWork, context: PacketContext) -> Package | None:
        last, following = context.anchors
        client_id = context.principal.client_id
        if following is None or client_id is None:
            return None
        found = find_package(Rows(self._schema, work.connection), client_id)
        if found is None or found.status not in READY or found.anchors != Anchors(last, following):
            return None
        return found

    def _file(self, package: Package) -> Download | None:
        """The file, if it is where it should be."""
        if package.file is None:
            return None
        path = self._preferences.library.path_of(package.file.name)
        if not path.is_file():
            logger.error("The file of package %s is not at %s", package.id, path)
            return None
        return Download(package.id, path, package.file.name, package.file.size)

    @contextmanager
    def _logged(self, context: PacketContext, what: tuple[str, str]) -> Iterator[list[str]]:
        """Log a request by itself, with the problems that are noted."""
        problems: list[str] = []
        yield problems
        with unit_of_work(self._database, writes=True) as work:
            self._log(context, work, what, tuple(problems), 0)
            work.commit()

    def _log(
        self,
        context: PacketContext,
        work: UnitOfWork,
        what: tuple[str, str],
        problems: tuple[str, ...],
        count: int,
    ) -> None:
        entry = LoggedTransaction(
            reference_id=None,
            element_name=what[0],
            action=what[1],
            status_code=1 if problems else 0,
            record_count=count,
            message="\n".join(problems) or None,
        )
        rows = Rows(self._schema, work.connection)
        context.log.write(rows, self._preferences.now(), (entry,))


UPDATE = "update"
WRONG_ACTION = "only records that are inserted or updated can be in a package"
NO_RECORD = (
    "No record was found in it: a package holds dataRecord elements, directly under its root or"
    " under cfsdata"
)
IN_CONFLICT = (
    "conflict: the server does not have this record, or it was changed after the client got it"
)


class RecordOutput(Output):
    """Where the answer to a record of a package goes: nobody reads it, so a conflict is an error."""

    def write(self, action: str, names: Sequence[str], texts: Sequence[str]) -> None:
        """Pass over a record that is done. Raises TransactionFailure for one that is not."""
        if action == CONFLICT:
            raise TransactionFailure.because(IN_CONFLICT, kind=Kind.CONFLICT)
        super().write(action, names, texts)


def carry_out_records(context: PacketContext, work: UnitOfWork, items: Iterable[Item]) -> int:
    """Carry out records in their order; returns how many they were.

    Raises TransactionFailure, which names the record, with the first one that fails; and when
    there is none at all.
    """
    shared = TransactionContext(context, context.records(work), ())
    count = 0
    for count, item in enumerate(items, 1):
        try:
            _carry_out(context, shared, item)
        except (ItemMessage, TransactionFailure, Refused) as error:
            raise _failed(count, item, error) from error
    if not count:
        raise TransactionFailure(NO_RECORD)
    return count


def _carry_out(context: PacketContext, shared: TransactionContext, item: Item) -> None:
    action = item.action or ""
    if not action.startswith(INSERT) and action != UPDATE:
        raise TransactionFailure.because(WRONG_ACTION)
    target = find_target(context, item)
    carry_out(Call(shared, item, target, RecordOutput(context.sink, wanted=False)))


def _failed(
    number: int, item: Item, error: ItemMessage | TransactionFailure | Refused
) -> TransactionFailure:
    """The failure of the whole package, which is that of one record."""
    failure = told(error) if isinstance(error, Refused) else error
    place = f"Record {number} ({item.element})"
    if isinstance(failure, ItemMessage):
        return TransactionFailure(place, failure.text, kind=failure.kind)
    return TransactionFailure(place, *failure.lines, kind=failure.kinds[0])
