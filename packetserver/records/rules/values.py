"""Rules about what a value is: there, of a form, in a relation to others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, literal, select

from packetserver.catalogue.model import NAME, Named
from packetserver.catalogue.types import TYPES
from packetserver.errors import ValueNotOfType
from packetserver.records.rules import (
    any_given,
    broken_when,
    given_value,
    has_value,
    holder_of_name,
    input_value,
    is_given,
    looked_at,
)
from packetserver.records.writing import LENGTH_EXCEEDED, Writing


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
    key = writing.object.key
    if writing.stored is None or key is None or not named.text("unless_rows"):
        return False
    table, _, column = named.text("unless_rows").partition(".")
    return writing.rows.exists(table, {column: writing.stored[key.name]})


NO_ADDRESS = "Email Address must be in a proper format"
ADDRESS = re.compile(r"[^\s@,;]+@[^\s@,;]+\.[^\s@,;.]+")
SEPARATOR = re.compile("[,;]")
WHOLE_NUMBER = re.compile(r"[+-]?\d+")
DATE_TYPES = ("date", "timestamp", "local-date")


@broken_when("email", NO_ADDRESS)
def email(writing: Writing, field: str, named: Named) -> bool:
    """A text is given, and it is no address, nor several with commas between them."""
    value = input_value(writing, looked_at(field, named))
    return is_given(value) and not is_address(value)


@broken_when("longest", LENGTH_EXCEEDED)
def longest(writing: Writing, field: str, named: Named) -> bool:
    """The text has more than ``length`` characters."""
    value = input_value(writing, looked_at(field, named))
    return value is not None and len(value) > int(named.arguments["length"])


@broken_when("fits_field_type")
def fits_field_type(writing: Writing, field: str, named: Named) -> bool | str:
    """A value of a custom field is not of the type that the field ``type`` says."""
    value = input_value(writing, looked_at(field, named))
    kind = writing.value(named.text("type"))
    zone = writing.records.preferences.zone
    return is_given(value) and (misfit(kind, value.strip(), zone) or False)


@broken_when("single_records")
def single_records(writing: Writing, field: str, named: Named) -> bool:
    """A folder may not hold several records of one item, but it does."""
    key = writing.object.key
    if writing.value(field) or writing.stored is None or key is None:
        return False
    rows = writing.rows
    table = rows.table("custom_field_record")
    several = (
        select(literal(1))
        .where(table.c.category_id == writing.stored[key.name])
        .group_by(table.c.link_module_id, table.c.link_item_id)
        .having(func.count() > 1)
    )
    return rows.connection.execute(several.limit(1)).first() is not None


def is_address(text: str) -> bool:
    """Whether a text is `name@host.domain`, or several of them with commas between."""
    return all(ADDRESS.fullmatch(each.strip()) for each in SEPARATOR.split(text))


def misfit(kind: int | None, text: str, zone: ZoneInfo) -> str | None:
    """Why a text cannot be the value of a custom field of this type, None when it can."""
    check = CHECKS.get(kind or 0)
    if check is None:
        return None
    fits, complaint = check
    return None if fits(text, zone) else complaint


def _is_whole(text: str, zone: ZoneInfo) -> bool:
    return WHOLE_NUMBER.fullmatch(text) is not None


def _is_number(text: str, zone: ZoneInfo) -> bool:
    return _is_read("double", text.removesuffix("%"), zone)


def _is_date(text: str, zone: ZoneInfo) -> bool:
    return any(_is_read(name, text, zone) for name in DATE_TYPES)


def _is_read(name: str, text: str, zone: ZoneInfo) -> bool:
    try:
        TYPES[name].read(text, zone)
    except ValueNotOfType:
        return False
    return True


Check = tuple[Callable[[str, ZoneInfo], bool], str]
NUMBER: Check = (_is_number, "Number must be in a proper number format")
CHECKS: dict[int, Check] = {
    8: (_is_date, "Date must be entered in the server's local date format"),
    9: (_is_whole, "Number must be a proper whole number"),
    10: NUMBER,
    11: NUMBER,
    12: NUMBER,
    13: (lambda text, zone: is_address(text), NO_ADDRESS),
    14: (lambda text, zone: "." in text, "Incorrect URL format"),
}
"""Types of custom fields whose values have a form (catalogue, customField)."""


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
    return is_sent and bool(value < writing.now())


@broken_when("not_equal")
def not_equal(writing: Writing, field: str, named: Named) -> bool:
    """The value is that of the field ``other``; an empty one equals nothing."""
    value = input_value(writing, looked_at(field, named))
    return value is not None and bool(value == input_value(writing, named.text("other")))


@broken_when("unique")
def unique(writing: Writing, field: str, named: Named) -> bool:
    """Another record of the object has the same value."""
    described = writing.object
    found = described.field(looked_at(field, named))
    value = input_value(writing, looked_at(field, named))
    if found is None or found.column is None or value is None:
        return False
    if found.unique == NAME:
        return holder_of_name(writing, found, str(value)) is not None
    key = described.key
    own = writing.stored[key.name] if writing.stored is not None and key is not None else None
    column = key.column if key is not None and key.column is not None else found.column
    others = writing.rows.values(described.table or "", column, {found.column: value})
    return any(each != own for each in others)


@broken_when("nothing_owned")
def nothing_owned(writing: Writing, field: str, named: Named) -> bool:
    """``when_changed`` changes, and the record is named by one of the ``owners``.

    Each owner is `table.column`, or `table.column:closed` where rows that have the column
    `closed` filled do not count.
    """
    key = writing.object.key
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
    return writing.rows.exists(table, identity)


def _must_have_value(writing: Writing, name: str) -> bool:
    found = writing.object.field(name)
    return found is not None and (found.required or not found.nullable)
