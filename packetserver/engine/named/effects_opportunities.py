"""What a new or changed opportunity changes (catalogue, opportunities)."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Named
from packetserver.engine.effects import after, before
from packetserver.engine.named.records_beside import add_record, column_of
from packetserver.engine.validation import Writing
from packetserver.errors import ValueNotOfType

PERCENT = 100

LOGGED = (
    "headerId",
    "description",
    "closeProb",
    "closeDate",
    "closeDateTimeZone",
    "terms",
    "units",
    "low",
    "guess",
    "high",
    "stage",
    "owner",
    "closed",
)
"""Fields that a component and its log have in common."""


@before("account_of_opportunity_contact")
def account_of_opportunity_contact(writing: Writing, named: Named) -> None:
    """An opportunity of a contact remembers the contact's account."""
    is_meant = writing.is_new or writing.was_sent("contactLink")
    if is_meant and not writing.was_sent("contactOrgId"):
        person = writing.value("contactLink")
        writing.set("contactOrgId", column_of(writing.call.records, "contact", "org_id", person))


@before("percent_to_fraction")
def percent_to_fraction(writing: Writing, named: Named) -> None:
    """Percentages travel as such, with or without their sign, and are stored as fractions."""
    for name in named.texts("fields"):
        _read_with_sign(writing, name)
        percentage = writing.draft.values.get(name)
        if percentage is not None:
            writing.set(name, percentage / PERCENT)


def _read_with_sign(writing: Writing, name: str) -> None:
    """A number with a percent sign is no complaint here."""
    draft, found = writing.draft, writing.draft.object.field(name)
    text = draft.texts.get(name, "").strip()
    if found is None or not text.endswith("%"):
        return
    try:
        draft.values[name] = found.type.read(text[:-1], writing.call.preferences.zone)
    except ValueNotOfType:
        return
    draft.complaints = [each for each in draft.complaints if each[0] != name]


@before("close_component")
def close_component(writing: Writing, named: Named) -> None:
    """`closeNow` closes a component, `openIt` opens it again; a time that is sent counts more."""
    if writing.draft.values.get("closed") is not None:
        return
    if writing.control("closeNow"):
        writing.set("closed", writing.call.transaction.now())
    elif writing.control("openIt"):
        writing.set("closed", None)


@before("stage_date")
def stage_date(writing: Writing, named: Named) -> None:
    """A component is at its stage since that changed, or since it was closed."""
    stored = writing.stored
    if writing.was_sent("stageDate"):
        return
    is_new_stage = stored is not None and writing.value("stage") != stored["stage"]
    if is_new_stage or writing.control("closeNow"):
        writing.set("stageDate", writing.call.transaction.now())


@after("log_component")
def log_component(writing: Writing, named: Named, key: Any) -> None:
    """Every state of a component is kept in its log, unless `insertLog` says no."""
    if not writing.control("insertLog"):
        return
    user = writing.value("modifiedBy")
    values = {name: writing.value(name) for name in LOGGED}
    values |= {"componentId": key, "enteredBy": user}
    add_record(writing.call, "opportunityComponentLog", values)


@after("touch_opportunity")
def touch_opportunity(writing: Writing, named: Named, key: Any) -> None:
    """An opportunity has changed when one of its components has."""
    values = {"modified": writing.call.transaction.now()}
    header = {"opp_id": writing.value("headerId")}
    writing.call.records.update_rows("opportunity_header", header, values)
