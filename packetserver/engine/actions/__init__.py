"""The actions of the protocol by name; a new one is a file here and a line in the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from packetserver.engine.actions import (
    delete,
    information,
    insert,
    packages,
    select,
    sync,
    sync_delete,
    sync_session,
    update,
)
from packetserver.engine.context import Call
from packetserver.engine.heeding import heed_item
from packetserver.engine.named_inserts import NAMED_INSERTS
from packetserver.errors import ItemMessage

INSERT = "insert"


@dataclass(frozen=True, slots=True)
class Action:
    """What carries an action out, and whether it may change the database.

    One that ``answers`` has the fields of records in its answer; one that ``looks`` looks at the
    properties of its item.
    """

    run: Callable[[Call], None]
    writes: bool
    answers: bool = False
    looks: bool = True


ACTIONS = {
    "select": Action(select.run, writes=False, answers=True),
    "update": Action(update.run, writes=True, answers=True),
    "delete": Action(delete.run, writes=True, answers=True),
    INSERT: Action(insert.run, writes=True, answers=True),
    "sync": Action(sync.run, writes=True, answers=True),
    "syncDelete": Action(sync_delete.run, writes=True, looks=False),
    "syncStart": Action(sync_session.start, writes=True, looks=False),
    "syncEnd": Action(sync_session.end, writes=True, looks=False),
    "syncProcessed": Action(sync_session.processed, writes=True, looks=False),
    "process": Action(packages.run, writes=True),
    "execute": Action(packages.run, writes=True),
    "status": Action(packages.run, writes=False, looks=False),
    "getDateTime": Action(information.date_time, writes=False, looks=False),
    "getSystemPreferences": Action(information.preferences, writes=False, looks=False),
    "getSystemXMLFile": Action(information.system_file, writes=False, looks=False),
}


def carry_out(call: Call) -> None:
    """Run an item's action, its properties under their own names.

    Raises ItemMessage for an action that the object does not know, and TransactionFailure for what
    nothing heeds where the packet asks for that. What begins with `insert` is an insert.
    """
    name = call.item.action or ""
    is_named = name != INSERT or (call.object.element, INSERT) in NAMED_INSERTS
    action = ACTIONS.get(INSERT if name.startswith(INSERT) else name)
    if action is None:
        raise ItemMessage(packages.NO_HANDLER)
    heed_item(call, has_properties=action.looks, shows_records=action.answers)
    if name.startswith(INSERT) and is_named:
        insert.run_named(call, name)
    else:
        action.run(call)
    if call.transaction.packet.strict:
        call.transaction.packet.unheeded.check()
