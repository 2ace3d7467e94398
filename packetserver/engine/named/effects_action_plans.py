"""How an action plan is set to work for a record (catalogue, action plans and tickets)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from packetserver.catalogue.model import Named
from packetserver.engine.effects import after
from packetserver.engine.named.records_beside import add_record, refuse, rows_of
from packetserver.engine.validation import Writing

TICKETS = 912051329
"""The constant under which action plans know tickets."""


@dataclass(frozen=True, slots=True)
class _Work:
    """An action plan at work: what all of its rows share."""

    writing: Writing
    assigned_to: Any
    stamps: dict[str, Any]

    def add(self, element: str, **values: Any) -> Any:
        return add_record(self.writing.call, element, {**values, **self.stamps})

    def keys(self, table: str, key: str, **identity: Any) -> list[int]:
        """The keys of the rows, each behind its parent."""
        rows = rows_of(self.writing.call.records, table, (key, "parent_id"), identity)
        return _in_sequence({row[key]: row["parent_id"] for row in rows})


@after("attach_action_plan")
def attach_action_plan(writing: Writing, named: Named, key: Any) -> None:
    """`insertActionPlan` sets the plan of `actionPlanId` to work for a new ticket.

    Raises TransactionFailure when there is no such plan.
    """
    plan = writing.control("actionPlanId")
    if not writing.control("insertActionPlan") or plan is None or plan <= 0:
        return
    records = writing.call.records
    if not records.exists("action_plan", {"plan_id": plan}):
        raise refuse("actionPlanId", "There is no such action plan")
    user = writing.value("enteredBy")
    assigned_to = writing.value("assignedTo") or user
    work = _Work(writing, assigned_to, {"enteredBy": user, "modifiedBy": user})
    phases = work.keys("action_phase", "phase_id", plan_id=plan)
    module = records.value("action_plan_constants", "map_id", {"constant_id": TICKETS})
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
    begun = work.writing.call.transaction.now() if level == 1 else None
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
