"""What can be added to a record that is there, by the name that the packets of clients give it.

A new addition is a function here, or beside the effects that it shares something with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packetserver.catalogue.model import NOW, ObjectType
from packetserver.failures import Failure, Kind, Refused, because, invalid
from packetserver.records.creating import force_to_user, stamp
from packetserver.records.effects.beside import add_record, add_row, rows_of
from packetserver.records.effects.communications import add_criteria_lists
from packetserver.records.effects.files import FILES, VERSION, add_version
from packetserver.records.effects.projects import link_task_category
from packetserver.records.effects.sales import offer_option
from packetserver.records.permissions import demand_of_stored
from packetserver.records.rules import CREATION, validate
from packetserver.records.ways import ADD
from packetserver.records.writing import Given, How, Rules, Writing, Written, identity_of
from packetserver.store.row_locks import Strength

if TYPE_CHECKING:
    from packetserver.records.records import Records

NO_RECORD = "There is no such record"

Function = Callable[[Writing, Any], Any]
"""Adds to a record, by its key; returns the key of what is new, or None."""


@dataclass(frozen=True, slots=True)
class Addition:
    """What adds, and whether what is new is another record of the same object, and is shown."""

    run: Function
    is_record: bool = False


ADDITIONS: dict[tuple[str, str], Addition] = {}


def addition(element: str, name: str, *, is_record: bool = False) -> Callable[[Function], Function]:
    """Registers a function as an addition to records of an object.

    The record that is added to decides what is permitted.
    """

    def register(function: Function) -> Function:
        ADDITIONS[element, name] = Addition(function, is_record)
        return function

    return register


def add(
    records: Records, name: str, described: ObjectType, key: Any, given: Given, how: How
) -> Written:
    """See Records.add."""
    element = described.element
    found = ADDITIONS.get((element, name))
    if found is None:
        raise because(f"{element} has no {name}", kind=Kind.UNKNOWN)
    given.check(described)
    identity = identity_of(described, key)
    stored = demand_of_stored(records, described, ADD, identity, given.values, lock=Strength.CHANGE)
    if stored is None:
        raise Refused(Failure(Kind.MISSING, element, key, element, NO_RECORD))
    if given.unread and how.rules is Rules.ALL:
        raise invalid(element, given.unread)
    if how.forced:
        force_to_user(records, described, given, is_new=False)
    writing = Writing(records, described, given, stored, how)
    writing.drop_unread()
    record_key = next(iter(identity.values()))
    new = found.run(writing, record_key)
    if found.is_record:
        identity = identity_of(described, new)
    return Written(described, identity, new or record_key, stored=stored)


@addition("fileItem", "insertVersion")
def insert_version(writing: Writing, key: Any) -> Any:
    """A new version of a file; the file itself shows its latest one."""
    described, values = writing.object, writing.given.values
    if writing.how.rules is Rules.ALL:
        validate(writing)
    stamp(writing.records, described, writing.given, CREATION)
    names = [each for each in VERSION if each != "enteredBy"]
    columns = {
        each.column or "": values[each.name]
        for each in described.stored_fields
        if each.name in names and values.get(each.name) is not None
    }
    columns["modified"] = writing.now()
    writing.rows.update_rows(FILES, {"item_id": key}, columns)
    return add_version(writing, key)


@addition("campaign", "insertGroups")
def insert_groups(writing: Writing, key: Any) -> Any:
    """The criteria lists of `groupList` join those of the campaign."""
    add_criteria_lists(writing.records, key, writing.control("groupList"))


@addition("campaign", "insertRun")
def insert_run(writing: Writing, key: Any) -> Any:
    """A new run of the campaign."""
    return add_record(writing.records, "campaignRun", {"campaignId": key})


@addition("campaign", "insertContactList")
def insert_contact_list(writing: Writing, key: Any) -> Any:
    """Contacts of a campaign are records of their own."""
    raise because("campaign: contacts are added as scheduledRecipient", kind=Kind.UNSUPPORTED)


@addition("projectNewsArticle", "insertTaskCategoryLink")
def insert_task_category_link(writing: Writing, key: Any) -> Any:
    """The tasks of a category belong to the article."""
    link_task_category(writing, key)


@addition("user", "insertLogRecord")
def insert_log_record(writing: Writing, key: Any) -> Any:
    """A login of the user, as a client reports it."""
    values = {"userId": key, "username": writing.value("username"), "ip": writing.value("ip")}
    return add_record(writing.records, "accessLog", values)


LOOKUP = "custom_field_lookup"
LEVEL_STEP = 10


@addition("customField", "insertLookupList")
def insert_lookup_list(writing: Writing, key: Any) -> Any:
    """The entries of a select field, one a line, in their order."""
    texts = (writing.control(name) or "" for name in ("lookupList", "lookupListText"))
    entries = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    for place, entry in enumerate(entries, 1):
        row = {"field_id": key, "description": entry, "level": place * LEVEL_STEP}
        add_row(writing.records, LOOKUP, row)


OPTION, OPTION_KEY = "product_option", "option_id"
OPTION_VALUES = (
    ("product_option_values", "option_id"),
    ("product_option_boolean", "product_option_id"),
    ("product_option_float", "product_option_id"),
    ("product_option_integer", "product_option_id"),
    ("product_option_text", "product_option_id"),
    ("product_option_timestamp", "product_option_id"),
)
"""Tables with the values of an option, each with the column that names it."""


@addition("productOption", "insertClone", is_record=True)
def insert_clone(writing: Writing, key: Any) -> Any:
    """A copy of the option, offered for the product of `productId` where there is one."""
    clone = _copy(writing, OPTION, {OPTION_KEY: key}, {})[0]
    for table, column in OPTION_VALUES:
        _copy(writing, table, {column: key}, {column: clone})
    offer_option(writing, clone)
    return clone


def _copy(
    writing: Writing, table: str, identity: Mapping[str, Any], changed: Mapping[str, Any]
) -> list[Any]:
    """Copies of the rows with equal columns, some columns changed; returns their keys."""
    described = writing.rows.schema.catalogue.tables[table]
    columns = [
        each.name
        for each in described.columns.values()
        if each.name != described.key and each.default != NOW
    ]
    rows = rows_of(writing.rows, table, columns, identity)
    return [add_row(writing.records, table, {**row, **changed}) for row in rows]
