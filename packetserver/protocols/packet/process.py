"""The way of a packet: authenticate, then each transaction, then commit, then the answer."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from packetserver.errors import NotAuthorized, RefusalUnexplained, SpoolRefused, StoreUnavailable
from packetserver.failures import Kind
from packetserver.protocols.packet.actions import ACTIONS
from packetserver.protocols.packet.admission import Admission
from packetserver.protocols.packet.auditing import audit_packet, items_of
from packetserver.protocols.packet.context import PacketContext
from packetserver.protocols.packet.failures import NO_TRANSACTIONS, NOT_AUTHORIZED, ROLLED_BACK
from packetserver.protocols.packet.late_log import LateLog, LoggedPacket
from packetserver.protocols.packet.packages import Packages
from packetserver.protocols.packet.packet import (
    CommitLevel,
    Item,
    Options,
    Packet,
    RecordSink,
    Response,
    Transaction,
)
from packetserver.protocols.packet.stored_documents import Documents
from packetserver.protocols.packet.transactions import respond
from packetserver.protocols.packet.turns import Collisions, begin_writing
from packetserver.records.opening import (
    CONTACTS_ONLY,
    load_schema,
    open_database,
    preferences_of,
    replica_of,
)
from packetserver.records.permissions import foreseen_bases
from packetserver.records.preferences import Preferences
from packetserver.records.ways import ADD, DELETE, EDIT, VIEW
from packetserver.security.authentication import Authenticator
from packetserver.security.entrance import Entrance
from packetserver.security.remembered import RememberedCredentials
from packetserver.security.throttle import Attempt
from packetserver.settings import Settings
from packetserver.store.database import Database
from packetserver.store.replica import Replica, position_of
from packetserver.store.row_locks import TouchedRows
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema
from packetserver.store.unit_of_work import UnitOfWork, repeated, unit_of_work
from packetserver.sync.packet_log import LoggedTransaction, PacketLog

logger = logging.getLogger(__name__)

MOST_FORESEEN = 20
"""Items of a packet whose permissions are read with its sender: mostly all need the same."""

VERBS = {"insert": ADD, "update": EDIT, "delete": DELETE}
"""What an action that begins so takes; every other one takes VIEW."""


class Engine:
    """Carries out packets on one database; safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        schema: Schema,
        authenticator: Authenticator,
        preferences: Preferences,
        replica: Replica | None = None,
    ) -> None:
        """``replica`` is what packets that only read are answered by, as far as it can."""
        self.database = database
        self.replica = replica
        self.schema = schema
        self.authenticator = authenticator
        self.preferences = preferences
        self.collisions = Collisions()
        self.late_log = LateLog(database, schema)
        self.entrance = Entrance(
            database, authenticator.limits, preferences.audit, preferences.clock
        )
        admission = Admission(database, schema, authenticator, preferences, self.entrance)
        self.documents = Documents(database, schema, preferences, admission)
        self.packages = Packages(database, schema, preferences, admission)

    def ping(self) -> None:
        """Raises StoreUnavailable when the database does not answer."""
        self.database.ping()

    def recognise(self, packet: Packet, host: str, address: str) -> None:
        """Find out whether the sender of a packet is let in, before it is read to its end.

        ``packet`` is what is known of it so far. Raises NotAuthorized, which is counted and audited
        as ``process`` does it, and StoreUnavailable.
        """
        credentials = packet.credentials
        with (
            self.entrance.attempt(credentials, address, lambda: items_of(packet)) as attempt,
            unit_of_work(self.database, writes=self.authenticator.upgrades) as work,
        ):
            self.authenticator.authenticate(
                work.connection, credentials, host, self.preferences.now(), attempt
            )
            work.commit()

    def process(
        self, packet: Packet, options: Options, host: str, address: str, sink: RecordSink
    ) -> tuple[Response, ...]:
        """Carry out a packet; the responses come in the order of its transactions.

        ``host`` is the name that the client used, without port; ``address`` is where it is.
        Raises StoreUnavailable when the database is away; what a client can cause is a response.
        """
        try:
            with (
                self.entrance.attempt(
                    packet.credentials, address, lambda: items_of(packet)
                ) as attempt,
                unit_of_work(self.database, writes=self.authenticator.upgrades) as work,
            ):
                context = repeated(
                    lambda: self._authenticate(work, packet, options, host, attempt, sink),
                    work.rollback,
                )
                if not self.database.is_sqlite:
                    # Nothing was locked by looking who it is: the work goes on from there.
                    return self._carried_out(context, options, work)
                work.commit()
        except NotAuthorized:
            return (Response(None, (NOT_AUTHORIZED,), kinds=(Kind.NOT_AUTHORIZED,)),)
        return self._carried_out(context, options, None)

    def _authenticate(
        self,
        work: UnitOfWork,
        packet: Packet,
        options: Options,
        host: str,
        attempt: Attempt,
        sink: RecordSink,
    ) -> PacketContext:
        if packet.transactions and not self.database.is_sqlite:
            # It saves a round trip; on SQLite there is none, and the sender's work begins later.
            attempt.bases = foreseen_bases(self.schema, _foreseen(self.schema, packet))
        # A secret that is upgraded is written; otherwise the slow hash holds no lock.
        principal = self.authenticator.authenticate(
            work.connection, packet.credentials, host, self.preferences.now(), attempt
        )
        if self.authenticator.upgrades:
            work.commit()
        system = packet.credentials.system_id if packet.credentials is not None else None
        log = PacketLog(system, principal.client_id, attempt.address)
        touched = None if self.database.is_sqlite else TouchedRows()
        return PacketContext(
            packet=packet,
            validate=options.validate,
            principal=principal,
            schema=self.schema,
            preferences=self.preferences,
            sink=sink,
            log=log,
            touched=touched,
            strict=options.strict or self.preferences.strict,
        )

    def _carried_out(
        self, context: PacketContext, options: Options, begun: UnitOfWork | None
    ) -> tuple[Response, ...]:
        """The transactions one by one or as a whole, within what is ``begun`` or by themselves."""
        transactions = context.packet.transactions
        if not transactions:
            context.closely = True
            self._log_alone(context, (), begun)
            return (Response(None, (NO_TRANSACTIONS,), kinds=(Kind.UNKNOWN,)),)
        alone = options.commit_level is CommitLevel.TRANSACTION
        responses: list[Response] = []
        try:
            for group in [(each,) for each in transactions] if alone else [transactions]:
                responses.extend(self._together(context, group, begun))
        finally:
            # What is committed is told, whatever becomes of the transactions that follow.
            audit_packet(context, transactions, responses)
        return tuple(responses)

    def _together(
        self,
        context: PacketContext,
        transactions: Sequence[Transaction],
        begun: UnitOfWork | None,
    ) -> tuple[Response, ...]:
        """Transactions that are committed as a whole, or not at all.

        When the database undoes them for the sake of others, they are carried out once more.
        """
        log, start, attempts = context.log, context.sink.position(), itertools.count()

        def attempt() -> tuple[Response, ...]:
            # What an attempt that was undone has logged, or answered, is not there.
            context.log = log.again()
            context.sink.cut(start)
            if next(attempts) and not context.closely:
                self.collisions.note(transactions)
            try:
                return self._attempt(context, transactions, begun)
            except RefusalUnexplained:
                context.closely = True
                raise

        responses = repeated(attempt, (lambda: None) if begun is None else begun.rollback)
        if any(each.status for each in responses):
            # Its records are in no answer: the room is for those of other transactions.
            context.sink.cut(start)
        return responses

    def _attempt(
        self,
        context: PacketContext,
        transactions: Sequence[Transaction],
        begun: UnitOfWork | None,
    ) -> tuple[Response, ...]:
        writes = any(_writes(item) for each in transactions for item in each.items)
        alone = len(transactions) == 1
        read = None if writes else self._read_elsewhere(context, transactions, begun)
        if read is not None:
            self._log_alone(context, _logged(transactions, read), begun)
            return read
        with self._unit(begun, writes=writes) as work:
            if writes:
                begin_writing(context, work, transactions, self.collisions)
            responses = tuple(respond(context, work, each, alone=alone) for each in transactions)
            failed = any(each.status for each in responses)
            if writes and not failed:
                self._log(context, work, _logged(transactions, responses))
                work.commit()
                return responses
            if failed or begun is None:
                work.rollback()
        responses = tuple(_undone(each) for each in responses) if failed else responses
        self._log_alone(context, _logged(transactions, responses), begun)
        return responses

    def _read_elsewhere(
        self,
        context: PacketContext,
        transactions: Sequence[Transaction],
        begun: UnitOfWork | None,
    ) -> tuple[Response, ...] | None:
        """The responses of the replica to transactions that only read; None when it gives none."""
        if self.replica is None or begun is None or self.replica.is_resting():
            return None
        position, start = position_of(begun.connection), context.sink.position()
        # The primary's connection is not kept within a transaction while another server works.
        begun.rollback()
        try:
            with self.replica.reading(position) as work:
                # A part that fails must not end what the others read.
                responses = tuple(
                    respond(context, work, each, alone=False) for each in transactions
                )
        except SpoolRefused:
            raise
        except StoreUnavailable:
            # It has logged why; the primary can tell the same.
            context.sink.cut(start)
            return None
        failed = any(each.status for each in responses)
        return tuple(_undone(each) for each in responses) if failed else responses

    def _unit(
        self, begun: UnitOfWork | None, *, writes: bool
    ) -> AbstractContextManager[UnitOfWork]:
        return unit_of_work(self.database, writes=writes) if begun is None else nullcontext(begun)

    def _log(
        self, context: PacketContext, work: UnitOfWork, entries: Iterable[LoggedTransaction]
    ) -> None:
        records = Rows(self.schema, work.connection, closely=context.closely)
        context.log.write(records, self.preferences.now(), entries)

    def _log_alone(
        self,
        context: PacketContext,
        entries: Sequence[LoggedTransaction],
        begun: UnitOfWork | None,
    ) -> None:
        """What has changed nothing is logged by itself, so that reading waits for no writer."""
        if begun is None and len(entries) == len(context.packet.transactions):
            self.late_log.write(LoggedPacket(context.log, self.preferences.now(), entries))
            return
        with self._unit(begun, writes=True) as work:
            self._log(context, work, entries)
            work.commit()


def _logged(
    transactions: Sequence[Transaction], responses: Sequence[Response]
) -> tuple[LoggedTransaction, ...]:
    """What the log tells of transactions and their responses."""
    return tuple(_logged_transaction(*each) for each in zip(transactions, responses, strict=True))


def _logged_transaction(transaction: Transaction, response: Response) -> LoggedTransaction:
    first = transaction.items[0] if transaction.items else None
    return LoggedTransaction(
        reference_id=None if transaction.id is None else str(transaction.id),
        element_name=None if first is None else first.element,
        action=None if first is None else first.action,
        status_code=response.status,
        record_count=0 if response.records is None else response.records.count,
        message="\n".join(response.errors) or None,
    )


def _foreseen(schema: Schema, packet: Packet) -> Iterator[tuple[str, str]]:
    """The objects of the first items, each with what is done to its records."""
    for each in packet.transactions[0].items[:MOST_FORESEEN]:
        target = schema.catalogue.target(each.element)
        if target is not None:
            named = (
                verb for action, verb in VERBS.items() if (each.action or "").startswith(action)
            )
            yield target.object.element, next(named, VIEW)


def _writes(item: Item) -> bool:
    action = ACTIONS.get(item.action or "")
    return action is None or action.writes


def _undone(response: Response) -> Response:
    if response.status:
        return response
    return Response(response.id, (ROLLED_BACK,), kinds=(Kind.UNDONE,), unheeded=response.unheeded)


def build_engine(settings: Settings) -> Engine:
    """The engine of an installation.

    Raises CatalogueError, SettingsError or StoreUnavailable, whose texts say what to do.
    """
    schema = load_schema()
    if settings.permissions == CONTACTS_ONLY:
        logger.warning(
            "PACKETSERVER_PERMISSIONS=%s: only contacts are protected; every user may read and"
            " change everything else, users and roles included",
            CONTACTS_ONLY,
        )
    database, complete = open_database(settings, schema)
    remembered = RememberedCredentials(complete.remember_credentials_seconds)
    authenticator = Authenticator(complete, remembered, time.monotonic)
    return Engine(database, schema, authenticator, preferences_of(complete), replica_of(complete))
