"""Whether the principal may do this to that record: asked of the stored one, and of what it becomes.

What is permitted is one condition for an object and a verb (engine/rights). Lists join it to their
queries; here it is asked of single records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from packetserver.catalogue.conditions import EVERY, NOTHING, Condition, paths
from packetserver.catalogue.holding import Facts, settled
from packetserver.engine.context import Call
from packetserver.engine.packet import Transaction
from packetserver.engine.rights import ways_of
from packetserver.engine.validation import Writing
from packetserver.engine.ways import ADD, DELETE, EDIT, VIEW
from packetserver.errors import ItemMessage
from packetserver.store.row_locks import Strength
from packetserver.store.schema import Schema

DENIED = "User denied permission to perform action on the object"

MOST_FORESEEN = 20
"""Items of a packet whose permissions are read with its sender: mostly all need the same."""

VERBS: Mapping[str, str] = {"insert": ADD, "update": EDIT, "delete": DELETE}
"""What an action that begins so takes; every other one takes VIEW."""

Value = Callable[[str], Any]
"""The value of a field of a record, by its name."""


def demand_any(call: Call, verb: str) -> Condition:
    """To which records the principal may do it; raises ItemMessage when there are none."""
    opened = call.rights.opens(call.object.element, verb)
    if opened == NOTHING:
        raise ItemMessage(DENIED)
    return opened


def demand_list(call: Call, values: Mapping[str, Any]) -> Condition:
    """Which records of a list the principal may have; ``values`` are its filters by their names.

    Raises ItemMessage when there are none, or what is free alone and not what was filtered by.
    """
    opened = demand_any(call, VIEW)
    if not call.rights.has_list(call.object.element):
        facts = Facts(None, call.principal.user_id, call.principal.client_id)
        if settled(opened, values.get, facts) is not True:
            raise ItemMessage(DENIED)
    return opened


def demand(call: Call, verb: str, values: Mapping[str, Any]) -> None:
    """Raises ItemMessage when the principal may not do it to a record with these values."""
    opened = demand_any(call, verb)
    if opened != EVERY and not _holds(call, opened, values.get):
        raise ItemMessage(DENIED)


def demand_of_stored(
    call: Call,
    verb: str,
    identity: Mapping[str, Any],
    sent: Mapping[str, Any],
    *,
    lock: Strength | None = None,
) -> dict[str, Any] | None:
    """The stored values of a record, by field name; None when there is no such record.

    Raises ItemMessage when the principal may not do it to the record. What is not there is judged
    by what was ``sent`` of it: whether it is there is for those alone who might see it.
    """
    opened = demand_any(call, verb)
    stored, is_permitted = call.records.judged(call.object, identity, opened, lock)
    if stored is None:
        demand(call, verb, sent)
    elif not is_permitted:
        raise ItemMessage(DENIED)
    return stored


def demand_as_added(writing: Writing) -> None:
    """Raises ItemMessage when the principal may not add a record such as this is going to be."""
    opened = demand_any(writing.call, ADD)
    if opened != EVERY and not _holds(writing.call, opened, writing.value):
        raise ItemMessage(DENIED)


def demand_as_changed(writing: Writing) -> None:
    """Raises ItemMessage when the principal may not make of a stored record what it is going to be.

    Where other ways are open to it than before, it goes from one place and comes to another.
    """
    call, stored = writing.call, writing.stored or {}
    element = call.object.element
    looked_at = ways_of(call.records.schema).looked_at(element)
    if not any(_changes(writing, name) for name in looked_at):
        return
    wanted: list[tuple[str, Value]] = [(EDIT, writing.value)]
    if _ways_of(call, stored.get) != _ways_of(call, writing.value):
        wanted += [(DELETE, stored.get), (ADD, writing.value)]
    for verb, value in wanted:
        opened = demand_any(call, verb)
        if opened != EVERY and not _holds(call, opened, value):
            raise ItemMessage(DENIED)


def _changes(writing: Writing, name: str) -> bool:
    """Whether a change stores another value of a field."""
    found, stored = writing.call.object.fields[name], writing.stored or {}
    is_kept = found.key or not found.update or not writing.was_sent(name)
    return not is_kept and writing.value(name) != stored.get(name)


def _ways_of(call: Call, value: Value) -> list[bool]:
    """Which of the ways to change a record are those of one with these values."""
    ways = ways_of(call.records.schema).of(call.object.element, EDIT)
    return [_holds(call, way.where, value) for way in ways]


def _holds(call: Call, condition: Condition, value: Value) -> bool:
    """Whether a condition holds for a record that is not stored so: the database knows the others."""
    principal = call.principal
    facts = Facts(call.transaction.now(), principal.user_id, principal.client_id)
    known = settled(condition, value, facts)
    if known is not None:
        return known
    values = {name: value(name) for name in paths(condition)}
    return call.records.judgements.of_given(call.object, condition, values)


def foreseen_bases(schema: Schema, transaction: Transaction) -> tuple[str, ...]:
    """The base permissions that a transaction will most likely ask about.

    They are read together with its sender; what is not foreseen is read when it is asked for: who
    has not proved yet who he is costs no more than that.
    """
    ways, bases = ways_of(schema), dict[str, None]()
    for each in transaction.items[:MOST_FORESEEN]:
        target = schema.catalogue.target(each.element)
        if target is None:
            continue
        named = (verb for action, verb in VERBS.items() if (each.action or "").startswith(action))
        bases.update(dict.fromkeys(ways.bases(target.object.element, next(named, VIEW))))
    return tuple(bases)
