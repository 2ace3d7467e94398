"""The way of a packet: authenticate, then each transaction, then commit, then the answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from packetserver.engine.actions import ACTIONS, carry_out
from packetserver.engine.answers import RecordSet, RecordSink, Response
from packetserver.engine.context import (
    Call,
    Output,
    PacketContext,
    Preferences,
    TransactionContext,
)
from packetserver.engine.documents import Documents
from packetserver.engine.packages import Packages
from packetserver.engine.packet import CommitLevel, Item, Options, Packet, Transaction
from packetserver.engine.targets import check_meta, find_target, is_allowed_for_user_client
from packetserver.errors import ItemMessage, NotAuthorized, RecordRefused, TransactionFailure
from packetserver.security.authentication import Authenticator
from packetserver.security.principal import PrincipalKind
from packetserver.store.database import Database
from packetserver.store.derived import PRESENT
from packetserver.store.guid_columns import CLIENT, NO_CLIENT
from packetserver.store.records import Records
from packetserver.store.schema import Schema
from packetserver.store.unit_of_work import UnitOfWork, unit_of_work
from packetserver.sync.packet_log import LoggedTransaction, PacketLog
from packetserver.sync.sessions import heed_repetition, take_turn

NOT_AUTHORIZED = "Not authorized"
NO_TRANSACTIONS = "No transactions found"
NOT_FOR_THIS_USER = (
    "Transaction contained in the packet is not allowed for this User."
    " Packet was rejected by the server and was not processed"
)
ROLLED_BACK = "Transaction rolled back: another transaction in this packet failed"


class Engine:
    """Carries out packets on one database; safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        schema: Schema,
        authenticator: Authenticator,
        preferences: Preferences,
    ) -> None:
        self.database = database
        self.schema = schema
        self.authenticator = authenticator
        self.preferences = preferences
        self.documents = Documents(database, schema, authenticator, preferences)
        self.packages = Packages(database, schema, authenticator, preferences)

    def ping(self) -> None:
        """Raises StoreUnavailable when the database does not answer."""
        self.database.ping()

    def process(
        self, packet: Packet, options: Options, host: str, address: str, sink: RecordSink
    ) -> tuple[Response, ...]:
        """Carry out a packet; the responses come in the order of its transactions.

        ``host`` is the name that the client used, without port; ``address`` is where it is.
        Raises StoreUnavailable when the database is away; what a client can cause is a response.
        """
        try:
            with unit_of_work(self.database, writes=self.authenticator.upgrades) as work:
                context = self._authenticate(work, packet, options, host, address, sink)
                if not self.database.is_sqlite:
                    # Nothing was locked by looking who it is: the work goes on from there.
                    return self._carried_out(context, options, work)
                work.commit()
        except NotAuthorized:
            return (Response(None, (NOT_AUTHORIZED,)),)
        return self._carried_out(context, options, None)

    def _authenticate(
        self,
        work: UnitOfWork,
        packet: Packet,
        options: Options,
        host: str,
        address: str,
        sink: RecordSink,
    ) -> PacketContext:
        # A secret that is upgraded is written; otherwise the slow hash holds no lock.
        principal = self.authenticator.authenticate(
            work.connection, packet.credentials, host, self.preferences.now()
        )
        if self.authenticator.upgrades:
            work.commit()
        system = packet.credentials.system_id if packet.credentials is not None else None
        log = PacketLog(system, principal.client_id, address)
        return PacketContext(
            packet, options.validate, principal, self.schema, self.preferences, sink, log
        )

    def _carried_out(
        self, context: PacketContext, options: Options, begun: UnitOfWork | None
    ) -> tuple[Response, ...]:
        """The transactions one by one or as a whole, within what is ``begun`` or by themselves."""
        transactions = context.packet.transactions
        if not transactions:
            self._log_alone(context, (), begun)
            return (Response(None, (NO_TRANSACTIONS,)),)
        if options.commit_level is CommitLevel.TRANSACTION:
            groups = [(each,) for each in transactions]
            return tuple(one for group in groups for one in self._together(context, group, begun))
        return self._together(context, transactions, begun)

    def _together(
        self,
        context: PacketContext,
        transactions: Sequence[Transaction],
        begun: UnitOfWork | None,
    ) -> tuple[Response, ...]:
        """Transactions that are committed as a whole, or not at all."""
        writes = any(_writes(item) for each in transactions for item in each.items)
        alone = len(transactions) == 1
        with self._unit(begun, writes=writes) as work:
            if writes:
                self._take_turn(context, work, transactions)
            responses = tuple(_respond(context, work, each, alone=alone) for each in transactions)
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

    def _take_turn(
        self, context: PacketContext, work: UnitOfWork, transactions: Sequence[Transaction]
    ) -> None:
        """A sync client's packets change its map one after the other."""
        client_id = context.principal.client_id
        if client_id is None:
            return
        take_turn(work.connection, self.schema.metadata, client_id)
        content = (context.anchors, context.validate, transactions)
        heed_repetition(
            Records(self.schema, work.connection),
            client_id,
            lambda: hashlib.sha256(repr(content).encode()).hexdigest(),
        )

    def _unit(
        self, begun: UnitOfWork | None, *, writes: bool
    ) -> AbstractContextManager[UnitOfWork]:
        return unit_of_work(self.database, writes=writes) if begun is None else nullcontext(begun)

    def _log(
        self, context: PacketContext, work: UnitOfWork, entries: Iterable[LoggedTransaction]
    ) -> None:
        records = Records(self.schema, work.connection)
        context.log.write(records, self.preferences.now(), entries)

    def _log_alone(
        self,
        context: PacketContext,
        entries: Iterable[LoggedTransaction],
        begun: UnitOfWork | None,
    ) -> None:
        """What has changed nothing is logged by itself, so that reading waits for no writer."""
        with self._unit(begun, writes=True) as work:
            self._log(context, work, entries)
            work.commit()


def _logged(
    transactions: Sequence[Transaction], responses: Sequence[Response]
) -> Iterator[LoggedTransaction]:
    """What the log tells of transactions and their responses."""
    for transaction, response in zip(transactions, responses, strict=True):
        first = transaction.items[0] if transaction.items else None
        yield LoggedTransaction(
            reference_id=None if transaction.id is None else str(transaction.id),
            element_name=None if first is None else first.element,
            action=None if first is None else first.action,
            status_code=response.status,
            record_count=0 if response.records is None else response.records.count,
            message="\n".join(response.errors) or None,
        )


def _writes(item: Item) -> bool:
    action = ACTIONS.get(item.action or "")
    return action is None or action.writes


def _undone(response: Response) -> Response:
    return response if response.status else Response(response.id, (ROLLED_BACK,))


def _respond(
    context: PacketContext, work: UnitOfWork, transaction: Transaction, *, alone: bool
) -> Response:
    """One transaction: its error becomes its response (DECISIONS.md, Transactions)."""
    is_user_client = context.principal.kind is PrincipalKind.USER_CLIENT
    if is_user_client and not is_allowed_for_user_client(transaction):
        return Response(None, (NOT_FOR_THIS_USER,))
    try:
        with work.part(alone=alone):
            return Response(transaction.id, (), _carry_out(context, work, transaction))
    except TransactionFailure as failure:
        return Response(transaction.id, failure.lines)


def _carry_out(
    context: PacketContext, work: UnitOfWork, transaction: Transaction
) -> RecordSet | None:
    """The items in their order; the first item's records are kept.

    Raises TransactionFailure with the messages of all items when there is any.
    """
    check_meta(transaction.meta)
    client_id = context.principal.client_id
    parameters = {
        PRESENT: context.preferences.now(),
        CLIENT: NO_CLIENT if client_id is None else client_id,
    }
    records = Records(context.schema, work.connection, parameters)
    shared = TransactionContext(context, records, transaction.meta, work, inserts_wait=True)
    messages: list[str] = []
    kept: RecordSet | None = None
    for item in transaction.items:
        try:
            found = _item(context, shared, item, wanted=kept is None)
            kept = kept or found
        except ItemMessage as message:
            _settle(records, messages)
            messages.append(message.text)
        except TransactionFailure as failure:
            _settle(records, messages)
            raise TransactionFailure(*messages, *failure.lines) from failure
    _settle(records, messages)
    if messages:
        raise TransactionFailure(*messages)
    return kept


def _settle(records: Records, messages: Sequence[str]) -> None:
    """Store what waits of earlier items: its error comes before those of later ones."""
    try:
        records.settle()
    except RecordRefused as refusal:
        failure = TransactionFailure.because(refusal.reason)
        raise TransactionFailure(*messages, *failure.lines) from refusal


def _item(
    context: PacketContext, shared: TransactionContext, item: Item, *, wanted: bool
) -> RecordSet:
    target = find_target(context, item)
    output = Output(context.sink, wanted)
    start = context.sink.position()
    call = Call(shared, item, target, output)
    try:
        carry_out(call)
    except RecordRefused as refusal:
        raise TransactionFailure.because(refusal.reason) from refusal
    return RecordSet(item.element, output.count, output.total, start, context.sink.position())
