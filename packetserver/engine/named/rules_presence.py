"""Rules about fields that must have a value (PROTOCOL.md 8)."""

from __future__ import annotations

from packetserver.catalogue.model import Named
from packetserver.engine.named.conditions import (
    any_given,
    broken_when,
    given_value,
    has_value,
    input_value,
    is_given,
    looked_at,
)
from packetserver.engine.validation import Writing


@broken_when("required")
def required(writing: Writing, field: str, named: Named) -> bool:
    """``of``, or the field itself, has no value.

    ``zero_is_missing`` counts 0 as none; ``when_type`` lists the types of custom fields for which
    a value is required at all.
    """
    name = looked_at(field, named)
    if not _is_of_type(writing, named):
        return False
    if named.arguments.get("zero_is_missing") and given_value(writing, name) == 0:
        return True
    return not has_value(writing, name)


@broken_when("all_required")
def all_required(writing: Writing, field: str, named: Named) -> bool:
    """One of the fields ``of`` has no value."""
    return not all(has_value(writing, each) for each in named.texts("of"))


@broken_when("together")
def together(writing: Writing, field: str, named: Named) -> bool:
    """Some of the fields ``of`` have a value, and others have none."""
    return len({has_value(writing, each) for each in named.texts("of")}) > 1


@broken_when("chosen_alone")
def chosen_alone(writing: Writing, field: str, named: Named) -> bool:
    """The field ``type`` has that ``value``, which needs ``of`` and none of the ``others``."""
    if input_value(writing, named.text("type")) != named.arguments["value"]:
        return False
    alone = not any(_is_chosen(writing, each) for each in named.texts("others"))
    return not (alone and _is_chosen(writing, looked_at(field, named)))


@broken_when("one_of_required")
def one_of_required(writing: Writing, field: str, named: Named) -> bool:
    """None of the fields ``of`` has a value, and no row of ``unless_rows`` belongs to the record."""
    return not any_given(writing, named.texts("of")) and not _has_rows(writing, named)


def _is_chosen(writing: Writing, name: str) -> bool:
    value = input_value(writing, name)
    return is_given(value) and value != 0


def _is_of_type(writing: Writing, named: Named) -> bool:
    """A definition that is there keeps what it has: only a new type asks anew."""
    types = named.arguments.get("when_type")
    if types is None:
        return True
    kind = writing.value("type")
    is_known = writing.stored is not None and writing.stored["type"] == kind
    return kind in types and not is_known


def _has_rows(writing: Writing, named: Named) -> bool:
    """``unless_rows`` is `table.column`; the column names the stored record's key."""
    key = writing.draft.object.key
    if writing.stored is None or key is None or not named.text("unless_rows"):
        return False
    table, _, column = named.text("unless_rows").partition(".")
    return writing.call.records.exists(table, {column: writing.stored[key.name]})
