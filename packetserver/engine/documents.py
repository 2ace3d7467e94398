"""A file that comes by itself, and its record: both are stored, or neither (PROTOCOL.md 1.6)."""

from __future__ import annotations

import contextlib
import logging

from packetserver.engine.actions import INSERT
from packetserver.engine.admission import Admission
from packetserver.engine.auditing import REFUSALS
from packetserver.engine.context import (
    Call,
    Output,
    PacketContext,
    Preferences,
    TransactionContext,
)
from packetserver.engine.document_record import Document, insert_document
from packetserver.engine.packet import Item
from packetserver.engine.validation import FIXED_LINES
from packetserver.errors import (
    CommitUnknown,
    ItemMessage,
    NotAuthorized,
    RecordRefused,
    StoreUnavailable,
    TransactionFailure,
)
from packetserver.security.attempts import REFUSAL
from packetserver.security.audit import DENIED, proved
from packetserver.security.credentials import Credentials
from packetserver.store.database import Database
from packetserver.store.files import ReceivedFile, is_kept, keep, new_name
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema
from packetserver.store.unit_of_work import UnitOfWork, repeated, unit_of_work
from packetserver.sync.packet_log import LoggedTransaction

logger = logging.getLogger(__name__)

FILE = "fileItem"
WHAT = (FILE, INSERT)


class Documents:
    """Stores files with their records; safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        schema: Schema,
        preferences: Preferences,
        admission: Admission,
    ) -> None:
        self._database = database
        self._schema = schema
        self._preferences = preferences
        self._admission = admission
        self.library = preferences.library

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
            return (REFUSAL,)
        try:
            self._store(context, document, received)
        except ItemMessage as message:
            return self._refused(context, (message.text,))
        except RecordRefused as refusal:
            return self._refused(context, refusal.reasons)
        except TransactionFailure as failure:
            lines = tuple(line for line in failure.lines if line not in FIXED_LINES)
            return self._refused(context, lines or failure.lines)
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
                version = insert_document(_call(context, work), document, received, name)
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

    def _refused(self, context: PacketContext, lines: tuple[str, ...]) -> tuple[str, ...]:
        with unit_of_work(self._database, writes=True) as work:
            self._log(context, work, lines)
            work.commit()
        if REFUSALS & set(lines):
            audit = self._preferences.audit
            audit.record(DENIED, context.log.address, proved(context.principal), [WHAT])
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
        records = Rows(self._schema, work.connection)
        context.log.write(records, self._preferences.now(), (entry,))


def _call(context: PacketContext, work: UnitOfWork) -> Call:
    """The insert that a packet could ask for, but for the bytes."""
    records = Rows(context.schema, work.connection, context.parameters)
    target = context.schema.catalogue.target(FILE)
    if target is None:
        raise KeyError(f"the catalogue has no {FILE}")
    transaction = TransactionContext(context, records, (), work)
    output = Output(context.sink, wanted=False)
    return Call(transaction, Item(FILE, {"action": INSERT}, ()), target, output)
