"""What a stored account, contact, ticket, task or user changes beside itself."""

from __future__ import annotations

from datetime import datetime

import pytest

from packetserver.records.opening import load_schema
from packetserver.security.secrets import md5_of_password, verify_secret

ADMIN, REP = 1, 2
PUBLIC = 2
OWN_COMPANY = 0
TICKETS = 912051329
LATE = "2031-05-06 07:08:09.0"
LATE_STORED = datetime(2031, 5, 6, 7, 8, 9)


def is_now(moment):
    return abs((datetime.now() - moment).days) <= 1


def test_a_new_account_begins_at_the_first_stage(desk):
    assert desk.row("organization", org_id=desk.account())["stage_id"] == 1
    assert desk.row("organization", org_id=desk.account(stageId=3))["stage_id"] == 3


def test_a_disabled_stage_is_not_the_first(desk):
    desk.change("lookup_account_stage", {"code": 1}, enabled=False)
    try:
        assert desk.row("organization", org_id=desk.account())["stage_id"] == 2
    finally:
        desk.change("lookup_account_stage", {"code": 1}, enabled=True)


def test_a_person_s_account_has_the_person_s_name(desk):
    person = {"isIndividual": True, "insertPrimaryContact": False, "nameFirst": "Ann"}
    account = desk.insert("account", **person, nameLast="Bell")
    assert desk.row("organization", org_id=account)["name"] == "Bell, Ann"
    account = desk.insert("account", **person, nameLast="Bell", name="Bell & Sons")
    assert desk.row("organization", org_id=account)["name"] == "Bell & Sons"
    account = desk.insert("account", **person, nameLast="B" * 79)
    assert desk.row("organization", org_id=account)["name"] == "B" * 79 + ","


def test_the_person_of_a_new_account_is_its_primary_contact(desk):
    site = desk.site()
    names = {"nameSalutation": "Ms", "nameFirst": "Ann", "nameMiddle": "C", "nameLast": "Bell"}
    account = desk.account(**names, nameSuffix="Jr", owner=REP, siteId=site, name="Bell Ltd")
    person = desk.row("contact", org_id=account)
    assert person["primary_contact"] is True
    assert (person["org_name"], person["owner"], person["site_id"]) == ("Bell Ltd", REP, site)
    assert (person["access_type"], person["enteredby"]) == (PUBLIC, ADMIN)
    parts = ("namesalutation", "namefirst", "namemiddle", "namelast", "namesuffix")
    assert [person[each] for each in parts] == ["Ms", "Ann", "C", "Bell", "Jr"]


@pytest.mark.parametrize("values", [{}, {"nameLast": "Bell", "insertPrimaryContact": False}])
def test_an_account_without_a_person_has_no_contact(desk, values):
    assert desk.rows("contact", org_id=desk.account(**values)) == []


def test_contacts_follow_the_name_of_their_account(desk):
    account = desk.account()
    desk.contact(orgId=account)
    other = desk.contact(orgName="Other", company="Other")
    desk.update("account", account, url="x")
    assert desk.row("contact", org_id=account)["org_name"] is None
    desk.update("account", account, name="Renamed")
    assert desk.row("contact", org_id=account)["org_name"] == "Renamed"
    assert desk.row("contact", contact_id=other)["org_name"] == "Other"


def test_a_contact_without_account_is_listed_under_its_company(desk):
    person = desk.contact(company="Bell Ltd")
    assert desk.row("contact", contact_id=person)["org_name"] == "Bell Ltd"
    desk.update("contact", person, company="Bell & Sons")
    assert desk.row("contact", contact_id=person)["org_name"] == "Bell & Sons"
    desk.update("contact", person, orgId=desk.account(), orgName="Mine")
    assert desk.row("contact", contact_id=person)["org_name"] == "Mine"


def test_who_belongs_to_the_own_company_is_an_employee(desk):
    person = desk.contact(orgId=OWN_COMPANY)
    assert desk.row("contact", contact_id=person)["employee"] is True
    assert desk.row("contact", contact_id=desk.contact())["employee"] is False


def test_only_a_lead_has_a_lead_status(desk):
    person = desk.contact(leadStatus=1)
    assert desk.row("contact", contact_id=person)["lead_status"] is None
    lead = desk.contact(leadStatus=1, isLead=True)
    assert desk.row("contact", contact_id=lead)["lead_status"] == 1


def test_an_account_has_the_name_of_its_primary_contact(desk):
    account = desk.account()
    person = desk.contact(orgId=account, primaryContact=True)
    desk.update("contact", person, nameLast="Bell", nameFirst="Ann", nameSuffix="Jr")
    named = desk.row("organization", org_id=account)
    assert [named[f"name{part}"] for part in ("last", "first", "suffix")] == ["Bell", "Ann", "Jr"]


@pytest.mark.parametrize("kind", [{"primaryContact": False}, {"isLead": True}, {"employee": True}])
def test_an_account_does_not_have_the_name_of_anybody_else(desk, kind):
    account = desk.account()
    person = desk.contact(**{"orgId": account, "primaryContact": True, **kind})
    desk.update("contact", person, nameLast="Bell")
    assert desk.row("organization", org_id=account)["namelast"] is None


def project(desk):
    return desk.insert("project", title="x", shortDescription="x", requestDate=LATE)


def test_tickets_of_a_project_are_numbered(desk):
    of_project = project(desk)
    tickets = [desk.ticket(projectId=of_project) for _ in range(2)]
    tickets.append(desk.ticket(projectId=of_project, projectTicketCount=7))
    tickets.append(desk.ticket())
    numbers = [desk.row("ticket", ticketid=each)["key_count"] for each in tickets]
    assert numbers == [1, 2, 7, None]
    assert desk.row("project_ticket_count", project_id=of_project)["key_count"] == 2


def test_a_ticket_is_closed_now_and_once(desk):
    ticket = desk.ticket()
    desk.update("ticket", ticket, problem="Open")
    assert desk.row("ticket", ticketid=ticket)["closed"] is None
    desk.update("ticket", ticket, closeNow=True, solution="Done")
    closed = desk.row("ticket", ticketid=ticket)["closed"]
    assert is_now(closed)
    desk.update("ticket", ticket, closeNow=True)
    assert desk.row("ticket", ticketid=ticket)["closed"] == closed


def test_a_time_of_closing_that_is_sent_counts(desk):
    ticket = desk.ticket(closeNow=True, solution="Done", closed=LATE)
    assert desk.row("ticket", ticketid=ticket)["closed"] == LATE_STORED


def test_every_state_of_a_ticket_is_logged(desk):
    ticket = desk.ticket(comment="Entered", priorityCode=1, severityCode=2, assignedTo=REP)
    desk.update("ticket", ticket, comment="Done", closeNow=True, solution="Done")
    first, last = desk.rows("ticketlog", ticketid=ticket)
    assert (first["comment"], first["closed"]) == ("Entered", False)
    assert (first["pri_code"], first["scode"], first["assigned_to"]) == (1, 2, REP)
    assert (last["comment"], last["closed"], last["enteredby"]) == ("Done", True, ADMIN)
    assert desk.row("ticket", ticketid=ticket)["comment"] is None


def test_a_ticket_with_a_past_has_its_log_elsewhere(desk):
    assert desk.rows("ticketlog", ticketid=desk.ticket(entered=LATE)) == []
    closed = desk.ticket(entered=LATE, closeNow=True, solution="Done")
    assert desk.row("ticketlog", ticketid=closed)["closed"] is True


def plan(desk):
    key = desk.insert("actionPlan", name=desk.name())
    last = desk.insert("actionPhase", planId=key, name="Last")
    first = desk.insert("actionPhase", planId=key, name="First")
    desk.update("actionPhase", last, parentId=first)
    step = desk.insert("actionStep", phaseId=first, description="Call")
    desk.insert("actionStep", phaseId=first, description="Wait", parentId=step)
    return key, [first, last]


def test_a_ticket_sets_an_action_plan_to_work(desk):
    key, phases = plan(desk)
    ticket = desk.ticket(actionPlanId=key, insertActionPlan=True, assignedTo=REP)
    work = desk.row("action_plan_work", action_plan_id=key)
    module = desk.row("action_plan_constants", constant_id=TICKETS)["map_id"]
    assert (work["link_module_id"], work["link_item_id"]) == (module, ticket)
    assert (work["assignedto"], work["manager"]) == (REP, ADMIN)
    assert work["current_phase"] == phases[0]
    found = desk.rows("action_phase_work", plan_work_id=work["plan_work_id"])
    assert [(each["action_phase_id"], each["level"]) for each in found] == [
        (phases[0], 1),
        (phases[1], 2),
    ]
    assert is_now(found[0]["start_date"])
    assert found[1]["start_date"] is None
    items = desk.rows("action_item_work", phase_work_id=found[0]["phase_work_id"])
    assert [(each["level"], each["owner"]) for each in items] == [(1, REP), (2, REP)]
    assert [each["start_date"] is None for each in items] == [False, True]


def test_a_plan_is_attached_when_it_is_asked_for(desk):
    key, _ = plan(desk)
    desk.ticket(actionPlanId=key)
    assert desk.rows("action_plan_work", action_plan_id=key) == []
    values = {**desk.ticket_values(), "actionPlanId": 1999999999, "insertActionPlan": True}
    errors = ("Transaction failed", "actionPlanId: There is no such action plan")
    assert desk.send("ticket", "insert", values, validate=False).reasons == errors


def action_item(desk):
    actions = desk.insert("actions", description="Calls", owner=ADMIN, linkModuleId=2)
    return desk.insert("actionItem", actionId=actions, linkItemId=desk.contact())


@pytest.mark.parametrize(("element", "kind"), [("call", 1), ("ticket", 3), ("task", 4)], ids=str)
def test_what_is_done_for_an_action_list_is_noted_there(desk, element, kind):
    values = {
        "call": {"subject": "x"},
        "ticket": desk.ticket_values(),
        "task": {"description": "x", "priority": 1},
    }
    item = action_item(desk)
    desk.change("action_item", {"item_id": item}, modified=datetime(2001, 2, 3))
    done = desk.insert(element, **values[element], actionId=item)
    log = desk.row("action_item_log", item_id=item)
    assert (log["type"], log["link_item_id"], log["enteredby"]) == (kind, done, ADMIN)
    assert is_now(desk.row("action_item", item_id=item)["modified"])


def test_what_is_done_for_nothing_is_noted_nowhere(desk):
    before = len(desk.rows("action_item_log"))
    desk.insert("task", description="x", priority=1, actionId=-1)
    assert len(desk.rows("action_item_log")) == before


def test_an_action_item_changes_with_its_log(desk):
    item = action_item(desk)
    desk.change("action_item", {"item_id": item}, modified=datetime(2001, 2, 3))
    desk.insert("actionItemLog", itemId=item, linkItemId=5, type=1)
    assert is_now(desk.row("action_item", item_id=item)["modified"])


def test_the_server_knows_when_a_task_was_completed(desk):
    task = desk.insert("task", description="x", priority=1, completeDate=LATE)
    assert desk.row("task", task_id=task)["completedate"] is None
    desk.update("task", task, complete=True, completeDate=LATE)
    completed = desk.row("task", task_id=task)["completedate"]
    assert is_now(completed)
    desk.update("task", task, complete=True)
    assert desk.row("task", task_id=task)["completedate"] == completed
    desk.update("task", task, complete=False)
    assert desk.row("task", task_id=task)["completedate"] is None


def test_a_task_is_linked_to_one_contact(desk):
    persons = [desk.contact() for _ in range(2)]
    task = desk.insert("task", description="x", priority=1, contactId=persons[0])

    def linked():
        return [each["contact_id"] for each in desk.rows("tasklink_contact", task_id=task)]

    assert linked() == persons[:1]
    desk.update("task", task, description="y")
    assert linked() == persons[:1]
    desk.update("task", task, contactId=persons[1])
    assert linked() == persons[1:]
    desk.update("task", task, contactId=-1)
    assert linked() == []


def user_values(desk):
    return {"username": desk.name("user"), "roleId": 3}


def has_password(desk, user, password):
    stored = desk.row("access", user_id=user)["password"]
    assert stored.startswith("$argon2id$")
    return bool(verify_secret(stored, md5_of_password(password)))


def test_a_plain_password_is_stored_as_what_travels(desk):
    user = desk.insert("user", **user_values(desk), password1="secret")
    assert has_password(desk, user, "secret")


def test_a_code_may_have_any_letter_case(desk):
    code = md5_of_password("secret").upper()
    user = desk.insert("user", **user_values(desk), encryptedPassword=code)
    assert has_password(desk, user, "secret")


def test_an_update_keeps_or_replaces_the_password(desk):
    user = desk.insert("user", **user_values(desk), password1="secret")
    desk.update("user", user, encryptedPassword=None, currency="EUR")
    assert has_password(desk, user, "secret")
    desk.update("user", user, password1="other")
    assert has_password(desk, user, "other")


def test_a_new_user_needs_a_password(desk):
    errors = ("Transaction failed", "encryptedPassword: Required Field")
    for validate in (True, False):
        answer = desk.send("user", "insert", user_values(desk), validate=validate)
        assert answer.reasons == errors


def test_what_is_no_code_is_refused(desk):
    values = {**user_values(desk), "encryptedPassword": "secret"}
    complaint = "encryptedPassword: not an MD5 in 32 hex digits"
    assert desk.complaints("user", values) == [complaint]
    answer = desk.send("user", "insert", values, validate=False)
    assert answer.reasons == ("Transaction failed", complaint)


def test_a_new_user_is_a_new_member_of_the_staff(desk):
    values = user_values(desk)
    user = desk.insert("user", **values, password1="x")
    person = desk.row("contact", user_id=user)
    assert (person["namelast"], person["org_id"]) == (values["username"], OWN_COMPANY)
    assert person["employee"] is True
    assert desk.row("access", user_id=user)["contact_id"] == person["contact_id"]


def test_a_new_user_may_be_somebody_who_is_known(desk):
    person = desk.contact()
    user = desk.insert("user", **user_values(desk), password1="x", contactId=person)
    assert desk.row("contact", contact_id=person)["user_id"] == user
    alone = desk.insert("user", **user_values(desk), password1="x", addContact=False)
    assert desk.rows("contact", user_id=alone) == []


def test_a_role_that_users_have_is_disabled(desk):
    free = desk.insert("role", role=desk.name("Role"), description="x")
    used = desk.insert("role", role=desk.name("Role"), description="x")
    desk.insert("user", username=desk.name("user"), roleId=used, password1="x")
    for role in (free, used):
        desk.act("delete", "role", id=role)
    assert desk.rows("role", role_id=free) == []
    assert desk.row("role", role_id=used)["enabled"] is False


PLACES = ("by", "columns", "owners", "unless_rows")
"""Arguments of rules and effects that name columns, as `table.column`."""


def named_places(described):
    rules = [each.rule for each in described.rules]
    for named in (*rules, *described.on_insert, *described.on_update, *described.on_delete):
        for argument in PLACES:
            yield from named.texts(argument)


def test_rules_and_effects_name_columns_that_are_there():
    catalogue = load_schema().catalogue
    named = [place for each in catalogue.objects.values() for place in named_places(each)]
    assert "access.role_id" in named
    for place in named:
        table, _, columns = place.partition(".")
        for column in columns.split(":"):
            assert column in catalogue.tables[table].columns, place
