"""What projects, their plans and discussions change (catalogue, projects)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from packetserver.catalogue.model import Named
from packetserver.records.effects import after, before
from packetserver.records.effects.beside import add_record, add_row, column_of
from packetserver.records.rules import acting_user, is_given
from packetserver.records.writing import Writing

OUTLINE = "project_requirements_map"
TOPICS, CATEGORIES = "project_issues", "project_issues_categories"


@before("date_follows_control")
def date_follows_control(writing: Writing, named: Named) -> None:
    """The control ``control`` sets the date ``field`` to now, unless it has one, or empties it.

    ``user``, where there is one, says who did. A control that is not sent changes nothing.
    """
    wanted = writing.given.controls.get(named.text("control"))
    if wanted is None:
        return
    field, user = named.text("field"), named.text("user")
    if not wanted:
        for name in filter(None, (field, user)):
            writing.set(name, None)
    elif writing.value(field) is None:
        writing.set(field, writing.now())
        if user:
            writing.set(user, acting_user(writing, "modifiedBy"))


@after("add_to_outline")
def add_to_outline(writing: Writing, named: Named, key: Any) -> None:
    """A new part of a requirement is the last one of its outline; ``column`` takes its key."""
    requirement = writing.value("requirementId")
    if not writing.control("recordMapItem") or requirement is None:
        return
    rows = writing.rows
    outline = rows.table(OUTLINE)
    last = select(func.max(outline.c.position)).where(outline.c.requirement_id == requirement)
    position = (rows.connection.execute(last).scalar() or 0) + 1
    project = column_of(rows, "project_requirements", "project_id", requirement)
    place = {"project_id": project, "requirement_id": requirement, "position": position}
    add_row(writing.records, OUTLINE, {**place, named.text("column"): key})


@after("note_assignment")
def note_assignment(writing: Writing, named: Named, key: Any) -> None:
    """A note that comes with an assignment is kept with the state that it describes."""
    note = writing.control("additionalNote")
    if not writing.control("recordNote") or not is_given(note):
        return
    same = ("percentComplete", "statusId", "userAssignedId")
    values = {name: writing.value(name) for name in same}
    values |= {"assignmentId": key, "userId": writing.value("modifiedBy"), "description": note}
    add_record(writing.records, "assignmentNote", values)


@after("count_topic")
def count_topic(writing: Writing, named: Named, key: Any) -> None:
    """A category of issues counts its topics."""
    _count(writing, CATEGORIES, writing.value("categoryId"), "topics_count", "last_post")


@after("count_reply")
def count_reply(writing: Writing, named: Named, key: Any) -> None:
    """An issue counts its replies, and its category all posts."""
    issue = writing.value("issueId")
    category = column_of(writing.rows, TOPICS, "category_id", issue)
    _count(writing, TOPICS, issue, "reply_count", "last_reply")
    _count(writing, CATEGORIES, category, "posts_count", "last_post")


def _count(writing: Writing, table: str, key: Any, column: str, last: str) -> None:
    """One more in ``column``, and the columns of the last one say when and by whom."""
    rows = writing.rows
    name = rows.schema.catalogue.tables[table].key or ""
    values = {
        column: rows.table(table).c[column] + 1,
        f"{last}_date": writing.now(),
        f"{last}_by": writing.value("enteredBy"),
    }
    rows.update_rows(table, {name: key}, values)


@after("link_news_task_category")
def link_news_task_category(writing: Writing, named: Named, key: Any) -> None:
    """A news article may have tasks of a category."""
    link_task_category(writing, key)


def link_task_category(writing: Writing, article: Any) -> None:
    """Link the category of `taskCategoryId`, where there is one, to a news article."""
    category = writing.control("taskCategoryId")
    if category is not None and category > 0:
        values = {"news_id": article, "category_id": category}
        add_row(writing.records, "taskcategorylink_news", values)
