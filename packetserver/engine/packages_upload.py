"""Carries out the records of a package that a client brings (PROTOCOL.md 1.6, 6.8)."""

from __future__ import annotations

from collections.abc import Iterable

from packetserver.engine.actions import INSERT, carry_out
from packetserver.engine.context import Call, Output, PacketContext, TransactionContext
from packetserver.engine.packet import Item
from packetserver.engine.targets import find_target
from packetserver.errors import ItemMessage, RecordRefused, TransactionFailure
from packetserver.store.derived import PRESENT
from packetserver.store.guid_columns import CLIENT, NO_CLIENT
from packetserver.store.records import Records
from packetserver.store.unit_of_work import UnitOfWork

UPDATE = "update"
WRONG_ACTION = "only records that are inserted or updated can be in a package"


def carry_out_records(context: PacketContext, work: UnitOfWork, items: Iterable[Item]) -> int:
    """Carry out records in their order; returns how many they were.

    Raises TransactionFailure, which names the record, with the first one that fails.
    """
    client_id = context.principal.client_id
    parameters = {
        PRESENT: context.preferences.now(),
        CLIENT: NO_CLIENT if client_id is None else client_id,
    }
    records = Records(context.schema, work.connection, parameters)
    shared = TransactionContext(context, records, (), work)
    count = 0
    for count, item in enumerate(items, 1):
        try:
            _carry_out(context, shared, item)
        except TransactionFailure as failure:
            raise TransactionFailure(_place(count, item), *failure.lines) from failure
        except ItemMessage as message:
            raise TransactionFailure(_place(count, item), message.text) from message
        except RecordRefused as refusal:
            raise TransactionFailure(_place(count, item), refusal.reason) from refusal
    return count


def _carry_out(context: PacketContext, shared: TransactionContext, item: Item) -> None:
    action = item.action or ""
    if not action.startswith(INSERT) and action != UPDATE:
        raise TransactionFailure.because(WRONG_ACTION)
    target = find_target(context, item)
    carry_out(Call(shared, item, target, Output(context.sink, wanted=False)))


def _place(number: int, item: Item) -> str:
    return f"Record {number} ({item.element})"
