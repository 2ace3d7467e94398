"""The match of a field: the records that read as the value, whatever they are stored as."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, or_

from packetserver.catalogue.model import Field, Filter, Named
from packetserver.errors import ValueNotOfType
from packetserver.store.derivations.rows import value_column
from packetserver.store.field_filters import OWN_GUID, READS
from packetserver.store.filters import match
from packetserver.store.guid_columns import own_guid
from packetserver.store.matches.comparing import WILDCARD, equal, like_if_percent
from packetserver.store.scope import Selection

Condition = ColumnElement[bool] | None

ANY_ZONE = ZoneInfo("UTC")
"""What an empty field reads as is no time, so that no zone matters."""


@match(READS)
def _field_reads(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The field reads as the value; a text fits it where that has a %, in any letter case.

    An empty column reads as what its field says: -1 finds the empty numbers.
    """
    if one is None or one.field is None:
        raise KeyError(f"{named.name} compares no field")
    column = value_column(selection.scope, one.field.name)
    if isinstance(value, str):
        # No text is asked for that is empty, but every text fits a mere %.
        may_be_empty = WILDCARD in value or one.field.unset != ""
        return like_if_percent(
            func.coalesce(column, one.field.unset) if may_be_empty else column, value
        )
    empty = _read_when_empty(one.field)
    found = equal(column, value)
    return or_(found, column.is_(None)) if value == empty else found


@match(OWN_GUID)
def _guid_reads(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The client that asks calls the record so; -1: it has no name for it."""
    guid = own_guid(selection.scope)
    return None if guid is None else equal(guid, value)


def _read_when_empty(field: Field) -> Any:
    """The value that an empty column reads as; None where it reads as an empty element."""
    if field.unset == "" or (field.column is not None and not field.nullable):
        return None
    try:
        return field.type.read(field.unset, ANY_ZONE)
    except ValueNotOfType:
        return None
