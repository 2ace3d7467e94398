"""Which permissions each rule asks for, and what the roles of a new database may do by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from packetserver.catalogue.conditions import EVERY, paths
from packetserver.protocols.packet.failures import DENIED
from packetserver.records.opening import load_schema
from packetserver.records.rights import ways_of
from packetserver.records.ways import (
    ADD,
    BY_CLIENT,
    DELETE,
    EDIT,
    FREE,
    PERMISSION_RULES,
    THROUGH_CLIENT,
    VIEW,
)
from packetserver.security.principal import Principal, PrincipalKind
from packetserver.store.rows import Rows

REP = 2
USER = Principal(PrincipalKind.USER, REP, 3, None, REP)
USER_CLIENT = Principal(PrincipalKind.USER_CLIENT, REP, 3, 4, REP)
CLIENT_OF_USER = Principal(PrincipalKind.SYNC_CLIENT, REP, 3, 4, REP)
OWN_COMPANY = 0
TICKET_FOLDERS, STAFF_FOLDERS, OPPORTUNITY_FOLDERS = 11072003, 120200513, 120200514


@dataclass
class Asking:
    """Asks which permissions open a record of these values, on a database."""

    desk: Any

    def __call__(
        self, element: str, verb: str = VIEW, principal: Principal = USER, **values: Any
    ) -> list[str]:
        schema = self.desk.engine.schema
        described = schema.catalogue.objects[element]
        with self.desk.engine.database.connect() as connection:
            parameters = {"reader": principal.user_id, "sync_client": principal.client_id}
            records = Rows(schema, connection, parameters)
            given = {each.name: values.get(each.name) for each in described.stored_fields}
            return [
                way.permission
                for way in ways_of(schema).of(element, verb)
                if way.where == EVERY
                or records.judgements.of_given(
                    described, way.where, {n: given[n] for n in paths(way.where)}
                )
            ]


@pytest.fixture
def ask(desk):
    return Asking(desk)


def test_every_rule_of_the_catalogue_is_asked_here():
    objects = load_schema().catalogue.objects.values()
    asked = {
        *("call", "contact", "file", "folder", "history", "lookup", "own_client", "plain"),
        *("report", "sync_client", "ticket", "usage", "view_only"),
    }
    assert {each.permission_rule for each in objects} == asked == set(PERMISSION_RULES)


def test_a_contact_is_decided_from_itself(ask):
    assert ask("contact", EDIT, orgId=7) == ["accounts-accounts-contacts-edit"]
    assert ask("contact", ADD, employee=True) == ["contacts-internal_contacts-add"]
    assert ask("contact", ADD) == ["contacts-external_contacts-add"]


def test_an_employee_of_an_account_is_a_contact_of_the_account(ask):
    assert ask("contact", EDIT, orgId=7, employee=True) == ["accounts-accounts-contacts-edit"]


def test_the_staff_of_the_own_company_may_be_handled_in_either_way(ask):
    assert ask("contact", EDIT, orgId=OWN_COMPANY, employee=True) == [
        "accounts-accounts-contacts-edit",
        "contacts-internal_contacts-edit",
    ]


@pytest.mark.parametrize(
    ("element", "name"),
    [
        ("contactAddress", "contactId"),
        ("contactEmailAddress", "contactId"),
        ("contactTypeLevels", "contact_id"),
        ("contactLeadReadMap", "contact_id"),
    ],
)
def test_what_belongs_to_a_contact_is_decided_from_the_contact(desk, ask, element, name):
    of_account = desk.contact(orgId=desk.account())
    of_staff = desk.contact(employee=True)
    assert ask(element, ADD, **{name: of_account}) == ["accounts-accounts-contacts-add"]
    assert ask(element, ADD, **{name: of_staff}) == ["contacts-internal_contacts-add"]
    assert ask(element, ADD, **{name: desk.contact()}) == ["contacts-external_contacts-add"]
    assert ask(element) == ["contacts-external_contacts-view"]


def test_a_ticket_with_an_account_opens_a_second_way(ask):
    assert ask("ticket", DELETE) == ["tickets-tickets-delete"]
    assert ask("ticket", DELETE, orgId=7) == [
        "tickets-tickets-delete",
        "accounts-accounts-tickets-delete",
    ]


def test_a_log_row_is_decided_from_its_ticket(desk, ask):
    both = ["tickets-tickets-add", "accounts-accounts-tickets-add"]
    ticket = desk.ticket()
    assert ask("ticketLog", ADD, ticketId=ticket) == both
    assert ask("ticketLinkProject", ADD, ticket_id=ticket) == both
    desk.change("ticket", {"ticketid": ticket}, org_id=None)
    assert ask("ticketLog", ADD, ticketId=ticket) == both[:1]
    assert ask("projectTicketCount", ADD, project_id=1) == both[:1]


def test_a_call_is_decided_from_its_account_or_that_of_its_contact(desk, ask):
    external = "contacts-external_contacts-calls-edit"
    of_account = "accounts-accounts-contacts-calls-edit"
    assert ask("call", EDIT, contactId=desk.contact()) == [external]
    assert ask("call", EDIT, orgId=desk.account()) == [of_account]
    person = desk.contact(orgId=desk.account())
    assert ask("call", EDIT, contactId=person) == [of_account]
    assert ask("call", EDIT, oppHeaderId=1) == [external, "pipeline-opportunities-calls-edit"]


def test_a_participant_is_decided_from_the_call(desk, ask):
    call = desk.insert("call", orgId=desk.account(), subject="x")
    assert ask("callParticipant", ADD, callId=call) == ["accounts-accounts-contacts-calls-add"]
    call = desk.insert("call", contactId=desk.contact(), subject="x")
    assert ask("callParticipant", ADD, callId=call) == ["contacts-external_contacts-calls-add"]


def test_history_is_decided_from_its_contact_or_account(desk, ask):
    assert ask("contactHistory") == ["contacts-external_contacts-history-view"]
    assert ask("contactHistory", orgId=3) == ["accounts-accounts-history-view"]
    person = desk.contact(orgId=desk.account())
    of_account = ["accounts-accounts-contacts-history-view"]
    assert ask("contactHistory", contactId=person) == of_account
    assert ask("contactHistory", contactId=person, orgId=3) == of_account


@pytest.mark.parametrize(
    ("module", "permission"),
    [
        (1, "accounts-accounts-folders"),
        (2, "contacts-external_contacts-folders"),
        (TICKET_FOLDERS, "accounts-accounts-tickets-folders"),
        (STAFF_FOLDERS, "contacts-internal_contacts-folders"),
        (OPPORTUNITY_FOLDERS, "pipeline-folders"),
        (327071502, "global_folders"),
    ],
)
def test_a_folder_is_decided_from_its_module(desk, ask, module, permission):
    folder = desk.insert("customFieldCategory", moduleId=module, name=desk.name())
    assert ask("customFieldRecord", ADD, categoryId=folder) == [f"{permission}-add"]
    link = {"link_module_id": 1, "link_item_id": 1, "enteredby": REP, "modifiedby": REP}
    record = desk.add("custom_field_record", category_id=folder, **link)
    assert ask("customFieldData", EDIT, recordId=record) == [f"{permission}-edit"]


def test_values_of_no_record_are_those_of_any_folder(ask):
    assert ask("customFieldData") == ["global_folders-view"]


@pytest.mark.parametrize(
    ("module", "permission"),
    [
        (1, "accounts-accounts-documents"),
        (2, "contacts-external_contacts-documents"),
        (3, "pipeline-opportunities-documents"),
        (4, "projects-projects"),
        (5, "campaign-campaigns"),
        (6, "accounts-accounts-tickets-documents"),
        (1202041528, "documents_documentstore"),
        (330041409, "product-catalog-product"),
        (99, "accounts-accounts-documents"),
    ],
)
def test_a_file_is_decided_from_the_module_that_it_is_linked_to(desk, ask, module, permission):
    names = {"subject": "x", "filename": "x", "client_filename": "x"}
    stamps = {"enteredby": REP, "modifiedby": REP}
    file = desk.add("project_files", link_module_id=module, link_item_id=1, **names, **stamps)
    assert ask("fileItem", DELETE, linkModuleId=module) == [f"{permission}-delete"]
    assert ask("fileFolder", ADD, linkModuleId=module) == [f"{permission}-add"]
    assert ask("fileItemVersion", ADD, itemId=file) == [f"{permission}-add"]
    assert ask("fileDownloadLog", VIEW, itemId=file) == [f"{permission}-view"]
    assert ask("projectFilesThumbnail", VIEW, id=file) == [f"{permission}-view"]


@pytest.mark.parametrize(
    ("category", "permission"),
    [
        (1, "accounts-accounts-reports"),
        (2, "contacts-external_contacts-reports"),
        (4, "pipeline-reports"),
        (8, "tickets-reports"),
        (17, "sales-reports"),
        (9, "accounts-accounts-reports"),
    ],
)
def test_a_report_is_decided_from_its_module(desk, ask, category, permission):
    stamps = {"enteredby": REP, "modifiedby": REP}
    named = {"filename": "x", "title": "x", "description": "x"}
    report = desk.add("report", category_id=category, **named, **stamps)
    owned = {"owner": REP, "subject": "x", **stamps}
    criteria = desk.add("report_criteria", report_id=report, **owned)
    queue = desk.add("report_queue", report_id=report, enteredby=REP)
    added = [f"{permission}-add"]
    assert ask("report", ADD, categoryId=category) == added
    assert ask("criteria", ADD, reportId=report) == added
    assert ask("parameter", ADD, criteriaId=criteria) == added
    assert ask("reportQueue", ADD, reportId=report) == added
    assert ask("queueCriteria", ADD, queueId=queue) == added


def test_who_may_add_reports_may_change_them(ask):
    assert ask("report", EDIT, categoryId=1) == [
        "accounts-accounts-reports-edit",
        "accounts-accounts-reports-add",
    ]


def test_reports_of_all_modules_are_viewed_by_a_permission_of_their_own(ask):
    own = "accounts-accounts-reports-view"
    assert ask("report") == ask("criteria") == [own, "reports-view"]
    assert ask("report", categoryId=8) == ["tickets-reports-view", "reports-view"]


def test_lookups_are_read_by_everybody_and_changed_by_who_edits_lists(ask):
    for element in ("lookupCallTypes", "lookupIndustry", "lookupRelationshipTypes"):
        assert ask(element) == [FREE]
        for verb in (ADD, EDIT, DELETE):
            assert ask(element, verb) == ["admin-sysconfig-lists-edit"]


def test_the_inbox_is_one_right(ask):
    for verb in (VIEW, ADD, EDIT, DELETE):
        assert ask("cfsNote", verb) == ["myhomepage-inbox-view"]


def test_the_usage_log_is_read_by_one_right_and_written_by_another(ask):
    assert ask("usage") == ["admin-usage-view"]
    assert ask("usage", ADD) == ["admin-users-add"]


def test_sync_clients_are_their_user_s_own(ask):
    assert ask("syncClient", EDIT, id=9, userId=REP) == [FREE, "admin-users-edit"]
    assert ask("syncClient", EDIT, id=9, userId=1) == ["admin-users-edit"]
    assert ask("syncClient", VIEW, id=9) == ["admin-users-view"]
    assert FREE in ask("syncClient", EDIT, CLIENT_OF_USER, id=9, userId=REP)


def test_a_user_s_client_handles_itself_alone(ask):
    assert THROUGH_CLIENT in ask("syncClient", VIEW, USER_CLIENT, id=4, userId=REP)
    for values in ({"id": 9, "userId": REP}, {}):
        assert THROUGH_CLIENT not in ask("syncClient", VIEW, USER_CLIENT, **values)


def test_packages_are_for_clients(ask):
    assert ask("compileSyncData", VIEW, CLIENT_OF_USER) == [BY_CLIENT]


def test_personnel_handles_the_staff_and_no_other_contact(desk):
    staff = {"nameLast": desk.name(), "accessType": 2, "employee": True}
    assert desk.send("contact", "insert", staff, person="hr1").errors == ()
    other = {**staff, "employee": False}
    assert desk.send("contact", "insert", other, person="hr1").errors == (DENIED,)


def test_the_stored_record_decides_and_not_what_is_sent(desk):
    person = desk.contact(orgId=desk.account())
    claimed = {"id": person, "orgId": -1, "employee": True}
    for action in ("update", "delete"):
        assert desk.send("contact", action, claimed, person="hr1").errors == (DENIED,)
    assert desk.row("contact", contact_id=person)["trashed_date"] is None


def test_everybody_reads_a_lookup_and_few_change_it(desk):
    read = desk.send("lookupCallTypesList", "select", {}, person="hr1")
    assert read.errors == ()
    assert read.records
    entry = {"description": desk.name()}
    assert desk.send("lookupCallTypes", "insert", entry, person="hr1").errors == (DENIED,)
    assert desk.send("lookupCallTypes", "insert", entry).errors == ()


def test_a_user_makes_and_reads_his_own_sync_client(desk):
    made = desk.send("syncClient", "insert", {"type": "x", "code": "y"}, person="rep1")
    assert made.errors == ()
    key = made.records[0]["id"]
    for person, errors in (("rep1", ()), ("hr1", (DENIED,)), ("admin", ())):
        assert desk.send("syncClient", "select", {"id": key}, person=person).errors == errors


def test_a_sync_client_of_nobody_is_not_asked(desk):
    entry = {"description": desk.name()}
    assert desk.send("lookupCallTypes", "insert", entry, person="client1").errors == ()
