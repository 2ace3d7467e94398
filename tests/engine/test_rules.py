"""Every validation rule through the engine: its complaint in the exact words, and its silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packetserver.catalogue.loader import load_catalogue
from packetserver.engine.assembly import load_schema
from packetserver.engine.named.conditions import is_given
from packetserver.engine.named.rules_form import is_address
from packetserver.engine.validation import RULES

CATALOGUE = load_catalogue()
LEFT_OUT = object()
ADMIN, REP = 1, 2
ACCOUNTS = 42420034
PUBLIC, PERSONAL = 2, 3
LATE, EARLY = "2031-05-06 07:08:09.0", "2031-05-05 07:08:09.0"


@dataclass(frozen=True)
class Case:
    """A record that is valid, a change that makes it invalid, and what is said then."""

    rule: str
    element: str
    valid: Callable[[Any], dict[str, Any]]
    wrong: dict[str, Any]
    complaints: list[str]

    def __str__(self) -> str:
        return f"{self.rule}-{self.element}-{'-'.join(self.wrong)}"


def merged(valid: dict[str, Any], wrong: dict[str, Any]) -> dict[str, Any]:
    values = {**valid, **wrong}
    return {name: each for name, each in values.items() if each is not LEFT_OUT}


def component(desk: Any) -> dict[str, Any]:
    header = {"description": desk.name(), "accountLink": desk.account()}
    opportunity = desk.insert("opportunity", **header, accessType=PUBLIC, manager=ADMIN)
    return {
        "headerId": opportunity,
        "owner": ADMIN,
        "description": desk.name(),
        "closeProb": 50,
        "closeDate": LATE,
        "terms": 12,
        "units": "M",
        "type": "N",
        "low": 10,
        "guess": 20,
        "high": 30,
        "stage": 1,
    }


def call(desk: Any) -> dict[str, Any]:
    return {"contactId": desk.contact(), "callTypeId": 1, "length": 5}


def call_with_followup(desk: Any) -> dict[str, Any]:
    follow = {"hasFollowup": True, "alertDate": EARLY, "alertCallTypeId": 1, "priorityId": 1}
    return {**call(desk), **follow, "alertText": "Ask again", "followupEndDate": LATE}


def plan_step(desk: Any) -> dict[str, Any]:
    plan = desk.insert("actionPlan", name=desk.name())
    phase = desk.insert("actionPhase", planId=plan, name=desk.name())
    return {"phaseId": phase, "description": desk.name()}


def step_of_group(desk: Any) -> dict[str, Any]:
    group = desk.insert("userGroup", name=desk.name())
    return {**plan_step(desk), "permissionType": 8, "userGroupId": group}


def note_of_plan(desk: Any) -> dict[str, Any]:
    account = desk.account()
    plan = desk.insert("actionPlan", name=desk.name())
    link = {"linkModuleId": 1, "linkItemId": account}
    work = desk.insert("actionPlanWork", actionPlanId=plan, assignedTo=ADMIN, **link)
    note = {"description": "x" * 300, "submitted": LATE, "submittedBy": ADMIN}
    return {"planWorkId": work, **note}


def custom_field(desk: Any) -> dict[str, Any]:
    folder = desk.insert("customFieldCategory", moduleId=1, name=desk.name())
    group = desk.insert("customFieldGroup", categoryId=folder, name=desk.name())
    return {"groupId": group, "name": desk.name(), "type": 1, "maxLength": 40}


def article(desk: Any) -> dict[str, Any]:
    project = {"title": desk.name(), "shortDescription": "x", "requestDate": LATE}
    return {
        "projectId": desk.insert("project", **project),
        "subject": desk.name(),
        "message": "All of it",
    }


def related_accounts(desk: Any) -> dict[str, Any]:
    return {
        "typeId": 1,
        "objectIdMapsFrom": desk.account(),
        "categoryIdMapsFrom": ACCOUNTS,
        "objectIdMapsTo": desk.account(),
        "categoryIdMapsTo": ACCOUNTS,
    }


def file(desk: Any) -> dict[str, Any]:
    names = {"subject": desk.name(), "filename": "a.txt", "clientFilename": "a.txt"}
    return {"linkModuleId": 1, "linkItemId": desk.account(), **names}


def named(desk: Any) -> dict[str, Any]:
    return {"name": desk.name()}


def person(desk: Any) -> dict[str, Any]:
    return {"nameLast": desk.name(), "accessType": PUBLIC}


def own_contact(desk: Any) -> dict[str, Any]:
    return {**person(desk), "accessType": PERSONAL, "owner": ADMIN}


def task(desk: Any) -> dict[str, Any]:
    return {"description": desk.name(), "priority": 1}


REQUIRED = "Required Field"
NO_FORM = "A blank form cannot be saved. Please enter valid data to save the form."
PARENT = "This Object can not be its own parent. Please select a different parent for this object."
TOO_LONG = (
    "Maximum length of data exceeds 300 characters. Please remove some data to continue"
)
BAD_ADDRESS = "Email Address must be in a proper format"

CASES = [
    Case("required", "account", named, {"name": "  "}, [f"name: {REQUIRED}"]),
    Case("required", "account", named, {"isIndividual": True}, [f"nameLast: {REQUIRED}"]),
    Case("required", "contact", person, {"accessType": -1}, [f"access: {REQUIRED}"]),
    Case(
        "required",
        "ticket",
        lambda desk: desk.ticket_values(),
        {"closeNow": True},
        ["solution: A solution is required when closing"],
    ),
    Case(
        "required",
        "ticket",
        lambda desk: desk.ticket_values(),
        {"contactId": LEFT_OUT, "orgId": -1, "problem": None},
        [
            f"problem: {REQUIRED}",
            "contactId: You must associate a contact with a ticket",
            "orgId: You must associate an organization with a ticket",
        ],
    ),
    Case("required", "call", call, {"subject": None}, [f"subject: {REQUIRED}"]),
    Case(
        "required",
        "call",
        call,
        {"hasFollowup": True},
        [
            f"followupType: {REQUIRED}",
            f"priority: {REQUIRED}",
            f"alertDate: {REQUIRED}",
            f"description: {REQUIRED}",
        ],
    ),
    Case("required", "opportunityComponent", component, {"guess": 0}, [f"guess: {REQUIRED}"]),
    Case(
        "required",
        "opportunityComponent",
        component,
        {"units": LEFT_OUT},
        ["terms: Units cannot be left blank"],
    ),
    Case(
        "required",
        "customField",
        custom_field,
        {"maxLength": LEFT_OUT},
        ["maxLength: Length is required"],
    ),
    Case("required", "projectNewsArticle", article, {"intro": None}, [f"intro: {REQUIRED}"]),
    Case(
        "required", "projectNewsArticle", article, {"message": LEFT_OUT}, [f"message: {REQUIRED}"]
    ),
    Case(
        "one_of_required",
        "contact",
        person,
        {"nameLast": LEFT_OUT},
        [f"nameLast: {REQUIRED}", "lastCompany: Either company or last name is required"],
    ),
    Case(
        "all_required", "fileItem", file, {"linkItemId": LEFT_OUT}, ["action: Id not specified"]
    ),
    Case(
        "all_required",
        "relationship",
        related_accounts,
        {"objectIdMapsTo": LEFT_OUT},
        ["objectIdMapsTo: Both objects are required for a relationship"],
    ),
    Case(
        "together",
        "actionStep",
        plan_step,
        {"displayInPlanList": True},
        [f"displayInPlanList: {REQUIRED}"],
    ),
    Case(
        "chosen_alone",
        "actionStep",
        step_of_group,
        {"userGroupId": LEFT_OUT},
        ["userGroupId: Please select a valid user group."],
    ),
    Case(
        "chosen_alone",
        "actionStep",
        step_of_group,
        {"roleId": 1},
        ["userGroupId: Please select a valid user group."],
    ),
    Case("at_least", "import", lambda desk: {**named(desk), "type": 1}, {"type": LEFT_OUT},
         [f"type: {REQUIRED}"]),
    Case("at_least", "import", lambda desk: {**named(desk), "type": 1}, {"type": -2},
         [f"type: {REQUIRED}"]),
    Case("at_least", "call", call, {"length": -2}, ["length: Length cannot be less than 0"]),
    Case("at_least", "usage", lambda desk: {"action": 0}, {"action": -1},
         ["action: Action not specified"]),
    Case(
        "at_most",
        "opportunityComponent",
        component,
        {"closeProb": "101%"},
        ["closeProb: Close Probability cannot be greater than 100%"],
    ),
    Case("at_most", "customField", custom_field, {"maxLength": 256},
         ["maxLength: Length limit exceeded"]),
    Case(
        "not_before",
        "ticket",
        lambda desk: {
            **desk.ticket_values(), "assignedDate": EARLY, "estimatedResolutionDate": EARLY
        },
        {"assignedDate": LATE},
        [
            "estimatedResolutionDate:"
            " Estimated resolution date cannot be before assignment date"
        ],
    ),
    Case(
        "not_before",
        "call",
        call_with_followup,
        {"alertDate": LATE, "followupEndDate": EARLY},
        ["followupEndDate: Followup end date must be at a later date than start date"],
    ),
    Case(
        "not_above",
        "opportunityComponent",
        component,
        {"low": 31},
        ["low: Low Estimate cannot be higher than the High Estimate"],
    ),
    Case("not_past", "campaign", lambda desk: {**named(desk), "activeDate": LATE},
         {"activeDate": "2001-02-03 04:05:06.0"}, ["activeDate: Date cannot be in the past"]),
    Case(
        "not_equal",
        "viewpoint",
        lambda desk: {"userId": ADMIN, "vpUserId": REP},
        {"vpUserId": ADMIN},
        ["Contact: A viewpoint can not be created for the selected contact"],
    ),
    Case("longest", "actionPlanWorkNote", note_of_plan, {"description": "x" * 301},
         [f"description: {TOO_LONG}"]),
    Case(
        "email",
        "instantCampaign",
        lambda desk: {**named(desk), "replyTo": "me@here.example", "cc": "a@b.example, c@d.example"},
        {"replyTo": "nobody", "cc": "a@b.example, c"},
        [f"replyTo: {BAD_ADDRESS}", f"cc: {BAD_ADDRESS}"],
    ),
    Case(
        "personal_access_is_own",
        "contact",
        own_contact,
        {"owner": LEFT_OUT},
        ["accessReassign: Record has to be owned by the user who entered it"],
    ),
    Case(
        "personal_task_is_own",
        "task",
        lambda desk: {**task(desk), "sharing": 0},
        {"sharing": 1},
        ["sharing: Personal tasks cannot be assigned to other users"],
    ),
]
