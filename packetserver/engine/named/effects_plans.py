"""What action plans and their work are completed by (catalogue, action plans)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from packetserver.catalogue.model import Named
from packetserver.engine.effects import before, instead
from packetserver.engine.named.records_beside import column_of, rows_of
from packetserver.engine.validation import Writing


@before("approve_plan")
def approve_plan(writing: Writing, named: Named) -> None:
    """An action plan is approved, or loses its approval, when its editor says so."""
    if writing.control("justDisapproved"):
        writing.set("approved", None)
    elif writing.control("justApproved"):
        writing.set("approved", writing.call.transaction.now())


@before("archive_plan")
def archive_plan(writing: Writing, named: Named) -> None:
    """A plan that is disabled is archived since then, one that is enabled is not."""
    if not writing.was_sent("enabled") or writing.was_sent("archiveDate"):
        return
    if writing.value("enabled"):
        writing.set("archiveDate", None)
    elif writing.value("archiveDate") is None:
        writing.set("archiveDate", writing.call.transaction.now())


@before("next_level")
def next_level(writing: Writing, named: Named) -> None:
    """Without a level a record comes last among those with the same value in ``within``."""
    level = writing.value("level")
    if level is not None and level > 0:
        return
    described, records = writing.draft.object, writing.call.records
    table = records.table(described.table or "")
    columns = (described.fields[each].column or "" for each in (named.text("within"), "level"))
    within, level_column = (table.c[each] for each in columns)
    highest = select(func.max(level_column)).where(within == writing.value(named.text("within")))
    writing.set("level", max(records.connection.execute(highest).scalar() or 0, 0) + 1)


@instead("detach_steps")
def detach_steps(writing: Writing, named: Named, identity: dict[str, Any]) -> bool:
    """Work steps whose kind of step is ``action`` lose their link to the record."""
    records, key = writing.call.records, next(iter(identity.values()))
    columns = ("item_work_id", "action_step_id")
    for row in rows_of(records, "action_item_work", columns, {"link_item_id": key}):
        action = column_of(records, "action_step", "action_id", row["action_step_id"])
        if action == named.arguments["action"]:
            work = {"item_work_id": row["item_work_id"]}
            empty = {"link_module_id": None, "link_item_id": None}
            records.update_rows("action_item_work", work, empty)
    return False
