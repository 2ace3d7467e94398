"""What campaigns and surveys change (catalogue, communications)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func

from packetserver.catalogue.model import Named
from packetserver.records.effects import after, before
from packetserver.records.effects.beside import add_row, column_of, refuse, rows_of
from packetserver.records.writing import Writing

if TYPE_CHECKING:
    from packetserver.records.records import Records

IDLE, QUEUED, FINISHED = 1, 2, 4
"""Values of a campaign's statusId."""

ADDRESS_SURVEY = 2
"""The type of surveys that ask for a contact's address."""

LISTS, SURVEYS = "campaign_list_groups", "campaign_survey_link"
QUESTIONS = "active_survey_questions"
ANSWERS = range(1, 8)
"""What a rating can be; each has a column of its own that counts it."""


@before("campaign_status")
def campaign_status(writing: Writing, named: Named) -> None:
    """A campaign is queued when it is active, else idle, unless a status is sent."""
    is_meant = writing.is_new or writing.was_sent("active")
    if is_meant and not writing.was_sent("statusId"):
        writing.set("statusId", QUEUED if writing.value("active") else IDLE)


@after("link_criteria_lists")
def link_criteria_lists(writing: Writing, named: Named, key: Any) -> None:
    """The criteria lists of `groupList` are those of the campaign."""
    add_criteria_lists(writing.records, key, writing.control("groupList"))


def add_criteria_lists(records: Records, campaign: Any, text: str | None) -> None:
    """Link the lists, whose ids are joined by `*`, that are not linked yet.

    Raises Refused for anything else than ids.
    """
    lists = [part.strip() for part in (text or "").split("*") if part.strip()]
    if not all(each.isdecimal() and each.isascii() for each in lists):
        raise refuse("groupList", "not a list of ids")
    for each in lists:
        link = {"campaign_id": campaign, "group_id": int(each)}
        if not records.rows.exists(LISTS, link):
            add_row(records, LISTS, link)


@after("link_surveys")
def link_surveys(writing: Writing, named: Named, key: Any) -> None:
    """A campaign has one survey and one address survey; when it is finished it loses both."""
    for control, is_address in (("surveyId", False), ("addressSurveyId", True)):
        survey = writing.given.controls.get(control)
        if survey is not None:
            _replace_survey(writing.records, key, survey, is_address=is_address)
    if not writing.is_new and writing.value("statusId") == FINISHED:
        writing.rows.delete_rows(SURVEYS, {"campaign_id": key})


def _replace_survey(records: Records, campaign: Any, survey: int, *, is_address: bool) -> None:
    """The survey of one kind; below 1: none."""
    rows = records.rows
    for row in rows_of(rows, SURVEYS, ("survey_id",), {"campaign_id": campaign}):
        kind = column_of(rows, "survey", "type", row["survey_id"])
        if (kind == ADDRESS_SURVEY) == is_address or row["survey_id"] == survey:
            rows.delete_rows(SURVEYS, {"campaign_id": campaign, **row})
    if survey > 0:
        add_row(records, SURVEYS, {"campaign_id": campaign, "survey_id": survey})


@after("add_answer_average")
def add_answer_average(writing: Writing, named: Named, key: Any) -> None:
    """How often an item was chosen is counted from nought."""
    values = {"question_id": writing.value("questionId"), "item_id": key, "total": 0}
    add_row(writing.records, "active_survey_answer_avg", values)


@after("count_answer")
def count_answer(writing: Writing, named: Named, key: Any) -> None:
    """A question counts its ratings, and knows their average."""
    rating = writing.value("quantAns")
    if rating not in ANSWERS:
        return
    rows, question = writing.rows, {"question_id": writing.value("questionId")}
    counted = f"total{rating}"
    # Counted by the database itself, so that two answers at once are two.
    before = rows.table(QUESTIONS).c[counted]
    following = {counted: func.coalesce(before, 0) + 1}
    rows.update_rows(QUESTIONS, question, following)
    columns = {each: f"total{each}" for each in ANSWERS}
    for row in rows_of(rows, QUESTIONS, tuple(columns.values()), question):
        totals = {each: row[column] or 0 for each, column in columns.items()}
        points = sum(each * total for each, total in totals.items())
        average = points / max(sum(totals.values()), 1)
        rows.update_rows(QUESTIONS, question, {"average": average})
