"""Which packets the audit log tells of: refused ones, and those of administrators.

An administrative item changes an object that is protected by a permission of the module admin, or
a sync client; the catalogue says which those are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from packetserver.catalogue.model import Catalogue
from packetserver.failures import Kind
from packetserver.protocols.packet.context import PacketContext
from packetserver.protocols.packet.packet import Item, Packet, Response, Transaction
from packetserver.security import audit
from packetserver.security.audit import MOST_ITEMS, What, proved

ADMINISTRATION = "admin-"
"""How the permissions of the module begin, in the original's catalogue of permissions."""

SYNC_CLIENT = "sync_client"
"""The permission rule of those who log in without a user."""

CHANGES = ("insert", "update", "delete")
"""How the actions begin that change the record they name."""

REFUSALS = frozenset({Kind.DENIED, Kind.FORBIDDEN})


def items_of(packet: Packet) -> list[What]:
    """What a packet is about: its elements and actions, each once."""
    return _once(item for transaction in packet.transactions for item in transaction.items)


def changes_of(catalogue: Catalogue, items: Iterable[Item]) -> list[What]:
    """The administrative ones among items."""
    return _once(each for each in items if is_administrative(catalogue, each))


def is_administrative(catalogue: Catalogue, item: Item) -> bool:
    """Whether an item asks for a change of who may do what."""
    target = catalogue.target(item.element)
    if target is None or not (item.action or "").startswith(CHANGES):
        return False
    permission = target.object.permission or ""
    return permission.startswith(ADMINISTRATION) or target.object.permission_rule == SYNC_CLIENT


def audit_packet(
    context: PacketContext, transactions: Sequence[Transaction], responses: Sequence[Response]
) -> None:
    """Write one event for a packet that was refused in part, or was of an administrator.

    There may be fewer responses than transactions, when the server could not go on.
    """
    for outcome, items in _outcomes(context, transactions, responses):
        log = context.preferences.audit
        log.record(outcome, context.log.address, proved(context.principal), items)


class AuditedItems:
    """The items of a package while they are carried out; kept is what the audit log tells of them."""

    def __init__(self, context: PacketContext, items: Iterable[Item]) -> None:
        self._context = context
        self._items = items
        self._changes: dict[What, None] = {}
        self._last: What = (None, None)

    def __iter__(self) -> Iterator[Item]:
        for item in self._items:
            self._last = item.element, item.action
            is_told = len(self._changes) <= MOST_ITEMS
            if is_told and is_administrative(self._context.schema.catalogue, item):
                self._changes[self._last] = None
            yield item

    def record(self, kinds: Sequence[Kind]) -> None:
        """Write the event of a package that has ended with such failures, or with none."""
        if REFUSALS & set(kinds):
            outcome, items = audit.DENIED, [self._last]
        else:
            outcome, items = audit.FAILED if kinds else audit.DONE, list(self._changes)
        if items:
            log, context = self._context.preferences.audit, self._context
            log.record(outcome, context.log.address, proved(context.principal), items)


def _outcomes(
    context: PacketContext, transactions: Sequence[Transaction], responses: Sequence[Response]
) -> Iterator[tuple[str, list[What]]]:
    """The outcomes of a packet, each with the items that it is of; mostly one, or none."""
    answered = list(zip(transactions, responses, strict=False))
    denied = [each.items for each, response in answered if REFUSALS & set(response.kinds)]
    if denied:
        yield audit.DENIED, _once(chain.from_iterable(denied))
    for outcome, status in ((audit.FAILED, 1), (audit.DONE, 0)):
        ended = [each.items for each, response in answered if response.status == status]
        changed = changes_of(context.schema.catalogue, chain.from_iterable(ended))
        if changed and not (denied and status):
            yield outcome, changed


def _once(items: Iterable[Item]) -> list[What]:
    """What items ask for, each thing once, and no more things than an event can tell of."""
    found: dict[What, None] = {}
    for each in items:
        found[each.element, each.action] = None
        if len(found) > MOST_ITEMS:
            break
    return list(found)
