"""Rules that compare a field with a constant, with another field or with other records."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import NAME, Named
from packetserver.engine.draft import LENGTH_EXCEEDED
from packetserver.engine.named.conditions import broken_when, given_value, input_value, looked_at
from packetserver.engine.validation import Writing, holder_of_name


@broken_when("at_least")
def at_least(writing: Writing, field: str, named: Named) -> bool:
    """The value is below ``value``; without one, the field may not be empty."""
    name = looked_at(field, named)
    value = given_value(writing, name)
    if value is None:
        return _must_have_value(writing, name)
    return bool(value < named.arguments["value"])


@broken_when("at_most", LENGTH_EXCEEDED)
def at_most(writing: Writing, field: str, named: Named) -> bool:
    """There is a value, and it is above ``value``."""
    value = input_value(writing, looked_at(field, named))
    return value is not None and bool(value > named.arguments["value"])


@broken_when("not_before")
def not_before(writing: Writing, field: str, named: Named) -> bool:
    """The time lies before that of the field ``start``; both must be given."""
    value = input_value(writing, looked_at(field, named))
    start = input_value(writing, named.text("start"))
    return value is not None and start is not None and bool(value < start)


@broken_when("not_above")
def not_above(writing: Writing, field: str, named: Named) -> bool:
    """The value is above that of the field ``other``; both must be given."""
    value = input_value(writing, looked_at(field, named))
    other = input_value(writing, named.text("other"))
    return value is not None and other is not None and bool(value > other)


@broken_when("not_past")
def not_past(writing: Writing, field: str, named: Named) -> bool:
    """The time that was sent has passed; one that is stored may pass."""
    name = looked_at(field, named)
    value = input_value(writing, name)
    is_sent = writing.was_sent(name) and value is not None
    return is_sent and bool(value < writing.call.transaction.now())


@broken_when("not_equal")
def not_equal(writing: Writing, field: str, named: Named) -> bool:
    """The value is that of the field ``other``; an empty one equals nothing."""
    value = input_value(writing, looked_at(field, named))
    return value is not None and bool(value == input_value(writing, named.text("other")))


@broken_when("unique")
def unique(writing: Writing, field: str, named: Named) -> bool:
    """Another record of the object has the same value."""
    described = writing.draft.object
    found = described.field(looked_at(field, named))
    value = input_value(writing, looked_at(field, named))
    if found is None or found.column is None or value is None:
        return False
    if found.unique == NAME:
        return holder_of_name(writing, found, str(value)) is not None
    key = described.key
    own = writing.stored[key.name] if writing.stored is not None and key is not None else None
    column = key.column if key is not None and key.column is not None else found.column
    others = writing.call.records.values(described.table or "", column, {found.column: value})
    return any(each != own for each in others)


@broken_when("nothing_owned")
def nothing_owned(writing: Writing, field: str, named: Named) -> bool:
    """``when_changed`` changes, and the record is named by one of the ``owners``.

    Each owner is `table.column`, or `table.column:closed` where rows that have the column
    `closed` filled do not count.
    """
    key = writing.draft.object.key
    if writing.stored is None or key is None:
        return False
    changed = named.text("when_changed", field)
    if writing.value(changed) == writing.stored.get(changed):
        return False
    own = writing.stored[key.name]
    return any(_owns(writing, owner, own) for owner in named.texts("owners"))


def _owns(writing: Writing, owner: str, key: Any) -> bool:
    place, _, closed = owner.partition(":")
    table, _, column = place.partition(".")
    identity = {column: key} | ({closed: None} if closed else {})
    return writing.call.records.exists(table, identity)


def _must_have_value(writing: Writing, name: str) -> bool:
    found = writing.draft.object.field(name)
    return found is not None and (found.required or not found.nullable)
