"""What a packet waits for before it writes."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterable, Iterator, Sequence

from packetserver.catalogue.model import ObjectType
from packetserver.errors import ValueNotOfType
from packetserver.protocols.packet.context import PacketContext
from packetserver.protocols.packet.meta import is_guid
from packetserver.protocols.packet.packet import Item, Transaction
from packetserver.records.changing import removal_strength
from packetserver.store.guid_columns import GUID, is_mappable, map_element
from packetserver.store.row_locks import Strength, TouchedRows, take_turn
from packetserver.store.rows import Rows
from packetserver.store.unit_of_work import UnitOfWork
from packetserver.sync.guids import Guid, GuidMap
from packetserver.sync.sessions import CLIENTS, heed_repetition, take_turn_of_client

UPDATE, DELETE = "update", "delete"
FRAME = frozenset({"syncStart", "syncEnd", "getDateTime", "getSystemPreferences"})
"""The actions that begin and end a client's sessions, and exchange nothing."""


def begin_writing(
    context: PacketContext,
    work: UnitOfWork,
    transactions: Sequence[Transaction],
    collisions: Collisions,
) -> None:
    """Wait for everything that is known to be needed, while as little as possible is held."""
    if context.touched is not None and collisions.are_likely(transactions):
        take_turn(work.connection)
    _take_turn_of_client(context, work, transactions)
    if context.touched is not None:
        _lock_rows(context, work, transactions, context.touched)


def exchanges_anything(transactions: Iterable[Transaction]) -> bool:
    """Whether transactions do more than to begin and end sessions."""
    return any(item.action not in FRAME for each in transactions for item in each.items)


def _take_turn_of_client(
    context: PacketContext, work: UnitOfWork, transactions: Sequence[Transaction]
) -> None:
    """A sync client's packets change its map one after the other."""
    client_id = context.principal.client_id
    if client_id is None:
        return
    take_turn_of_client(work.connection, context.schema.metadata, client_id)
    if not exchanges_anything(transactions):
        return
    content = (context.anchors, context.validate, transactions)
    heed_repetition(
        Rows(context.schema, work.connection, closely=context.closely),
        client_id,
        lambda: hashlib.sha256(repr(content).encode()).hexdigest(),
    )


def _lock_rows(
    context: PacketContext,
    work: UnitOfWork,
    transactions: Sequence[Transaction],
    touched: TouchedRows,
) -> None:
    items = [each for one in transactions for each in one.items if each.action in {UPDATE, DELETE}]
    if len(items) > 1:
        _note_foreseen(context, work, items, touched)
    if len(touched) > 1:
        touched.lock(work.connection, context.schema.metadata, first=CLIENTS)


def _note_foreseen(
    context: PacketContext, work: UnitOfWork, items: Sequence[Item], touched: TouchedRows
) -> None:
    """The records that items name; what an item lacks or has wrong it will say itself."""
    by_guid: dict[Guid, list[tuple[ObjectType, Strength]]] = {}
    for item in items:
        target = context.schema.catalogue.target(item.element)
        if target is None or target.is_list or target.object.key is None:
            continue
        described = target.object
        strength = Strength.CHANGE if item.action == UPDATE else removal_strength(described)
        for name, number in _numbers(context, item, described):
            if name == GUID:
                guid = (map_element(described), number)
                by_guid.setdefault(guid, []).append((described, strength))
            else:
                _note(touched, described, number, strength)
    if by_guid and context.principal.client_id is not None:
        guids = GuidMap(Rows(context.schema, work.connection), context.principal.client_id)
        for guid, record_id in guids.record_ids(by_guid).items():
            for described, strength in by_guid[guid]:
                _note(touched, described, record_id, strength)


def _numbers(
    context: PacketContext, item: Item, described: ObjectType
) -> Iterator[tuple[str, int]]:
    """The key and the guid that an item has, as far as they can be read."""
    for each in item.properties:
        is_key = described.field(each.name) is described.key
        is_client_id = is_guid(each.name) and is_mappable(described)
        if each.text is None or described.key is None or not (is_key or is_client_id):
            continue
        with contextlib.suppress(ValueNotOfType):
            value = described.key.type.read(each.text, context.preferences.zone)
            if isinstance(value, int):
                yield (GUID if is_client_id else each.name), value


def _note(touched: TouchedRows, described: ObjectType, key: int, strength: Strength) -> None:
    if described.table is not None and described.key is not None:
        touched.note(described.table, {described.key.column or "": key}, strength)


REMEMBERED_SECONDS = 60.0
"""How long packets of some elements take turns after one of them ended in a deadlock."""


class Collisions:
    """The elements of packets that the database has undone for others; safe to use from threads.

    What a packet changes beside its own records shows only while it is carried out. Those that
    change the same things tend to come together, and to be of the same elements.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def note(self, transactions: Iterable[Transaction]) -> None:
        """Such a packet was undone."""
        now = time.monotonic()
        with self._lock:
            # There are no more elements than the catalogue has, and so many of others.
            self._until = {name: until for name, until in self._until.items() if until > now}
            self._until |= dict.fromkeys(_elements(transactions), now + REMEMBERED_SECONDS)

    def forget(self) -> None:
        """Nothing was undone lately."""
        with self._lock:
            self._until = {}

    def are_likely(self, transactions: Sequence[Transaction]) -> bool:
        """Whether such a packet should wait for others of its kind."""
        if not self._until:
            return False
        now = time.monotonic()
        return any(self._until.get(each, now) > now for each in _elements(transactions))


def _elements(transactions: Iterable[Transaction]) -> set[str]:
    return {item.element for each in transactions for item in each.items}
