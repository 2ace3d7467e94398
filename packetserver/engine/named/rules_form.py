"""Rules about the form of a text, and about custom fields (PROTOCOL.md 8)."""

from __future__ import annotations

import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

from sqlalchemy import func, literal, select

from packetserver.catalogue.model import Named
from packetserver.catalogue.types import TYPES
from packetserver.engine.draft import LENGTH_EXCEEDED
from packetserver.engine.named.conditions import broken_when, input_value, is_given, looked_at
from packetserver.engine.validation import Writing
from packetserver.errors import ValueNotOfType

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
    zone = writing.call.preferences.zone
    return is_given(value) and (misfit(kind, value.strip(), zone) or False)


@broken_when("single_records")
def single_records(writing: Writing, field: str, named: Named) -> bool:
    """A folder may not hold several records of one item, but it does."""
    key = writing.draft.object.key
    if writing.value(field) or writing.stored is None or key is None:
        return False
    records = writing.call.records
    table = records.table("custom_field_record")
    several = (
        select(literal(1))
        .where(table.c.category_id == writing.stored[key.name])
        .group_by(table.c.link_module_id, table.c.link_item_id)
        .having(func.count() > 1)
    )
    return records.connection.execute(several.limit(1)).first() is not None


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
