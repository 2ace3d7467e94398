"""What a packet waits for before it writes: its client's other packets, and the rows it will change.

Packets that change the same records in different order would wait for each other, and PostgreSQL
would end one of them. So what an item names by its key or guid is locked before the first item
runs, in one order for all packets. What else is changed shows while a packet is carried out: when
that ends in a deadlock, it is locked in the same way before the packet is carried out once more.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence

from packetserver.catalogue.model import ObjectType
from packetserver.engine.collisions import Collisions
from packetserver.engine.context import PacketContext
from packetserver.engine.packet import Item, Transaction
from packetserver.errors import ValueNotOfType
from packetserver.store.guid_columns import GUID, is_guid, is_mappable, map_element
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


def removal_strength(described: ObjectType) -> Strength:
    """How a record is locked that is to be deleted; one that is only trashed stays."""
    return Strength.REMOVAL if described.trashed_column is None else Strength.CHANGE


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
