"""The way of a packet: authenticate, then each transaction, then commit, then the answer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from packetserver.errors import NotAuthorized, RefusalUnexplained
from packetserver.failures import Kind
from packetserver.protocols.packet.actions import ACTIONS
from packetserver.protocols.packet.admission import Admission
from packetserver.protocols.packet.auditing import audit_packet, items_of
from packetserver.protocols.packet.context import PacketContext, read_anchors
from packetserver.protocols.packet.failures import NO_TRANSACTIONS, NOT_AUTHORIZED, ROLLED_BACK
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
from packetserver.records.late_log import Note
from packetserver.records.permissions import foreseen_bases
from packetserver.records.runner import RequestRun
from packetserver.records.service import Service, open_service
from packetserver.records.ways import ADD, DELETE, EDIT, VIEW
from packetserver.security.throttle import Attempt
from packetserver.settings import Settings
from packetserver.store.row_locks import TouchedRows
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema
from packetserver.store.unit_of_work import UnitOfWork, unit_of_work
from packetserver.sync.packet_log import LoggedTransaction, PacketLog

MOST_FORESEEN = 20
"""Items of a packet whose permissions are read with its sender: mostly all need the same."""

VERBS = {"insert": ADD, "update": EDIT, "delete": DELETE}
"""What an action that begins so takes; every other one takes VIEW."""


class Engine:
    """Carries out packets on one database; safe to use from many threads."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.database = service.database
        self.schema = service.schema
        self.authenticator = service.authenticator
        self.preferences = service.preferences
        self.runner = service.runner
        self.entrance = service.entrance
        self.collisions = Collisions()
        admission = Admission(service)
        self.documents = Documents(service, admission)
        self.packages = Packages(service, admission)

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
                self.runner.request(writes=self.authenticator.upgrades) as request,
            ):
                context = request.prove(
                    lambda work: self._authenticate(work, packet, options, host, attempt, sink)
                )
                transactions = packet.transactions
                if not transactions:
                    context.closely = True
                    request.note_alone(self._note(context, (), ()))
                    return (Response(None, (NO_TRANSACTIONS,), kinds=(Kind.UNKNOWN,)),)
                alone = options.commit_level is CommitLevel.TRANSACTION
                responses: list[Response] = []
                try:
                    for group in [(each,) for each in transactions] if alone else [transactions]:
                        responses.extend(self._together(context, group, request))
                finally:
                    # What is committed is told, whatever becomes of the transactions that follow.
                    audit_packet(context, transactions, responses)
                return tuple(responses)
        except NotAuthorized:
            return (Response(None, (NOT_AUTHORIZED,), kinds=(Kind.NOT_AUTHORIZED,)),)

    def _authenticate(
        self,
        work: UnitOfWork,
        packet: Packet,
        options: Options,
        host: str,
        attempt: Attempt,
        sink: RecordSink,
    ) -> PacketContext:
        if packet.transactions and self.database.is_server:
            # It saves a round trip; on SQLite there is none, and the sender's work begins later.
            attempt.bases = foreseen_bases(self.schema, _foreseen(self.schema, packet))
        # A secret that is upgraded is written; otherwise the slow hash holds no lock.
        principal = self.authenticator.authenticate(
            work.connection, packet.credentials, host, self.preferences.now(), attempt
        )
        if self.authenticator.upgrades:
            work.commit()
        system = packet.credentials.system_id if packet.credentials is not None else None
        return PacketContext(
            packet=packet,
            anchors=read_anchors(packet.credentials, self.preferences.zone),
            validate=options.validate,
            principal=principal,
            schema=self.schema,
            preferences=self.preferences,
            sink=sink,
            log=PacketLog(system, principal.client_id, attempt.address),
            touched=TouchedRows() if self.database.is_server else None,
            strict=options.strict or self.preferences.strict,
        )

    def _together(
        self, context: PacketContext, transactions: Sequence[Transaction], request: RequestRun
    ) -> tuple[Response, ...]:
        """Transactions that are committed as a whole, or not at all."""
        log, start, attempts = context.log, context.sink.position(), itertools.count()
        writes = any(_writes(item) for each in transactions for item in each.items)
        alone = len(transactions) == 1

        def job(work: UnitOfWork) -> tuple[Response, ...]:
            # What an attempt that was undone has logged, or answered, is not there.
            context.log = log.again()
            context.sink.cut(start)
            if next(attempts) and writes and not context.closely:
                self.collisions.note(transactions)
            try:
                if writes:
                    begin_writing(context, work, transactions, self.collisions)
                done = tuple([respond(context, work, each, alone=alone) for each in transactions])
            except RefusalUnexplained:
                context.closely = True
                raise
            return done if _are_done(done) else tuple(map(_undone, done))

        responses = request.attempt(
            job,
            writes=writes,
            keep=_are_done,
            note=lambda responses: self._note(context, transactions, responses),
            is_all=len(transactions) == len(context.packet.transactions),
        )
        if not _are_done(responses):
            # Its records are in no answer: the room is for those of other transactions.
            context.sink.cut(start)
        return responses

    def _note(
        self,
        context: PacketContext,
        transactions: Sequence[Transaction],
        responses: Sequence[Response],
    ) -> Note:
        """Writes transactions and what became of them into the log."""
        log, entered = context.log, self.preferences.now()
        entries = _logged(transactions, responses)

        def write(work: UnitOfWork) -> None:
            rows = Rows(self.schema, work.connection, closely=context.closely)
            # A note that was undone is written again: then nothing of it is there.
            context.log = log.copy()
            context.log.write(rows, entered, entries)

        return write


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


def _are_done(responses: Sequence[Response]) -> bool:
    return not any(each.status for each in responses)


def _undone(response: Response) -> Response:
    if response.status:
        return response
    return Response(response.id, (ROLLED_BACK,), kinds=(Kind.UNDONE,), unheeded=response.unheeded)


def build_engine(settings: Settings) -> Engine:
    """The engine of an installation. Raises what `open_service` does."""
    return Engine(open_service(settings))
