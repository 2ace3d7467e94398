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
from packetserver.engine.named_inserts import NAMED_INSERTS
from packetserver.errors import ItemMessage

INSERT = "insert"


@dataclass(frozen=True, slots=True)
class Action:
    """What carries an action out, and whether it may change the database."""

    run: Callable[[Call], None]
    writes: bool


ACTIONS = {
    "select": Action(select.run, writes=False),
    "update": Action(update.run, writes=True),
    "delete": Action(delete.run, writes=True),
    INSERT: Action(insert.run, writes=True),
    "sync": Action(sync.run, writes=True),
    "syncDelete": Action(sync_delete.run, writes=True),
    "syncStart": Action(sync_session.start, writes=True),
    "syncEnd": Action(sync_session.end, writes=True),
    "syncProcessed": Action(sync_session.processed, writes=True),
    "process": Action(packages.run, writes=True),
    "execute": Action(packages.run, writes=True),
    "status": Action(packages.run, writes=False),
    "getDateTime": Action(information.date_time, writes=False),
    "getSystemPreferences": Action(information.preferences, writes=False),
    "getSystemXMLFile": Action(information.system_file, writes=False),
}


def carry_out(call: Call) -> None:
    """Run an item's action.

    Raises ItemMessage for an action that the object does not know; what begins with `insert`
    is an insert (PROTOCOL.md 5).
    """
    name = call.item.action or ""
    is_named = name != INSERT or (call.object.element, INSERT) in NAMED_INSERTS
    if name.startswith(INSERT) and is_named:
        insert.run_named(call, name)
    elif name in ACTIONS:
        ACTIONS[name].run(call)
    else:
        raise ItemMessage(packages.NO_HANDLER)
