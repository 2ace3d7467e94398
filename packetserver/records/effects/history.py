"""The history of contacts and accounts: a row for what was done with them (PROTOCOL.md 9).

The original writes it a moment later and may lose it; here it belongs to the transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from packetserver.catalogue.model import Named
from packetserver.records.effects import after
from packetserver.records.effects.beside import add_record, column_of
from packetserver.records.effects.work import COMPLETE, COMPLETE_WITH_FOLLOWUP
from packetserver.records.rules import acting_user
from packetserver.records.rules.belonging import ACCOUNTS, PERSONAL_SHARING
from packetserver.records.writing import Writing

COMPLETED_ACTIVITY, OPPORTUNITY, QUOTE, TICKET, DOCUMENT, RELATIONSHIP = 3, 4, 5, 9, 10, 11
CANCELED_ACTIVITY, INBOX_NOTE, TASK = 13, 14, 16
"""Kinds of linkObjectId (catalogue, contactHistory)."""

ACCOUNT_FILES = 1
"""The module of files that are linked to an account."""

OPEN, ASSIGNED, CLOSED = 10, 20, 30
"""Levels of a ticket's row."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of history: it stands with the contact, or else with the account."""

    kind: int
    item: Any
    contact: Any
    account: Any
    type: str | None
    status: str
    description: str | None
    level: int | None = None
    other_kind: int | None = None


@after("record_history")
def record_history(writing: Writing, named: Named, key: Any) -> None:
    """Write the row of a record, or bring it up to date."""
    entry = ENTRIES[writing.object.element](writing, key)
    if entry is None or (entry.contact is None and entry.account is None):
        return
    user = acting_user(writing, "modifiedBy")
    values = {
        "contactId": entry.contact,
        "orgId": entry.account if entry.contact is None else None,
        "linkObjectId": entry.kind,
        "linkItemId": entry.item,
        "type": entry.type,
        "status": entry.status,
        "description": entry.description,
        "level": entry.level,
        "modifiedBy": user,
    }
    row = _row_of(writing, entry)
    if row is None:
        add_record(writing.records, "contactHistory", {**values, "enteredBy": user})
    else:
        _change(writing, row, values)


def _row_of(writing: Writing, entry: Entry) -> Any:
    """The row that is there already; a note has one for everybody who gets it."""
    identity = {"link_item_id": entry.item}
    if entry.kind == INBOX_NOTE:
        identity["contact_id"] = entry.contact
    rows = writing.rows
    kinds = (kind for kind in (entry.kind, entry.other_kind) if kind is not None)
    found = (
        rows.value("history", "history_id", {**identity, "link_object_id": kind}) for kind in kinds
    )
    return next((each for each in found if each is not None), None)


def _change(writing: Writing, row: Any, values: dict[str, Any]) -> None:
    fields = writing.rows.schema.catalogue.objects["contactHistory"].fields
    columns = {fields[name].column or "": value for name, value in values.items()}
    if columns["level"] is None:
        del columns["level"]
    columns["modified"] = writing.now()
    writing.rows.update_rows("history", {"history_id": row}, columns)


def _call(writing: Writing, key: Any) -> Entry:
    is_done = writing.value("statusId") in {COMPLETE, COMPLETE_WITH_FOLLOWUP}
    kind = writing.value("callTypeId")
    return Entry(
        COMPLETED_ACTIVITY if is_done else CANCELED_ACTIVITY,
        key,
        writing.value("contactId"),
        writing.value("orgId"),
        column_of(writing.rows, "lookup_call_types", "description", kind),
        "Completed" if is_done else "Canceled",
        writing.value("subject") or writing.value("alertText"),
        other_kind=CANCELED_ACTIVITY if is_done else COMPLETED_ACTIVITY,
    )


def _ticket(writing: Writing, key: Any) -> Entry | None:
    project = writing.control("projectId")
    of_project = writing.rows.exists("ticketlink_project", {"ticket_id": key})
    if of_project or (project is not None and project > 0):
        return None
    is_assigned = writing.value("assignedTo") is not None
    level = ASSIGNED if is_assigned else OPEN
    status = "Assigned" if is_assigned else "Open"
    if writing.value("closed") is not None:
        level, status = CLOSED, "Closed"
    person, problem = writing.value("contactId"), writing.value("problem")
    return Entry(TICKET, key, person, None, "Ticket", status, problem, level)


def _task(writing: Writing, key: Any) -> Entry | None:
    if writing.value("sharing") == PERSONAL_SHARING:
        return None
    person = writing.rows.value("tasklink_contact", "contact_id", {"task_id": key})
    status = "Complete" if writing.value("complete") else "Incomplete"
    return Entry(TASK, key, person, None, "Task", status, writing.value("description"))


def _component(writing: Writing, key: Any) -> Entry:
    rows, header = writing.rows, writing.value("headerId")
    person = column_of(rows, "opportunity_header", "contactlink", header)
    account = column_of(rows, "opportunity_header", "acctlink", header)
    status = "Open" if writing.value("closed") is None else "Closed"
    description = writing.value("description")
    return Entry(OPPORTUNITY, key, person, account, "Opportunity", status, description)


def _quote(writing: Writing, key: Any) -> Entry:
    status = "Issued" if writing.value("closed") is None else "Closed"
    person, description = writing.value("contactId"), writing.value("shortDescription")
    return Entry(QUOTE, key, person, None, "Quote", status, description)


def _note(writing: Writing, key: Any) -> Entry:
    note = writing.value("id")
    subject = column_of(writing.rows, "cfsinbox_message", "subject", note)
    return Entry(INBOX_NOTE, note, writing.value("sent_to"), None, "Message", "Sent", subject)


def _file(writing: Writing, key: Any) -> Entry | None:
    if writing.value("linkModuleId") != ACCOUNT_FILES:
        return None
    account, subject = writing.value("linkItemId"), writing.value("subject")
    return Entry(DOCUMENT, key, None, account, "Document", "Uploaded", subject)


def _relationship(writing: Writing, key: Any) -> Entry | None:
    if writing.value("categoryIdMapsFrom") != ACCOUNTS:
        return None
    kind, account = writing.value("typeId"), writing.value("objectIdMapsFrom")
    types = "lookup_relationship_types"
    name = column_of(writing.rows, types, "reciprocal_name_1", kind)
    return Entry(RELATIONSHIP, key, None, account, "Relationship", "Added", name)


ENTRIES: dict[str, Callable[[Writing, Any], Entry | None]] = {
    "call": _call,
    "ticket": _ticket,
    "task": _task,
    "opportunityComponent": _component,
    "quote": _quote,
    "cfsNoteLink": _note,
    "fileItem": _file,
    "relationship": _relationship,
}
"""What the row of each object says."""


@after("move_opportunity_history")
def move_opportunity_history(writing: Writing, named: Named, key: Any) -> None:
    """The rows of an opportunity stand where the opportunity now belongs."""
    rows, person = writing.rows, writing.value("contactLink")
    account = writing.value("accountLink") if person is None else None
    for component in rows.values("opportunity_component", "id", {"opp_id": key}):
        row = {"link_object_id": OPPORTUNITY, "link_item_id": component}
        rows.update_rows("history", row, {"contact_id": person, "org_id": account})
