"""The inserts of custom fields: definitions by name, values by the plain one (PROTOCOL.md 5.1).

`insertCategory`, `insertGroup` and `insertField` define. A plain insert of a category for one item
stores a record, and one of a field for a record stores a value; otherwise it defines, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packetserver.catalogue.model import Target
from packetserver.engine.actions import insert
from packetserver.engine.context import Call
from packetserver.engine.draft import Draft, read_draft
from packetserver.engine.named.conditions import is_given
from packetserver.engine.named.inserts_existing import addition
from packetserver.engine.named.records_beside import add_row, column_of, refuse
from packetserver.engine.named.rules_form import misfit
from packetserver.engine.named_inserts import named_insert
from packetserver.engine.packet import Item, Property
from packetserver.engine.validation import FIXED_LINES, REQUIRED, Writing
from packetserver.errors import TransactionFailure
from packetserver.store.guid_columns import GUID

PLAIN = "insert"
LOOKUP = "custom_field_lookup"
RECORDS = "custom_field_record"
FIELDS = "custom_field_info"
LEVEL_STEP = 10
SELECT, CHECKBOX, INTEGER = 2, 4, 9
NUMBERS = frozenset({10, 11, 12})
"""Types of custom fields."""

MARKS = {"on": "1", "true": "1", "off": "0", "false": "0"}
"""Words that a checkbox may send for its number."""


@named_insert("customFieldCategory", "insertCategory")
@named_insert("customFieldGroup", "insertGroup")
@named_insert("customField", "insertField")
def insert_definition(call: Call) -> None:
    """A folder, a group of its fields, or a field, as an insert stores any other object."""
    insert.run(call)


@named_insert("customFieldCategory", PLAIN)
def insert_record(call: Call) -> None:
    """A record of the folder for `linkModuleId` and `linkItemId`, where they are given."""
    draft = read_draft(call)
    module, item = draft.control("linkModuleId"), draft.control("linkItemId")
    if draft.key is None or not is_given(module) or not is_given(item):
        insert.run(call)
        return
    if _has_record(call, draft.key, module, item):
        raise refuse("allowMultipleRecords", "The item has a record in this folder already")
    values = {"categoryId": draft.key, "linkModuleId": module, "linkItemId": item}
    stamps = {name: draft.control(name) for name in ("enteredBy", "modifiedBy")}
    _insert_as(call, "customFieldRecord", draft, {**values, **stamps})


@named_insert("customField", PLAIN)
def insert_value(call: Call) -> None:
    """The value of a field in the record `recordId`, where that is given."""
    draft = read_draft(call)
    record, text = draft.control("recordId"), draft.control("enteredValue") or ""
    if draft.key is None or not is_given(record):
        insert.run(call)
        return
    kind = column_of(call.records, FIELDS, "field_type", draft.key)
    selected = _selected(draft)
    _check_value(call, draft, kind, selected)
    values: dict[str, Any] = {"recordId": record, "fieldId": draft.key}
    values["selectedItemId"] = max(selected, 0)
    values["enteredValue"] = text if is_given(text) else None
    if is_given(text) and kind == INTEGER:
        values["enteredNumber"] = text.strip()
    if is_given(text) and kind in NUMBERS:
        values["enteredDouble"] = text.strip().removesuffix("%")
    _insert_as(call, "customFieldData", draft, values)


@addition("customField", "insertLookupList")
def insert_lookup_list(writing: Writing, key: Any) -> Any:
    """The entries of a select field, one a line, in their order."""
    texts = (writing.control(name) or "" for name in ("lookupList", "lookupListText"))
    entries = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    for place, entry in enumerate(entries, 1):
        row = {"field_id": key, "description": entry, "level": place * LEVEL_STEP}
        add_row(writing.call, LOOKUP, row)


def _has_record(call: Call, folder: Any, module: int, item: int) -> bool:
    """Whether the item has a record in a folder that allows one alone."""
    several = column_of(call.records, "custom_field_category", "multiple_records", folder)
    link = {"category_id": folder, "link_module_id": module, "link_item_id": item}
    return not several and call.records.exists(RECORDS, link)


def _selected(draft: Draft) -> int:
    """The chosen entry, or the mark of a checkbox; -1 for none."""
    text = draft.texts.get("selectedItemId", "").strip().lower()
    if text in MARKS:
        draft.complaints = [each for each in draft.complaints if each[0] != "selectedItemId"]
        return int(MARKS[text])
    return int(draft.control("selectedItemId"))


def _check_value(call: Call, draft: Draft, kind: int | None, selected: int) -> None:
    """Raises TransactionFailure for a value that is missing or is not of the field's type."""
    complaints = [f"{name}: {reason}" for name, reason in draft.complaints]
    text = draft.control("enteredValue") or ""
    missing = _missing(kind, text, selected)
    if missing is not None and column_of(call.records, FIELDS, "required", draft.key):
        complaints.append(f"{missing}: {REQUIRED}")
    reason = misfit(kind, text.strip(), call.preferences.zone) if is_given(text) else None
    if reason is not None:
        complaints.append(f"enteredValue: {reason}")
    if complaints:
        raise TransactionFailure(*FIXED_LINES, *complaints)


def _missing(kind: int | None, text: str, selected: int) -> str | None:
    """The property that a value of this type needs and that is not there."""
    if kind == SELECT:
        return "selectedItemId" if selected < 0 else None
    has_value = selected == 1 if kind == CHECKBOX else is_given(text)
    return None if has_value else "enteredValue"


def _insert_as(call: Call, element: str, draft: Draft, values: Mapping[str, Any]) -> None:
    """Insert a record of another object on behalf of this item, with all that belongs to that."""
    described = call.records.schema.catalogue.objects[element]
    sent = {**values, GUID: draft.guid}
    properties = tuple(Property(name, str(each)) for name, each in sent.items() if is_given(each))
    item = Item(call.item.element, call.item.attributes, properties)
    insert.run(
        Call(call.transaction, item, Target(described, is_list=False), call.output, call.place)
    )
