"""The record of a file that comes by itself: what its sender says, checked and stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from packetserver.catalogue.types import TYPES
from packetserver.engine import effects
from packetserver.engine.actions import insert
from packetserver.engine.context import Call
from packetserver.engine.draft import LENGTH_EXCEEDED, Draft
from packetserver.engine.permissions import DENIED, demand
from packetserver.engine.validation import REQUIRED, Writing, validate
from packetserver.engine.ways import ADD
from packetserver.errors import ItemMessage, TransactionFailure, ValueNotOfType
from packetserver.security.principal import Principal, PrincipalKind
from packetserver.store.files import VERSIONS, ReceivedFile, fitted_name, safe_name

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


def insert_document(call: Call, document: Document, received: ReceivedFile, name: str) -> int:
    """Store the record of a file and its first version; returns the version's key.

    ``call`` is an insert of a file; ``name`` is the one that this server gives to the bytes.
    Raises ItemMessage when it is not permitted, TransactionFailure or RecordRefused when the
    record cannot be stored.
    """
    if call.principal.kind is PrincipalKind.USER_CLIENT:
        raise ItemMessage(DENIED)
    complaints = list(_complaints(document))
    if complaints:
        raise TransactionFailure(*complaints)
    link = _link(document)
    demand(call, ADD, {"linkModuleId": link.module, "linkItemId": link.item})
    user = _entered_by(call.principal, document)
    missing = list(_missing(call, document, link, user))
    if missing:
        raise TransactionFailure(*(f"{name}: {NO_RECORD}" for name in missing))
    writing = Writing(call, _draft(call, document, link, user), stored=None)
    writing.draft.values.update(filename=name, size=received.size, version=FIRST_VERSION)
    effects.before_insert(writing)
    validate(writing)
    identity = insert.store(writing)
    return int(call.records.value(VERSIONS, "version_id", identity))


def _complaints(document: Document) -> Iterator[str]:
    """What is missing or cannot be, by the names that the sender uses."""
    if document.type is None and document.module is None:
        yield f"type: {REQUIRED}"
    if document.type is not None and document.type not in MODULES:
        yield f"type: can only be {', '.join(MODULES)}"
    if document.item is None:
        yield f"{_item_name(document)}: {NO_ID}"
    if document.subject is None:
        yield f"subject: {REQUIRED}"
    if not safe_name(document.filename):
        yield f"file1: {BAD_NAME}"


def _item_name(document: Document) -> str:
    is_generic = document.type is None and document.module is not None
    return "linkItemId" if is_generic else "tid"


def _link(document: Document) -> Link:
    module = document.module if document.type is None else MODULES[document.type]
    return Link(module or 0, document.item or 0)


def _missing(call: Call, document: Document, link: Link, user: int) -> Iterator[str]:
    """What the file refers to and is not there, by the names that the sender uses."""
    if not _exists(call, link):
        yield _item_name(document)
    if not call.records.exists(USERS, {"user_id": user}):
        yield "enteredBy"


def _exists(call: Call, link: Link) -> bool:
    """Whether the record is there and not trashed; nobody can say it of unknown modules."""
    choice = call.object.fields["linkItemId"].references_by
    element = choice.elements.get(link.module) if choice is not None else None
    described = call.records.schema.catalogue.objects.get(element or "")
    if described is None or described.key is None:
        return False
    stored = call.records.stored(described, {described.key.column or "": link.item})
    if stored is None:
        return False
    return described.trashed_column is None or stored["trashedDate"] is None


def _draft(call: Call, document: Document, link: Link, user: int) -> Draft:
    """The record as its sender describes it."""
    draft = Draft(call.object)
    draft.values.update(
        linkModuleId=link.module,
        linkItemId=link.item,
        folderId=_folder(call, document, link),
        subject=document.subject,
        clientFilename=fitted_name(safe_name(document.filename), _length(call, CLIENT_NAME)),
        enteredBy=user,
        modifiedBy=user,
    )
    draft.complaints.extend((SUBJECT, reason) for reason in _faults(call, document.subject or ""))
    return draft


def _faults(call: Call, subject: str) -> Iterator[str]:
    try:
        TYPES["text"].read(subject, call.preferences.zone)
    except ValueNotOfType as error:
        yield error.reason
    if len(subject) > _length(call, SUBJECT):
        yield LENGTH_EXCEEDED


def _length(call: Call, name: str) -> int:
    return call.object.fields[name].max_length or 0


def _folder(call: Call, document: Document, link: Link) -> int | None:
    """The folder, if it is one of the same record; the original took any, and used none."""
    owner = {"link_module_id": link.module, "link_item_id": link.item}
    found = call.records.exists(FOLDERS, {"folder_id": document.folder, **owner})
    return document.folder if found else None


def _entered_by(principal: Principal, document: Document) -> int:
    """The principal's user; who may do everything may also speak for others."""
    sent = document.entered_by if principal.unrestricted else None
    return principal.entered_by if sent is None or sent < 0 else sent
