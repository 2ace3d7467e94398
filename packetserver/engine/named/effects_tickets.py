"""What a new or changed ticket changes (catalogue, tickets)."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Named
from packetserver.engine.effects import after, before
from packetserver.engine.named.records_beside import add_record, add_row
from packetserver.engine.validation import Writing

COUNTS = "project_ticket_count"

LOGGED = {
    "assignedTo": "assignedTo",
    "priorityCode": "priorityCode",
    "levelCode": "levelCode",
    "departmentCode": "departmentCode",
    "catCode": "catCode",
    "severityCode": "severityCode",
    "escalationCode": "escalationLevel",
    "stateId": "stateId",
}
"""Fields of a log row, each with the field of the ticket that it keeps."""


@before("draw_project_ticket_number")
def draw_project_ticket_number(writing: Writing, named: Named) -> None:
    """A new ticket of a project gets the project's next number, unless it brings its own."""
    project = writing.control("projectId")
    if project is None or project <= 0 or writing.value("projectTicketCount") is not None:
        return
    records = writing.call.records
    # Counted by the database itself, so that two tickets at once cannot draw the same number.
    following = {"key_count": records.table(COUNTS).c.key_count + 1}
    if not records.update_rows(COUNTS, {"project_id": project}, following):
        add_row(writing.call, COUNTS, {"project_id": project, "key_count": 1})
    number = records.value(COUNTS, "key_count", {"project_id": project})
    writing.set("projectTicketCount", number)


@before("close_ticket")
def close_ticket(writing: Writing, named: Named) -> None:
    """`closeNow` closes a ticket that is open; one that is closed stays as it is."""
    if not writing.control("closeNow"):
        return
    closed = writing.stored["closed"] if writing.stored is not None else None
    sent = writing.draft.values.get("closed")
    writing.set("closed", sent or closed or writing.call.transaction.now())


@after("log_ticket")
def log_ticket(writing: Writing, named: Named, key: Any) -> None:
    """Every change of a ticket has its log row; a new one whose past is sent along has none."""
    closes = writing.control("closeNow")
    if writing.is_new and writing.was_sent("entered") and not closes:
        return
    user = writing.value("enteredBy" if writing.is_new else "modifiedBy")
    values = {name: writing.value(of) for name, of in LOGGED.items()}
    values |= {"ticketId": key, "entryText": writing.control("comment"), "closed": bool(closes)}
    add_record(writing.call, "ticketLog", {**values, "enteredBy": user, "modifiedBy": user})
