"""The inserts of custom fields: definitions by name, records and values by the plain one.

`insertCategory`, `insertGroup` and `insertField` define. A plain insert of a category for one item
stores a record, and one of a field for a record stores a value; otherwise it defines, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from packetserver.catalogue.model import Target
from packetserver.failures import invalid, unfit
from packetserver.protocols.packet.context import Call
from packetserver.protocols.packet.inputs import Draft, take
from packetserver.records.effects.beside import column_of
from packetserver.records.rules import REQUIRED, is_given
from packetserver.records.rules.values import misfit
from packetserver.store.guid_columns import GUID

DEFINITIONS = (
    ("customField", "insertField"),
    ("customFieldGroup", "insertGroup"),
    ("customFieldCategory", "insertCategory"),
)
"""A folder, a group of its fields, or a field, stored as an insert stores any other object."""

RECORDS = "custom_field_record"
FIELDS = "custom_field_info"
SELECT, CHECKBOX, INTEGER = 2, 4, 9
NUMBERS = frozenset({10, 11, 12})
"""Types of custom fields."""


def _record(call: Call, draft: Draft) -> Draft | None:
    """A record of the folder for `linkModuleId` and `linkItemId`, where they are given."""
    module, item = draft.control("linkModuleId"), draft.control("linkItemId")
    if draft.key is None or not is_given(module) or not is_given(item):
        return None
    if _has_record(call, draft.key, module, item):
        raise unfit("allowMultipleRecords", "The item has a record in this folder already")
    values = {"categoryId": draft.key, "linkModuleId": module, "linkItemId": item}
    stamps = {name: draft.control(name) for name in ("enteredBy", "modifiedBy")}
    return _as(call, "customFieldRecord", draft, {**values, **stamps})


def _value(call: Call, draft: Draft) -> Draft | None:
    """The value of a field in the record `recordId`, where that is given."""
    record, text = draft.control("recordId"), draft.control("enteredValue") or ""
    if draft.key is None or not is_given(record):
        return None
    kind = column_of(call.rows, FIELDS, "field_type", draft.key)
    selected = int(draft.control("selectedItemId"))
    _check_value(call, draft, kind, selected)
    values: dict[str, Any] = {"recordId": record, "fieldId": draft.key}
    values["selectedItemId"] = max(selected, 0)
    values["enteredValue"] = text if is_given(text) else None
    if is_given(text) and kind == INTEGER:
        values["enteredNumber"] = text.strip()
    if is_given(text) and kind in NUMBERS:
        values["enteredDouble"] = text.strip().removesuffix("%")
    return _as(call, "customFieldData", draft, values)


MEANT: Mapping[str, Callable[[Call, Draft], Draft | None]] = {
    "customFieldCategory": _record,
    "customField": _value,
}
"""By element: what a plain insert stores instead, None when it stores what it says."""


def _has_record(call: Call, folder: Any, module: int, item: int) -> bool:
    """Whether the item has a record in a folder that allows one alone."""
    several = column_of(call.rows, "custom_field_category", "multiple_records", folder)
    link = {"category_id": folder, "link_module_id": module, "link_item_id": item}
    return not several and call.rows.exists(RECORDS, link)


def _check_value(call: Call, draft: Draft, kind: int | None, selected: int) -> None:
    """Raises Refused for a value that is missing or is not of the field's type."""
    complaints = list(draft.unread)
    text = draft.control("enteredValue") or ""
    missing = _missing(kind, text, selected)
    if missing is not None and column_of(call.rows, FIELDS, "required", draft.key):
        complaints.append((missing, REQUIRED))
    reason = misfit(kind, text.strip(), call.preferences.zone) if is_given(text) else None
    if reason is not None:
        complaints.append(("enteredValue", reason))
    if complaints:
        raise invalid(call.object.element, complaints)


def _missing(kind: int | None, text: str, selected: int) -> str | None:
    """The property that a value of this type needs and that is not there."""
    if kind == SELECT:
        return "selectedItemId" if selected < 0 else None
    has_value = selected == 1 if kind == CHECKBOX else is_given(text)
    return None if has_value else "enteredValue"


def _as(call: Call, element: str, draft: Draft, values: Mapping[str, Any]) -> Draft:
    """The record of another object that an item stands for; texts are read as its fields' types."""
    described = call.records.object(element)
    other = replace(call, target=Target(described, is_list=False))
    meant = Draft(object=described)
    if draft.guid is not None:
        meant.texts[GUID] = draft.guid
    for name, value in values.items():
        if is_given(value):
            take(other, meant, name, str(value))
    return meant
