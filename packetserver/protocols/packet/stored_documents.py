"""A file that comes by itself, and its record: both are stored, or neither (docs/errors.md)."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from packetserver.catalogue.model import ObjectType
from packetserver.catalogue.types import TYPES
from packetserver.errors import CommitUnknown, NotAuthorized, StoreUnavailable, ValueNotOfType
from packetserver.failures import Failure, Kind, Refused, invalid
from packetserver.protocols.packet.admission import Admission
from packetserver.protocols.packet.changes import INSERT
from packetserver.protocols.packet.context import PacketContext
from packetserver.protocols.packet.failures import DENIED, NOT_AUTHORIZED
from packetserver.records.permissions import demand, denied
from packetserver.records.records import Records
from packetserver.records.rules import REQUIRED
from packetserver.records.service import Service
from packetserver.records.ways import ADD
from packetserver.records.writing import LENGTH_EXCEEDED, Given, How
from packetserver.security import audit
from packetserver.security.audit import proved
from packetserver.security.credentials import Credentials
from packetserver.security.principal import Principal, PrincipalKind
from packetserver.store.files import (
    VERSIONS,
    ReceivedFile,
    fitted_name,
    is_kept,
    keep,
    new_name,
    safe_name,
)
from packetserver.store.rows import Rows
from packetserver.store.unit_of_work import UnitOfWork, repeated, unit_of_work
from packetserver.sync.packet_log import LoggedTransaction

logger = logging.getLogger(__name__)

FILE = "fileItem"
WHAT = (FILE, INSERT)


class Documents:
    """Stores files with their records; safe to use from many threads."""

    def __init__(self, service: Service, admission: Admission) -> None:
        self._database = service.database
        self._schema = service.schema
        self._preferences = service.preferences
        self._admission = admission
        self.library = service.preferences.library

    def store(
        self,
        credentials: Credentials,
        document: Document,
        received: ReceivedFile,
        host: str,
        address: str,
    ) -> tuple[str, ...]:
        """Store a file; returns what is wrong with it, nothing when it is stored.

        ``host`` and ``address`` are those of `Engine.process`. Raises StoreUnavailable when the
        database or the folder of files is away.
        """
        try:
            context = self._admission.admit(credentials, host, address, WHAT, validate=True)
        except NotAuthorized:
            return (NOT_AUTHORIZED,)
        try:
            self._store(context, document, received)
        except Refused as refused:
            return self._refused(context, refused)
        return ()

    def _store(self, context: PacketContext, document: Document, received: ReceivedFile) -> None:
        log = context.log

        def attempt() -> None:
            # What an attempt that was undone has logged is not there.
            context.log = log.again()
            self._attempt(context, document, received)

        repeated(attempt, lambda: None)

    def _attempt(self, context: PacketContext, document: Document, received: ReceivedFile) -> None:
        name = new_name(self._preferences.now())
        with contextlib.ExitStack() as undo:
            with unit_of_work(self._database, writes=True) as work:
                version = insert_document(context.records(work), document, received, name)
                keep(work.connection, name, version, received)
                self._log(context, work, ())
                # Last, for bytes in their place are not there to be stored once more.
                undo.callback(self._discard, name)
                self.library.place(received, name)
                try:
                    work.commit()
                except CommitUnknown:
                    # The record may yet appear, and must not be without its bytes then.
                    undo.pop_all()
                    raise
            undo.pop_all()

    def _discard(self, name: str) -> None:
        """Remove the bytes of a record that was not stored."""
        try:
            with unit_of_work(self._database, writes=False) as work:
                if not is_kept(work.connection, name):
                    self.library.remove(name)
        except StoreUnavailable:
            logger.warning("The file %s stays, perhaps without a record", name)

    def _refused(self, context: PacketContext, refused: Refused) -> tuple[str, ...]:
        is_denied = refused.kind is Kind.DENIED
        lines = (DENIED,) if is_denied else tuple(each.sentence for each in refused.failures)
        with unit_of_work(self._database, writes=True) as work:
            self._log(context, work, lines)
            work.commit()
        if is_denied:
            log, sender = self._preferences.audit, proved(context.principal)
            log.record(audit.DENIED, context.log.address, sender, [WHAT])
        return lines

    def _log(self, context: PacketContext, work: UnitOfWork, lines: tuple[str, ...]) -> None:
        """A file is logged like a packet that inserts its record."""
        is_stored = not lines
        entry = LoggedTransaction(
            reference_id=None,
            element_name=FILE,
            action=INSERT,
            status_code=0 if is_stored else 1,
            record_count=1 if is_stored else 0,
            message="\n".join(lines) or None,
        )
        rows = Rows(self._schema, work.connection)
        context.log.write(rows, self._preferences.now(), (entry,))


FOLDERS, USERS = "project_folders", "access"
SUBJECT, CLIENT_NAME = "subject", "clientFilename"
MODULES = {"ticket": 6}
"""What a file may be sent for by its type, and the module of files that this is."""

FIRST_VERSION = 1.0
NO_RECORD = "the record that it refers to does not exist"
NO_ID = "Id not specified"
BAD_NAME = "Incorrect file name"


@dataclass(frozen=True, slots=True)
class Document:
    """What the sender of a file says of it; None for what is missing, blank or no integer.

    A file belongs to the record ``item`` of a ``type``, or else of a ``module``.
    """

    filename: str
    subject: str | None = None
    type: str | None = None
    module: int | None = None
    item: int | None = None
    folder: int | None = None
    entered_by: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """The record that a file belongs to: its module of files, and its key."""

    module: int
    item: int


def insert_document(records: Records, document: Document, received: ReceivedFile, name: str) -> int:
    """Store the record of a file and its first version; returns the version's key.

    ``name`` is the one that this server gives to the bytes. Raises Refused when it is not
    permitted, or cannot be stored.
    """
    described = records.object(FILE)
    if records.principal.kind is PrincipalKind.USER_CLIENT:
        raise denied(described, ADD)
    complaints = list(_complaints(document))
    if complaints:
        raise invalid(FILE, complaints)
    link = _link(document)
    demand(records, described, ADD, {"linkModuleId": link.module, "linkItemId": link.item}.get)
    user = _entered_by(records.principal, document)
    missing = list(_missing(records, described, document, link, user))
    if missing:
        raise Refused(*(Failure(Kind.REFERENCE, FILE, None, each, NO_RECORD) for each in missing))
    given = _given(records, described, document, link, user)
    given.values.update(filename=name, size=received.size, version=FIRST_VERSION)
    written = records.create(FILE, given, How(forced=False))
    return int(records.rows.value(VERSIONS, "version_id", written.identity))


def _complaints(document: Document) -> Iterator[tuple[str, str]]:
    """What is missing or cannot be, by the names that the sender uses."""
    if document.type is None and document.module is None:
        yield "type", REQUIRED
    if document.type is not None and document.type not in MODULES:
        yield "type", f"can only be {', '.join(MODULES)}"
    if document.item is None:
        yield _item_name(document), NO_ID
    if document.subject is None:
        yield "subject", REQUIRED
    if not safe_name(document.filename):
        yield "file1", BAD_NAME


def _item_name(document: Document) -> str:
    is_generic = document.type is None and document.module is not None
    return "linkItemId" if is_generic else "tid"


def _link(document: Document) -> Link:
    module = document.module if document.type is None else MODULES[document.type]
    return Link(module or 0, document.item or 0)


def _missing(
    records: Records, described: ObjectType, document: Document, link: Link, user: int
) -> Iterator[str]:
    """What the file refers to and is not there, by the names that the sender uses."""
    if not _exists(records, described, link):
        yield _item_name(document)
    if not records.rows.exists(USERS, {"user_id": user}):
        yield "enteredBy"


def _exists(records: Records, file: ObjectType, link: Link) -> bool:
    """Whether the record is there and not trashed; nobody can say it of unknown modules."""
    choice = file.fields["linkItemId"].references_by
    element = choice.elements.get(link.module) if choice is not None else None
    described = records.schema.catalogue.objects.get(element or "")
    if described is None or described.key is None:
        return False
    stored = records.rows.stored(described, {described.key.column or "": link.item})
    if stored is None:
        return False
    return described.trashed_column is None or stored["trashedDate"] is None


def _given(
    records: Records, described: ObjectType, document: Document, link: Link, user: int
) -> Given:
    """The record as its sender describes it."""
    filename = fitted_name(safe_name(document.filename), _length(described, CLIENT_NAME))
    given = Given(
        {
            "linkModuleId": link.module,
            "linkItemId": link.item,
            "folderId": _folder(records, document, link),
            "subject": document.subject,
            "clientFilename": filename,
            "enteredBy": user,
            "modifiedBy": user,
        }
    )
    zone, subject = records.preferences.zone, document.subject or ""
    given.unread.extend((SUBJECT, reason) for reason in _faults(described, subject, zone))
    return given


def _faults(described: ObjectType, subject: str, zone: ZoneInfo) -> Iterator[str]:
    try:
        TYPES["text"].read(subject, zone)
    except ValueNotOfType as error:
        yield error.reason
    if len(subject) > _length(described, SUBJECT):
        yield LENGTH_EXCEEDED


def _length(described: ObjectType, name: str) -> int:
    return described.fields[name].max_length or 0


def _folder(records: Records, document: Document, link: Link) -> int | None:
    """The folder, if it is one of the same record; the original took any, and used none."""
    owner = {"link_module_id": link.module, "link_item_id": link.item}
    found = records.rows.exists(FOLDERS, {"folder_id": document.folder, **owner})
    return document.folder if found else None


def _entered_by(principal: Principal, document: Document) -> int:
    """The principal's user; who may do everything may also speak for others."""
    sent = document.entered_by if principal.unrestricted else None
    return principal.entered_by if sent is None or sent < 0 else sent
