"""One transaction: its items in their order, and its response."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from packetserver.engine.actions import carry_out
from packetserver.engine.answers import RecordSet, Response
from packetserver.engine.context import Call, Output, PacketContext, TransactionContext
from packetserver.engine.packet import Item, Transaction
from packetserver.engine.places import Place
from packetserver.engine.targets import (
    check_meta,
    check_system,
    find_target,
    is_allowed_for_user_client,
)
from packetserver.engine.unheeded import Unheeded
from packetserver.errors import (
    ItemMessage,
    RecordRefused,
    StatementTooLong,
    TransactionFailure,
)
from packetserver.security.principal import PrincipalKind
from packetserver.store.rows import Rows
from packetserver.store.unit_of_work import UnitOfWork

NOT_FOR_THIS_USER = (
    "Transaction contained in the packet is not allowed for this User."
    " Packet was rejected by the server and was not processed"
)
TOO_LONG = "The database took too long"


def respond(
    context: PacketContext, work: UnitOfWork, transaction: Transaction, *, alone: bool
) -> Response:
    """One transaction: its error becomes its response (DECISIONS.md, Transactions)."""
    context.unheeded = Unheeded()
    response = _responded(context, work, transaction, alone=alone)
    return replace(response, unheeded=context.unheeded) if context.unheeded.counts else response


def _responded(
    context: PacketContext, work: UnitOfWork, transaction: Transaction, *, alone: bool
) -> Response:
    is_user_client = context.principal.kind is PrincipalKind.USER_CLIENT
    if is_user_client and not is_allowed_for_user_client(transaction):
        return Response(None, (NOT_FOR_THIS_USER,))
    try:
        with work.part(alone=alone):
            return Response(transaction.id, (), _carry_out(context, work, transaction))
    except TransactionFailure as failure:
        return Response(transaction.id, failure.lines)
    except StatementTooLong:
        return Response(transaction.id, TransactionFailure.because(TOO_LONG).lines)


def _carry_out(
    context: PacketContext, work: UnitOfWork, transaction: Transaction
) -> RecordSet | None:
    """The items in their order; the first item's records are kept.

    Raises TransactionFailure with the messages of all items when there is any.
    """
    check_system(context, transaction)
    check_meta(transaction.meta)
    records = _records(context, work)
    shared = TransactionContext(
        context,
        records,
        transaction.meta,
        work,
        permitted=_permitted_at_first(context, transaction),
        inserts_wait=True,
        misnamed_meta=transaction.misnamed_meta,
    )
    messages: list[str] = []
    kept: RecordSet | None = None
    for place, item in zip(_places(transaction), transaction.items, strict=True):
        try:
            found = _item(context, shared, item, place, wanted=kept is None)
            kept = kept or found
        except ItemMessage as message:
            _settle(records, messages)
            messages += place.behind(message.text) if context.strict else [message.text]
        except TransactionFailure as failure:
            _settle(records, messages)
            raise TransactionFailure(*messages, *place.told(failure).lines) from failure
        except RecordRefused as refusal:
            _settle(records, messages)
            raise TransactionFailure(*messages, *_refused(refusal, place).lines) from refusal
    _settle(records, messages)
    if messages:
        raise TransactionFailure(*messages)
    return kept


def _records(context: PacketContext, work: UnitOfWork) -> Rows:
    parameters, touched = context.parameters, context.touched
    return Rows(context.schema, work.connection, parameters, touched, closely=context.closely)


def _permitted_at_first(
    context: PacketContext, transaction: Transaction
) -> dict[str, frozenset[str]]:
    """What is known of the sender's rights already: an earlier transaction may have changed it."""
    is_first = transaction is context.packet.transactions[0]
    return dict(context.principal.permitted) if is_first else {}


def _places(transaction: Transaction) -> Iterator[Place]:
    is_only = len(transaction.items) == 1
    for number, item in enumerate(transaction.items, 1):
        yield Place(number, item.element, is_only)


def _settle(rows: Rows, messages: Sequence[str]) -> None:
    """Store what waits of earlier items: its error comes before those of later ones."""
    try:
        rows.settle()
    except RecordRefused as refusal:
        raise TransactionFailure(*messages, *_refused(refusal).lines) from refusal


def _refused(refusal: RecordRefused, place: Place | None = None) -> TransactionFailure:
    """The failure of the item that a refused record is of: that which waited, or this one."""
    origin = refusal.origin if isinstance(refusal.origin, Place) else place
    failure = TransactionFailure.because(*refusal.reasons)
    return failure if origin is None else origin.told(failure)


def _item(
    context: PacketContext,
    shared: TransactionContext,
    item: Item,
    place: Place,
    *,
    wanted: bool,
) -> RecordSet:
    target = find_target(context, item)
    output = Output(context.sink, wanted)
    start = context.sink.position()
    try:
        carry_out(Call(shared, item, target, output, place))
    finally:
        shared.records.streams.end()
    return RecordSet(item.element, output.count, output.total, start, context.sink.position())
