"""One transaction: its items in their order, and its response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from packetserver.catalogue.model import Target
from packetserver.errors import StatementTooLong
from packetserver.failures import Kind, Refused
from packetserver.protocols.packet.actions import carry_out
from packetserver.protocols.packet.context import Call, Output, PacketContext, TransactionContext
from packetserver.protocols.packet.failures import (
    FAILED,
    NO_ACTION,
    NOT_FOR_THIS_USER,
    TOO_LONG,
    UNSUPPORTED,
    ItemMessage,
    TransactionFailure,
    told,
)
from packetserver.protocols.packet.meta import check_meta
from packetserver.protocols.packet.packet import Item, Place, RecordSet, Response, Transaction
from packetserver.protocols.packet.unheeded import Unheeded
from packetserver.records.records import Records
from packetserver.security.principal import PrincipalKind
from packetserver.store.guid_columns import SYSTEM
from packetserver.store.unit_of_work import UnitOfWork


def respond(
    context: PacketContext, work: UnitOfWork, transaction: Transaction, *, alone: bool
) -> Response:
    """One transaction: its error becomes its response (docs/errors.md)."""
    is_user_client = context.principal.kind is PrincipalKind.USER_CLIENT
    if is_user_client and not is_allowed_for_user_client(transaction):
        return Response(None, (NOT_FOR_THIS_USER,), kinds=(Kind.FORBIDDEN,))
    unheeded = context.unheeded = Unheeded()
    try:
        with work.part(alone=alone):
            response = Response(transaction.id, (), _carry_out(context, work, transaction))
    except TransactionFailure as failure:
        response = Response(transaction.id, failure.lines, kinds=failure.kinds)
    except StatementTooLong:
        response = Response(transaction.id, (FAILED, TOO_LONG), kinds=(Kind.LIMIT,))
    return replace(response, unheeded=unheeded) if unheeded.counts else response


def _carry_out(
    context: PacketContext, work: UnitOfWork, transaction: Transaction
) -> RecordSet | None:
    """The items in their order; the first item's records are kept.

    Raises TransactionFailure with the messages of all items when there is any.
    """
    check_system(context, transaction)
    check_meta(transaction.meta)
    records = context.records(work, _permitted_at_first(context, transaction))
    shared = TransactionContext(
        context,
        records,
        transaction.meta,
        misnamed_meta=transaction.misnamed_meta,
        inserts_wait=True,
    )
    messages = Messages(is_strict=context.strict)
    kept: RecordSet | None = None
    for place, item in zip(_places(transaction), transaction.items, strict=True):
        output, start = Output(context.sink, kept is None), context.sink.position()
        try:
            carry_out(Call(shared, item, find_target(context, item), output, place))
            end = context.sink.position()
            kept = kept or RecordSet(item.element, output.count, output.total, start, end)
        except (ItemMessage, TransactionFailure, Refused) as error:
            _settle(records, messages)
            messages.add(error, place)
        finally:
            records.rows.streams.end()
    _settle(records, messages)
    messages.check()
    return kept


class Messages:
    """What the items of a transaction fail at: their messages, and the failure that ends it."""

    def __init__(self, *, is_strict: bool) -> None:
        self._is_strict = is_strict
        self._lines: list[str] = []
        self._kinds: list[Kind] = []

    def add(self, error: ItemMessage | TransactionFailure | Refused, place: Place | None) -> None:
        """Keep a message. Raises TransactionFailure, with all messages before it, for the rest."""
        failure = told(error) if isinstance(error, Refused) else error
        if isinstance(error, Refused) and isinstance(error.origin, Place):
            place = error.origin
        if isinstance(failure, TransactionFailure):
            lines = failure.at(place).lines
            after = (*self._kinds, *failure.kinds[:-1])
            kind = failure.kinds[-1]
            raise TransactionFailure(*self._lines, *lines, kind=kind, after=after) from error
        with_place = place is not None and self._is_strict
        self._lines += place.behind(failure.text) if place and with_place else [failure.text]
        self._kinds.append(failure.kind)

    def check(self) -> None:
        """Raises TransactionFailure when there is any message."""
        if self._lines:
            *after, kind = self._kinds
            raise TransactionFailure(*self._lines, kind=kind, after=after)


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


def _settle(records: Records, messages: Messages) -> None:
    """Store what waits of earlier items: its error comes before those of later ones."""
    records.rows.streams.end()
    try:
        records.settle()
    except Refused as refused:
        messages.add(refused, None)


NO_SYSTEM = (
    "authentication has no systemId that is a number, so no object is known:"
    f" clients send <systemId>{SYSTEM}</systemId>"
)

SYSTEM_ELEMENT = "system"
USER_CLIENT_ELEMENTS = frozenset({"syncClient", "compileSyncData"})


def check_system(context: PacketContext, transaction: Transaction) -> None:
    """Raises TransactionFailure where no element can be known for want of a system."""
    credentials = context.packet.credentials
    if transaction.items and (credentials is None or credentials.system_id is None):
        raise TransactionFailure(UNSUPPORTED, reasons=(NO_SYSTEM,), kind=Kind.UNKNOWN)


def find_target(context: PacketContext, item: Item) -> Target:
    """What the item's element names.

    Raises ItemMessage when it is unknown, or the item has no attribute.
    """
    credentials = context.packet.credentials
    system = credentials.system_id if credentials is not None else None
    target = context.schema.catalogue.target(item.element) if system == SYSTEM else None
    if target is None and item.element == SYSTEM_ELEMENT and system == SYSTEM:
        target = context.schema.catalogue.target("syncClient")
    if target is None:
        raise ItemMessage(UNSUPPORTED, Kind.UNKNOWN)
    if not item.attributes:
        raise ItemMessage(NO_ACTION, Kind.UNKNOWN)
    return target


def is_allowed_for_user_client(transaction: Transaction) -> bool:
    """Whether every item is one that a user's sync client may send."""
    return all(item.element in USER_CLIENT_ELEMENTS for item in transaction.items)
