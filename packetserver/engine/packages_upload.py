"""Carries out the records of a package that a client brings: each is stored, or it is said why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packetserver.engine.actions import INSERT, carry_out
from packetserver.engine.actions.update import CONFLICT
from packetserver.engine.context import Call, Output, PacketContext, TransactionContext
from packetserver.engine.packet import Item
from packetserver.engine.targets import find_target
from packetserver.errors import ItemMessage, RecordRefused, TransactionFailure
from packetserver.store.rows import Rows
from packetserver.store.unit_of_work import UnitOfWork

UPDATE = "update"
WRONG_ACTION = "only records that are inserted or updated can be in a package"
NO_RECORD = (
    "No record was found in it: a package holds dataRecord elements, directly under its root or"
    " under cfsdata"
)
IN_CONFLICT = (
    "conflict: the server does not have this record, or it was changed after the client got it"
)


class RecordOutput(Output):
    """Where the answer to a record of a package goes: nobody reads it, so a conflict is an error."""

    def write(self, action: str, names: Sequence[str], texts: Sequence[str]) -> None:
        """Pass over a record that is done. Raises TransactionFailure for one that is not."""
        if action == CONFLICT:
            raise TransactionFailure.because(IN_CONFLICT)
        super().write(action, names, texts)


def carry_out_records(context: PacketContext, work: UnitOfWork, items: Iterable[Item]) -> int:
    """Carry out records in their order; returns how many they were.

    Raises TransactionFailure, which names the record, with the first one that fails; and when
    there is none at all.
    """
    records = Rows(context.schema, work.connection, context.parameters)
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
            raise TransactionFailure(_place(count, item), *refusal.reasons) from refusal
    if not count:
        raise TransactionFailure(NO_RECORD)
    return count


def _carry_out(context: PacketContext, shared: TransactionContext, item: Item) -> None:
    action = item.action or ""
    if not action.startswith(INSERT) and action != UPDATE:
        raise TransactionFailure.because(WRONG_ACTION)
    target = find_target(context, item)
    carry_out(Call(shared, item, target, RecordOutput(context.sink, wanted=False)))


def _place(number: int, item: Item) -> str:
    return f"Record {number} ({item.element})"
