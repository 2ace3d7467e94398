"""What a new or changed task changes, and the log of action lists (catalogue, tasks and notes)."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Named
from packetserver.engine.effects import after, before
from packetserver.engine.named.conditions import acting_user
from packetserver.engine.named.records_beside import add_record, add_row
from packetserver.engine.validation import Writing

LINK = "tasklink_contact"

LOGGED_AS = {"call": 1, "opportunityComponent": 2, "ticket": 3, "task": 4, "cfsNote": 5}
"""The types of the action item log, by element."""


@before("complete_task")
def complete_task(writing: Writing, named: Named) -> None:
    """The time of completion is the server's to know: kept, set to now or emptied."""
    if not writing.value("complete"):
        writing.set("completeDate", None)
        return
    stored = writing.stored
    known = stored["completeDate"] if stored is not None and stored["complete"] else None
    writing.set("completeDate", known or writing.call.transaction.now())


@after("link_task_contact")
def link_task_contact(writing: Writing, named: Named, key: Any) -> None:
    """The contact that was sent replaces the one that the task is linked to; below 1: none."""
    person = writing.draft.controls.get("contactId")
    if person is None:
        return
    records = writing.call.records
    if person > 0 and records.exists(LINK, {"task_id": key, "contact_id": person}):
        return
    records.delete_rows(LINK, {"task_id": key})
    if person > 0:
        add_row(writing.call, LINK, {"task_id": key, "contact_id": person})


@after("log_action_item")
def log_action_item(writing: Writing, named: Named, key: Any) -> None:
    """A record that was made while working off an action list is noted at its item."""
    item = writing.control("actionId")
    if item is None or item <= 0:
        return
    user = acting_user(writing, "enteredBy")
    values = {"itemId": item, "linkItemId": key, "enteredBy": user, "modifiedBy": user}
    values["type"] = LOGGED_AS[writing.draft.object.element]
    add_record(writing.call, "actionItemLog", values)
    _touch_item(writing, item, user)


@after("update_logged_action_item")
def update_logged_action_item(writing: Writing, named: Named, key: Any) -> None:
    """An action item has changed when something was done for it."""
    _touch_item(writing, writing.value("itemId"), writing.value("modifiedBy"))


def _touch_item(writing: Writing, item: int, user: Any) -> None:
    values = {"modified": writing.call.transaction.now(), "modifiedby": user}
    writing.call.records.update_rows("action_item", {"item_id": item}, values)
