"""What a new or changed call is completed by (catalogue, calls and history)."""

from __future__ import annotations

from packetserver.catalogue.model import Named
from packetserver.engine.effects import before
from packetserver.engine.named.conditions import acting_user
from packetserver.engine.named.records_beside import column_of
from packetserver.engine.validation import Writing

COMPLETE, COMPLETE_WITH_FOLLOWUP = 2, 3
"""Values of statusId; 1 is a call that was canceled."""

REMINDERS = ("reminderId", "reminderTypeId")


@before("account_of_call_contact")
def account_of_call_contact(writing: Writing, named: Named) -> None:
    """A call without an account belongs to that of its contact, where the contact has one."""
    if writing.value("orgId") is not None:
        return
    account = column_of(writing.call.records, "contact", "org_id", writing.value("contactId"))
    if account is not None:
        writing.set("orgId", account)


@before("complete_call")
def complete_call(writing: Writing, named: Named) -> None:
    """A call that is complete when it is entered was completed just now, unless it says else."""
    if writing.value("statusId") not in {COMPLETE, COMPLETE_WITH_FOLLOWUP}:
        return
    if writing.value("completedBy") is None:
        writing.set("completedBy", acting_user(writing, "enteredBy"))
    if writing.value("completeDate") is None:
        writing.set("completeDate", writing.call.transaction.now())


@before("reminder_when_asked")
def reminder_when_asked(writing: Writing, named: Named) -> None:
    """`reminder` that is sent false means that nobody is reminded, whatever else is sent."""
    if writing.draft.controls.get("reminder") is False:
        for name in REMINDERS:
            writing.set(name, None)
