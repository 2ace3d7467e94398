"""Every validation rule through the engine: its complaint in the exact words, and its silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packetserver.records.opening import load_schema
from packetserver.records.rules import RULES, is_given
from packetserver.records.rules.values import is_address

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
    person: str = "admin"

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
    return {**person(desk), "accessType": PERSONAL, "enteredBy": ADMIN, "owner": ADMIN}


def contact_of_site(desk: Any) -> dict[str, Any]:
    site = desk.site()
    return {**person(desk), "orgId": desk.account(siteId=site), "siteId": site}


def ticket_of_site(desk: Any) -> dict[str, Any]:
    site = desk.site()
    category = desk.insert("ticketCategory", description=desk.name(), siteId=site)
    group = desk.insert("userGroup", name=desk.name(), siteId=site)
    sited = {"siteId": site, "catCode": category, "userGroupId": group}
    return {**desk.ticket_values(), **sited}


def draft_assignment(desk: Any) -> dict[str, Any]:
    site = desk.site()
    category = desk.insert("ticketCategoryDraft", description=desk.name(), siteId=site)
    group = desk.insert("userGroup", name=desk.name(), siteId=site)
    return {"categoryId": category, "userGroupId": group}


def task(desk: Any) -> dict[str, Any]:
    return {"description": desk.name(), "priority": 1}


REQUIRED = "Required Field"
NO_FORM = "A blank form cannot be saved. Please enter valid data to save the form."
PARENT = "This Object can not be its own parent. Please select a different parent for this object."
TOO_LONG = "Maximum length of data exceeds 300 characters. Please remove some data to continue"
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
    Case("all_required", "fileItem", file, {"linkItemId": LEFT_OUT}, ["action: Id not specified"]),
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
    Case(
        "at_least",
        "import",
        lambda desk: {**named(desk), "type": 1},
        {"type": LEFT_OUT},
        [f"type: {REQUIRED}"],
    ),
    Case(
        "at_least",
        "import",
        lambda desk: {**named(desk), "type": 1},
        {"type": -2},
        [f"type: {REQUIRED}"],
    ),
    Case("at_least", "call", call, {"length": -2}, ["length: Length cannot be less than 0"]),
    Case(
        "at_least",
        "usage",
        lambda desk: {"action": 0},
        {"action": -1},
        ["action: Action not specified"],
    ),
    Case(
        "at_most",
        "opportunityComponent",
        component,
        {"closeProb": "101%"},
        ["closeProb: Close Probability cannot be greater than 100%"],
    ),
    Case(
        "at_most",
        "customField",
        custom_field,
        {"maxLength": 256},
        ["maxLength: Length limit exceeded"],
    ),
    Case(
        "not_before",
        "ticket",
        lambda desk: {
            **desk.ticket_values(),
            "assignedDate": EARLY,
            "estimatedResolutionDate": EARLY,
        },
        {"assignedDate": LATE},
        ["estimatedResolutionDate: Estimated resolution date cannot be before assignment date"],
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
    Case(
        "not_past",
        "campaign",
        lambda desk: {**named(desk), "activeDate": LATE},
        {"activeDate": "2001-02-03 04:05:06.0"},
        ["activeDate: Date cannot be in the past"],
    ),
    Case(
        "not_equal",
        "viewpoint",
        lambda desk: {"userId": ADMIN, "vpUserId": REP},
        {"vpUserId": ADMIN},
        ["Contact: A viewpoint can not be created for the selected contact"],
    ),
    Case(
        "longest",
        "actionPlanWorkNote",
        note_of_plan,
        {"description": "x" * 301},
        [f"description: {TOO_LONG}"],
    ),
    Case(
        "email",
        "instantCampaign",
        lambda desk: {
            **named(desk),
            "replyTo": "me@here.example",
            "cc": "a@b.example, c@d.example",
        },
        {"replyTo": "nobody", "cc": "a@b.example, c"},
        [f"replyTo: {BAD_ADDRESS}", f"cc: {BAD_ADDRESS}"],
    ),
    Case(
        "personal_access_is_own",
        "contact",
        own_contact,
        {"owner": REP},
        ["accessReassign: Record has to be owned by the user who entered it"],
        person="client1",
    ),
    Case(
        "personal_task_is_own",
        "task",
        lambda desk: {**task(desk), "sharing": 1, "owner": ADMIN, "modifiedBy": ADMIN},
        {"owner": REP},
        ["sharing: Personal tasks cannot be assigned to other users"],
        person="client1",
    ),
    Case(
        "same_site",
        "contact",
        contact_of_site,
        {"siteId": LEFT_OUT},
        ["siteId: The selected site is incompatible with the account"],
    ),
    Case(
        "site_matches",
        "ticket",
        ticket_of_site,
        {"siteId": LEFT_OUT},
        [
            "catCode: Invalid site category selection",
            "userGroupId: Invalid site user group selection",
        ],
    ),
    Case(
        "one_of_required",
        "ticketCategoryDraftAssignment",
        draft_assignment,
        {"userGroupId": LEFT_OUT},
        ["categoryId: Invalid data selection"],
    ),
    Case(
        "one_of_required",
        "ticketActivityLog",
        lambda desk: {
            "linkTicketId": desk.ticket(),
            "followUpRequired": True,
            "alertDate": LATE,
            "followUpDescription": "Look again",
        },
        {"followUpRequired": LEFT_OUT, "alertDate": LEFT_OUT, "followUpDescription": " "},
        [f"action: {NO_FORM}"],
    ),
    Case(
        "unique",
        "role",
        lambda desk: {"role": desk.name("Role"), "description": "x"},
        {"role": "Administrator"},
        ["role: Role name is already in use"],
    ),
    *(
        Case(
            "fits_field_type",
            "customField",
            lambda desk, kind=kind, fitting=fitting: {
                **custom_field(desk),
                "type": kind,
                "defaultValue": fitting,
            },
            {"defaultValue": wrong},
            [f"defaultValue: {complaint}"],
        )
        for kind, fitting, wrong, complaint in (
            (8, "2031-02-03", "soon", "Date must be entered in the server's local date format"),
            (9, "-12", "1.5", "Number must be a proper whole number"),
            (10, "1.5", "one", "Number must be in a proper number format"),
            (11, "1.5%", "one", "Number must be in a proper number format"),
            (12, "15", "one", "Number must be in a proper number format"),
            (13, "me@here.example", "me", BAD_ADDRESS),
            (14, "www.here.example", "here", "Incorrect URL format"),
        )
    ),
]

UPDATES = {"nothing_owned", "single_records", "accounts_at_same_site"}
"""Rules with a test of their own below."""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_broken_rule_is_named_in_its_exact_words(desk, case):
    values = merged(case.valid(desk), case.wrong)
    assert desk.complaints(case.element, values, person=case.person) == case.complaints


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_kept_rule_is_silent(desk, case):
    assert desk.complaints(case.element, case.valid(desk), person=case.person) == []


def test_every_rule_is_tested_here():
    load_schema()
    assert {case.rule for case in CASES} | UPDATES == set(RULES)


def test_related_accounts_are_of_the_same_site(desk):
    site = desk.site()
    complaint = "objectIdMapsTo: Organizations from different sites cannot be related"
    values = related_accounts(desk)
    assert desk.complaints("relationship", values) == []
    values["objectIdMapsTo"] = desk.account(siteId=site)
    assert desk.complaints("relationship", values) == [complaint]
    assert desk.complaints("relationship", {**values, "categoryIdMapsTo": 3}) == []


def test_an_account_is_not_related_to_itself(desk):
    values = related_accounts(desk)
    same = {**values, "objectIdMapsTo": values["objectIdMapsFrom"]}
    complaint = "objectIdMapsTo: An organization cannot be related to itself"
    assert desk.complaints("relationship", same) == [complaint]


def test_a_role_may_keep_its_own_name(desk):
    name = desk.name("Role")
    role = desk.insert("role", role=name, description="x")
    changed = {"id": role, "role": name, "description": "y"}
    assert desk.complaints("role", changed, action="update") == []


def test_the_site_of_a_user_who_owns_something_stays(desk):
    values = {"username": desk.name("user"), "password1": "x", "addContact": False}
    user = desk.insert("user", **values, contactId=desk.contact())
    moved = {"id": user, "siteId": desk.site()}
    account = desk.insert("account", name=desk.name(), owner=user)

    complaint = (
        "siteId: This user is associated with several items. These items need to be assigned"
        " to another user before the site can be changed."
    )
    assert desk.complaints("user", moved, action="update") == [complaint]
    desk.update("account", account, owner=ADMIN)
    assert desk.complaints("user", moved, action="update") == []


def test_a_closed_ticket_does_not_keep_a_user_at_his_site(desk):
    values = {"username": desk.name("user"), "password1": "x", "addContact": False}
    user = desk.insert("user", **values, contactId=desk.contact())
    ticket = desk.ticket(assignedTo=user)
    moved = {"id": user, "siteId": desk.site()}
    assert desk.complaints("user", moved, action="update") != []
    desk.update("ticket", ticket, closeNow=True, solution="Done")
    assert desk.complaints("user", moved, action="update") == []


def test_a_folder_with_several_records_of_an_item_cannot_allow_one_alone(desk):
    folder = {"moduleId": 1, "name": desk.name(), "allowMultipleRecords": True}
    key = desk.insert("customFieldCategory", **folder)
    single = {"id": key, "allowMultipleRecords": False}
    record = {"categoryId": key, "linkModuleId": 1, "linkItemId": desk.account()}
    desk.insert("customFieldRecord", **record)
    complaint = "allowMultipleRecords: Folder has multiple records for a specific item."
    assert desk.complaints("customFieldCategory", single, action="update") == []
    desk.update("customFieldCategory", key, allowMultipleRecords=True)
    desk.insert("customFieldRecord", **record)
    assert desk.complaints("customFieldCategory", single, action="update") == [complaint]


def test_rows_of_a_stored_form_stand_for_its_fields(desk):
    form = {"linkTicketId": desk.ticket(), "followUpRequired": True, "alertDate": LATE}
    key = desk.insert("ticketActivityLog", **form, followUpDescription="Look again")
    emptied = {
        "id": key,
        "followUpRequired": False,
        "alertDate": None,
        "followUpDescription": None,
    }
    complaint = f"action: {NO_FORM}"
    assert desk.complaints("ticketActivityLog", emptied, action="update") == [complaint]
    desk.insert("ticketPerDayDescription", linkFormId=key, activityDate=EARLY)
    assert desk.complaints("ticketActivityLog", emptied, action="update") == []


def test_a_time_that_is_stored_may_pass(desk):
    key = desk.insert("campaign", name=desk.name())
    desk.change("campaign", {"campaign_id": key}, active_date=datetime(2001, 2, 3))
    assert desk.complaints("campaign", {"id": key, "description": "x"}, action="update") == []


def test_a_step_is_not_its_own_parent(desk):
    step = desk.insert("actionStep", **plan_step(desk))
    changed = {"id": step, "parentId": step}
    assert desk.complaints("actionStep", changed, action="update") == [f"parentId: {PARENT}"]


def test_an_unreadable_value_has_one_complaint(desk):
    values = {**desk.ticket_values(), "contactId": "him"}
    assert desk.complaints("ticket", values) == ["contactId: not an integer"]


def test_a_secret_that_is_sent_empty_is_not_missing(desk):
    client = desk.insert("syncClient", type="test", code="one")
    changed = {"id": client, "version": "2", "code": None}
    assert desk.complaints("syncClient", changed, action="update") == []


def test_validation_off_asks_no_rule(desk):
    answer = desk.send("account", "insert", {"url": "x"}, validate=False)
    assert answer.errors == ()


@given(st.text(alphabet=" \t\r\n", max_size=8))
def test_blank_is_not_given(text):
    assert not is_given(text)
    assert is_given(f"{text}x{text}")


@given(st.integers())
def test_a_number_is_given_from_zero_on(number):
    assert is_given(number) == (number >= 0)


LABEL = st.text(alphabet="abcxyz0189-_", min_size=1, max_size=8)


@given(LABEL, LABEL, LABEL, st.sampled_from([" ", "@", ",", ";"]))
def test_an_address_has_a_name_a_host_and_a_domain(name, host, domain, odd):
    address = f"{name}@{host}.{domain}"
    assert is_address(address)
    assert is_address(f"{address}, {address}")
    assert not is_address(f"{name}{odd}@{host}.{domain}")
    assert not is_address(f"{name}@{host}")
    assert not is_address(f"{host}.{domain}")
