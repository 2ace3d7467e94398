"""What new or changed calls, tasks, tickets and plans change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import func, select

from packetserver.catalogue.model import Named
from packetserver.records.effects import after, before, instead
from packetserver.records.effects.beside import add_record, add_row, column_of, refuse, rows_of
from packetserver.records.rules import acting_user
from packetserver.records.writing import Writing

COMPLETE, COMPLETE_WITH_FOLLOWUP = 2, 3
"""Values of statusId; 1 is a call that was canceled."""

REMINDERS = ("reminderId", "reminderTypeId")


@before("account_of_call_contact")
def account_of_call_contact(writing: Writing, named: Named) -> None:
    """A call without an account belongs to that of its contact, where the contact has one."""
    if writing.value("orgId") is not None:
        return
    account = column_of(writing.rows, "contact", "org_id", writing.value("contactId"))
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
        writing.set("completeDate", writing.now())


@before("reminder_when_asked")
def reminder_when_asked(writing: Writing, named: Named) -> None:
    """`reminder` that is sent false means that nobody is reminded, whatever else is sent."""
    if writing.given.controls.get("reminder") is False:
        for name in REMINDERS:
            writing.set(name, None)


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
    writing.set("completeDate", known or writing.now())


@after("link_task_contact")
def link_task_contact(writing: Writing, named: Named, key: Any) -> None:
    """The contact that was sent replaces the one that the task is linked to; below 1: none."""
    person = writing.given.controls.get("contactId")
    if person is None:
        return
    rows = writing.rows
    if person > 0 and rows.exists(LINK, {"task_id": key, "contact_id": person}):
        return
    rows.delete_rows(LINK, {"task_id": key})
    if person > 0:
        add_row(writing.records, LINK, {"task_id": key, "contact_id": person})


@after("log_action_item")
def log_action_item(writing: Writing, named: Named, key: Any) -> None:
    """A record that was made while working off an action list is noted at its item."""
    item = writing.control("actionId")
    if item is None or item <= 0:
        return
    user = acting_user(writing, "enteredBy")
    values = {"itemId": item, "linkItemId": key, "enteredBy": user, "modifiedBy": user}
    values["type"] = LOGGED_AS[writing.object.element]
    add_record(writing.records, "actionItemLog", values)
    _touch_item(writing, item, user)


@after("update_logged_action_item")
def update_logged_action_item(writing: Writing, named: Named, key: Any) -> None:
    """An action item has changed when something was done for it."""
    _touch_item(writing, writing.value("itemId"), writing.value("modifiedBy"))


def _touch_item(writing: Writing, item: int, user: Any) -> None:
    values = {"modified": writing.now(), "modifiedby": user}
    writing.rows.update_rows("action_item", {"item_id": item}, values)


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
    rows = writing.rows
    # Counted by the database itself, so that two tickets at once cannot draw the same number.
    following = {"key_count": rows.table(COUNTS).c.key_count + 1}
    if not rows.update_rows(COUNTS, {"project_id": project}, following):
        add_row(writing.records, COUNTS, {"project_id": project, "key_count": 1})
    number = rows.value(COUNTS, "key_count", {"project_id": project})
    writing.set("projectTicketCount", number)


@before("close_ticket")
def close_ticket(writing: Writing, named: Named) -> None:
    """`closeNow` closes a ticket that is open; one that is closed stays as it is."""
    if not writing.control("closeNow"):
        return
    closed = writing.stored["closed"] if writing.stored is not None else None
    sent = writing.given.values.get("closed")
    writing.set("closed", sent or closed or writing.now())


@after("log_ticket")
def log_ticket(writing: Writing, named: Named, key: Any) -> None:
    """Every change of a ticket has its log row; a new one whose past is sent along has none."""
    closes = writing.control("closeNow")
    if writing.is_new and writing.was_sent("entered") and not closes:
        return
    user = writing.value("enteredBy" if writing.is_new else "modifiedBy")
    values = {name: writing.value(of) for name, of in LOGGED.items()}
    values |= {"ticketId": key, "entryText": writing.control("comment"), "closed": bool(closes)}
    add_record(writing.records, "ticketLog", {**values, "enteredBy": user, "modifiedBy": user})


TICKETS = 912051329
"""The constant under which action plans know tickets."""


@dataclass(frozen=True, slots=True)
class _Work:
    """An action plan at work: what all of its rows share."""

    writing: Writing
    assigned_to: Any
    stamps: dict[str, Any]

    def add(self, element: str, **values: Any) -> Any:
        return add_record(self.writing.records, element, {**values, **self.stamps})

    def keys(self, table: str, key: str, **identity: Any) -> list[int]:
        """The keys of the rows, each behind its parent."""
        rows = rows_of(self.writing.rows, table, (key, "parent_id"), identity)
        return _in_sequence({row[key]: row["parent_id"] for row in rows})


@after("attach_action_plan")
def attach_action_plan(writing: Writing, named: Named, key: Any) -> None:
    """`insertActionPlan` sets the plan of `actionPlanId` to work for a new ticket.

    Raises Refused when there is no such plan.
    """
    plan = writing.control("actionPlanId")
    if not writing.control("insertActionPlan") or plan is None or plan <= 0:
        return
    rows = writing.rows
    if not rows.exists("action_plan", {"plan_id": plan}):
        raise refuse("actionPlanId", "There is no such action plan")
    user = writing.value("enteredBy")
    assigned_to = writing.value("assignedTo") or user
    work = _Work(writing, assigned_to, {"enteredBy": user, "modifiedBy": user})
    phases = work.keys("action_phase", "phase_id", plan_id=plan)
    module = rows.value("action_plan_constants", "map_id", {"constant_id": TICKETS})
    number = work.add(
        "actionPlanWork",
        actionPlanId=plan,
        managerId=user,
        assignedTo=assigned_to,
        linkModuleId=module,
        linkItemId=key,
        currentPhaseId=next(iter(phases), None),
    )
    for level, phase in enumerate(phases, 1):
        _add_phase(work, number, phase, level)


def _add_phase(work: _Work, plan_work: Any, phase: int, level: int) -> None:
    """A phase with its steps; the first phase has begun."""
    begun = work.writing.now() if level == 1 else None
    number = work.add(
        "actionPhaseWork",
        planWorkId=plan_work,
        actionPhaseId=phase,
        level=level,
        startDate=begun,
    )
    steps = work.keys("action_step", "step_id", phase_id=phase)
    for place, step in enumerate(steps, 1):
        work.add(
            "actionItemWork",
            phaseWorkId=number,
            actionStepId=step,
            ownerId=work.assigned_to,
            level=place,
            startDate=begun if place == 1 else None,
        )


def _in_sequence(parents: Mapping[int, int | None]) -> list[int]:
    """Keys with their parents, each behind its parent, in their own order otherwise."""
    left, found = dict(parents), list[int]()
    while left:
        following = (each for each, parent in left.items() if found and parent == found[-1])
        first = (each for each, parent in left.items() if parent not in left)
        # Of a circle, which nothing should have made, any may come first.
        found.append(next(chain(following, first, left)))
        del left[found[-1]]
    return found


@before("approve_plan")
def approve_plan(writing: Writing, named: Named) -> None:
    """An action plan is approved, or loses its approval, when its editor says so."""
    if writing.control("justDisapproved"):
        writing.set("approved", None)
    elif writing.control("justApproved"):
        writing.set("approved", writing.now())


@before("archive_plan")
def archive_plan(writing: Writing, named: Named) -> None:
    """A plan that is disabled is archived since then, one that is enabled is not."""
    if not writing.was_sent("enabled") or writing.was_sent("archiveDate"):
        return
    if writing.value("enabled"):
        writing.set("archiveDate", None)
    elif writing.value("archiveDate") is None:
        writing.set("archiveDate", writing.now())


@before("next_level")
def next_level(writing: Writing, named: Named) -> None:
    """Without a level a record comes last among those with the same value in ``within``."""
    level = writing.value("level")
    if level is not None and level > 0:
        return
    described, rows = writing.object, writing.rows
    table = rows.table(described.table or "")
    columns = (described.fields[each].column or "" for each in (named.text("within"), "level"))
    within, level_column = (table.c[each] for each in columns)
    highest = select(func.max(level_column)).where(within == writing.value(named.text("within")))
    writing.set("level", max(rows.connection.execute(highest).scalar() or 0, 0) + 1)


@instead("detach_steps")
def detach_steps(writing: Writing, named: Named, identity: dict[str, Any]) -> bool:
    """Work steps whose kind of step is ``action`` lose their link to the record."""
    rows, key = writing.rows, next(iter(identity.values()))
    columns = ("item_work_id", "action_step_id")
    for row in rows_of(rows, "action_item_work", columns, {"link_item_id": key}):
        action = column_of(rows, "action_step", "action_id", row["action_step_id"])
        if action == named.arguments["action"]:
            work = {"item_work_id": row["item_work_id"]}
            empty = {"link_module_id": None, "link_item_id": None}
            rows.update_rows("action_item_work", work, empty)
    return False
