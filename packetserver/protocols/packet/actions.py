"""The actions of the protocol by name; a new one is a function beside its like and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from packetserver.protocols.packet import changes, lists, package_actions, sessions, syncs
from packetserver.protocols.packet.changes import INSERT
from packetserver.protocols.packet.context import Call
from packetserver.protocols.packet.custom_fields import DEFINITIONS, MEANT
from packetserver.protocols.packet.failures import NO_HANDLER, ItemMessage
from packetserver.protocols.packet.heeding import heed_item
from packetserver.records.additions import ADDITIONS


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
    "select": Action(lists.select, writes=False, answers=True),
    "update": Action(changes.update, writes=True, answers=True),
    "delete": Action(changes.delete, writes=True, answers=True),
    INSERT: Action(changes.insert, writes=True, answers=True),
    "sync": Action(syncs.sync, writes=True, answers=True),
    "syncDelete": Action(syncs.sync_delete, writes=True, looks=False),
    "syncStart": Action(sessions.start, writes=True, looks=False),
    "syncEnd": Action(sessions.end, writes=True, looks=False),
    "syncProcessed": Action(sessions.processed, writes=True, looks=False),
    "process": Action(package_actions.run, writes=True),
    "execute": Action(package_actions.run, writes=True),
    "status": Action(package_actions.run, writes=False, looks=False),
    "getDateTime": Action(sessions.date_time, writes=False, looks=False),
    "getSystemPreferences": Action(sessions.preferences, writes=False, looks=False),
    "getSystemXMLFile": Action(sessions.system_file, writes=False, looks=False),
}


def define(call: Call) -> None:
    """A folder, a group of its fields, or a field, as an insert stores any other object."""
    changes.insert(call)


NAMED_INSERTS: Mapping[tuple[str, str], Callable[..., object]] = {
    **dict.fromkeys(DEFINITIONS, define),
    **{(element, INSERT): function for element, function in MEANT.items()},
    **{named: each.run for named, each in ADDITIONS.items()},
}
"""What `insertXxx` does, by element and name; and plain inserts that do something else."""


def carry_out(call: Call) -> None:
    """Run an item's action, its properties under their own names.

    Raises ItemMessage for an action that the object does not know, and TransactionFailure for what
    nothing heeds where the packet asks for that. What begins with `insert` is an insert.
    """
    name = call.item.action or ""
    action = ACTIONS.get(INSERT if name.startswith(INSERT) else name)
    if action is None:
        raise ItemMessage(NO_HANDLER)
    heed_item(call, has_properties=action.looks, shows_records=action.answers)
    if name.startswith(INSERT) and name != INSERT:
        changes.add(call, name)
    else:
        action.run(call)
    if call.transaction.packet.strict:
        call.transaction.packet.unheeded.check()
