"""Named inserts that add something to a record that is there (PROTOCOL.md 5.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from packetserver.engine.actions import insert
from packetserver.engine.actions.answering import answer_stored
from packetserver.engine.context import Call
from packetserver.engine.draft import read_draft, sent_fields
from packetserver.engine.identity import find_identity
from packetserver.engine.named.effects_communications import add_criteria_lists
from packetserver.engine.named.effects_files import FILES, VERSION, add_version
from packetserver.engine.named.effects_projects import link_task_category
from packetserver.engine.named.records_beside import add_record
from packetserver.engine.named_inserts import named_insert
from packetserver.engine.permissions import demand_of_stored
from packetserver.engine.sharing import share_key
from packetserver.engine.stamps import force_to_user, stamp_new
from packetserver.engine.validation import FIXED_LINES, Writing, drop_complaints, validate
from packetserver.engine.ways import ADD
from packetserver.errors import TransactionFailure
from packetserver.store.row_locks import Strength

NO_RECORD = "There is no such record"

Addition = Callable[[Writing, Any], Any]
"""Adds to a record, by its key; returns the key of what is new, or None."""


def addition(element: str, name: str) -> Callable[[Addition], Addition]:
    """Registers a named insert that adds something to the record whose key is sent.

    The record itself decides what is permitted; it is answered as it is then.
    """

    def register(function: Addition) -> Addition:
        def run(call: Call) -> None:
            writing, identity = existing(call)
            key = next(iter(identity.values()))
            share_key(call, function(writing, key) or key)
            answer_stored(call, insert.PROCESSED, identity, writing.draft)

        run.__doc__ = function.__doc__
        named_insert(element, name)(run)
        return function

    return register


def existing(call: Call) -> tuple[Writing, dict[str, Any]]:
    """The record that is added to; raises TransactionFailure when there is none."""
    draft = read_draft(call)
    identity = find_identity(call, draft)
    stored = demand_of_stored(call, ADD, identity, draft.values, lock=Strength.CHANGE)
    if stored is None:
        raise TransactionFailure.because(f"{call.item.element}: {NO_RECORD}")
    if draft.complaints and call.transaction.packet.validate:
        lines = (f"{name}: {reason}" for name, reason in draft.complaints)
        raise TransactionFailure(*FIXED_LINES, *lines)
    force_to_user(call, draft, is_new=False)
    writing = Writing(call, draft, stored)
    drop_complaints(writing)
    return writing, identity


@addition("fileItem", "insertVersion")
def insert_version(writing: Writing, key: Any) -> Any:
    """A new version of a file; the file itself shows its latest one."""
    call, draft = writing.call, writing.draft
    if call.transaction.packet.validate:
        validate(writing)
    stamp_new(call, draft)
    names = [each for each in VERSION if each != "enteredBy"]
    columns = {
        each.column or "": draft.values[each.name]
        for each in sent_fields(draft)
        if each.name in names and draft.values[each.name] is not None
    }
    columns["modified"] = call.transaction.now()
    call.records.update_rows(FILES, {"item_id": key}, columns)
    return add_version(writing, key)


@addition("campaign", "insertGroups")
def insert_groups(writing: Writing, key: Any) -> Any:
    """The criteria lists of `groupList` join those of the campaign."""
    add_criteria_lists(writing.call, key, writing.control("groupList"))


@addition("campaign", "insertRun")
def insert_run(writing: Writing, key: Any) -> Any:
    """A new run of the campaign."""
    return add_record(writing.call, "campaignRun", {"campaignId": key})


@addition("campaign", "insertContactList")
def insert_contact_list(writing: Writing, key: Any) -> Any:
    """Contacts of a campaign cannot be named in an item of it (PROTOCOL.md 13)."""
    raise TransactionFailure.because("campaign: contacts are added as scheduledRecipient")


@addition("projectNewsArticle", "insertTaskCategoryLink")
def insert_task_category_link(writing: Writing, key: Any) -> Any:
    """The tasks of a category belong to the article."""
    link_task_category(writing, key)


@addition("user", "insertLogRecord")
def insert_log_record(writing: Writing, key: Any) -> Any:
    """A login of the user, as a client reports it."""
    values = {"userId": key, "username": writing.value("username"), "ip": writing.value("ip")}
    return add_record(writing.call, "accessLog", values)
