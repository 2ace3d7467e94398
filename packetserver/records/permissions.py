"""Whether the principal may do this to that record: asked of the stored one, and of what it becomes.

What is permitted is one condition for an object and a verb (records/rights). Lists join it to their
queries; here it is asked of single records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from packetserver.catalogue.conditions import EVERY, NOTHING, Condition, paths
from packetserver.catalogue.holding import Facts, settled
from packetserver.catalogue.model import ObjectType
from packetserver.failures import Failure, Kind, Refused
from packetserver.records.rights import ways_of
from packetserver.records.ways import ADD, DELETE, EDIT, VIEW
from packetserver.records.writing import Identity, Writing
from packetserver.store.row_locks import Strength
from packetserver.store.schema import Schema

if TYPE_CHECKING:
    from packetserver.records.records import Records

Value = Callable[[str], Any]
"""The value of a field of a record, by its name."""


def denied(described: ObjectType, verb: str) -> Refused:
    """The principal may not do this."""
    return Refused(Failure(Kind.DENIED, described.element, facts={"verb": verb}))


def demand_any(records: Records, described: ObjectType, verb: str) -> Condition:
    """To which records the principal may do it; raises Refused (DENIED) when there are none."""
    opened = records.rights.opens(described.element, verb)
    if opened == NOTHING:
        raise denied(described, verb)
    return opened


def demand_list(records: Records, described: ObjectType, values: Mapping[str, Any]) -> Condition:
    """Which records of a list the principal may have; ``values`` are its filters by their names.

    Raises Refused when there are none, or what is free alone and not what was filtered by.
    """
    opened = demand_any(records, described, VIEW)
    if not records.rights.has_list(described.element):
        principal = records.principal
        facts = Facts(None, principal.user_id, principal.client_id)
        if settled(opened, values.get, facts) is not True:
            raise denied(described, VIEW)
    return opened


def demand(records: Records, described: ObjectType, verb: str, value: Value) -> None:
    """Raises Refused when the principal may not do it to a record with these values."""
    opened = demand_any(records, described, verb)
    if opened != EVERY and not _holds(records, described, opened, value):
        raise denied(described, verb)


def demand_of_stored(
    records: Records,
    described: ObjectType,
    verb: str,
    identity: Identity,
    given: Mapping[str, Any],
    *,
    lock: Strength | None = None,
) -> dict[str, Any] | None:
    """The stored values of a record, by field name; None when there is no such record.

    Raises Refused when the principal may not do it to the record. What is not there is judged by
    what was ``given`` of it: whether it is there is for those alone who might see it.
    """
    opened = demand_any(records, described, verb)
    stored, is_permitted = records.rows.judged(described, identity, opened, lock)
    if stored is None:
        demand(records, described, verb, given.get)
    elif not is_permitted:
        raise denied(described, verb)
    return stored


def demand_as_changed(writing: Writing) -> None:
    """Raises Refused when the principal may not make of a stored record what it is going to be.

    Where other ways are open to it than before, it goes from one place and comes to another.
    """
    records, described, stored = writing.records, writing.object, writing.stored or {}
    looked_at = ways_of(records.schema).looked_at(described.element)
    if not any(_changes(writing, name) for name in looked_at):
        return
    wanted: list[tuple[str, Value]] = [(EDIT, writing.value)]
    ways = _ways_of(records, described, stored.get)
    if ways != _ways_of(records, described, writing.value):
        wanted += [(DELETE, stored.get), (ADD, writing.value)]
    for verb, value in wanted:
        demand(records, described, verb, value)


def _changes(writing: Writing, name: str) -> bool:
    """Whether a change stores another value of a field."""
    found, stored = writing.object.fields[name], writing.stored or {}
    is_kept = found.key or not found.update or not writing.was_sent(name)
    return not is_kept and writing.value(name) != stored.get(name)


def _ways_of(records: Records, described: ObjectType, value: Value) -> Sequence[bool]:
    """Which of the ways to change a record are those of one with these values."""
    ways = ways_of(records.schema).of(described.element, EDIT)
    return [_holds(records, described, way.where, value) for way in ways]


def _holds(records: Records, described: ObjectType, condition: Condition, value: Value) -> bool:
    """Whether a condition holds for a record that is not stored so: the database knows the others."""
    principal = records.principal
    facts = Facts(records.present, principal.user_id, principal.client_id)
    known = settled(condition, value, facts)
    if known is not None:
        return known
    values = {name: value(name) for name in paths(condition)}
    return records.rows.judgements.of_given(described, condition, values)


def foreseen_bases(schema: Schema, asked: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The base permissions that will most likely be asked about; ``asked`` are objects and verbs.

    They are read together with the principal; what is not foreseen is read when it is asked for.
    """
    ways, bases = ways_of(schema), dict[str, None]()
    for element, verb in asked:
        bases.update(dict.fromkeys(ways.bases(element, verb)))
    return tuple(bases)
