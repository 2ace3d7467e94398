"""The history of contacts and accounts, and the removal of what is in use.

The effects are named here for the objects that they are for, whatever the catalogue names.
"""

from __future__ import annotations

import pytest

from packetserver.catalogue.model import Named
from packetserver.records.effects.history import ENTRIES

ADMIN = 1
ACCOUNTS = 42420034
LATE = "2031-05-06 07:08:09.0"
HISTORY, MOVE = Named("record_history"), Named("move_opportunity_history")
REFUSE = Named(
    "refuse_when_used", {"by": "campaign.message_id", "finished": "status_id", "value": 4}
)


@pytest.fixture
def desk(desk):
    """Where history is written, and messages that are in use stay."""
    known = desk.engine.schema.catalogue.objects
    changes = {
        each: {
            "on_insert": (*known[each].on_insert, HISTORY),
            "on_update": (*known[each].on_update, HISTORY),
        }
        for each in ENTRIES
    }
    moving = {"on_update": (*known["opportunity"].on_update, MOVE)}
    return desk.with_objects(**changes, opportunity=moving, message={"on_delete": (REFUSE,)})


def facts(row):
    return (row["link_object_id"], row["type"], row["status"], row["description"])


def test_a_ticket_has_one_row_that_follows_it(desk):
    values = desk.ticket_values()
    ticket = desk.insert("ticket", **{**values, "problem": "Broken"})
    person = values["contactId"]

    def row():
        return desk.row("history", contact_id=person, link_item_id=ticket)

    assert facts(row()) == (9, "Ticket", "Open", "Broken")
    assert (row()["level"], row()["org_id"], row()["enteredby"]) == (10, None, ADMIN)
    desk.update("ticket", ticket, assignedTo=ADMIN)
    assert (row()["status"], row()["level"]) == ("Assigned", 20)
    desk.update("ticket", ticket, closeNow=True, solution="Mended")
    assert (row()["status"], row()["level"]) == ("Closed", 30)


def test_a_ticket_of_a_project_has_no_history(desk):
    project = desk.insert("project", title="x", shortDescription="x", requestDate=LATE)
    values = desk.ticket_values()
    ticket = desk.insert("ticket", **values, projectId=project)
    assert desk.rows("history", contact_id=values["contactId"]) == []
    desk.insert("ticketLinkProject", ticket_id=ticket, project_id=project)
    desk.update("ticket", ticket, problem="x")
    assert desk.rows("history", contact_id=values["contactId"]) == []


def test_a_call_stands_with_the_contact_and_else_with_the_account(desk):
    account, person = desk.account(), desk.contact()
    call = desk.insert("call", orgId=account, subject="Hello", callTypeId=1, statusId=1)
    row = desk.row("history", link_item_id=call, org_id=account)
    kind = desk.row("lookup_call_types", code=1)["description"]
    assert facts(row) == (13, kind, "Canceled", "Hello")
    desk.update("call", call, contactId=person, statusId=2)
    moved = desk.row("history", history_id=row["history_id"])
    assert (moved["contact_id"], moved["org_id"]) == (person, None)
    assert facts(moved) == (3, kind, "Completed", "Hello")


def test_a_call_with_nobody_has_no_history(desk):
    call = desk.insert("call", subject="Hello")
    assert desk.rows("history", link_object_id=13, link_item_id=call) == []


def test_a_task_stands_with_its_contact_unless_it_is_personal(desk):
    person = desk.contact()
    values = {"description": "Call", "priority": 1, "contactId": person}
    personal = desk.insert("task", **values, sharing=1)
    assert desk.rows("history", link_object_id=16, link_item_id=personal) == []
    task = desk.insert("task", **values)
    row = desk.row("history", link_object_id=16, link_item_id=task)
    assert (row["contact_id"], *facts(row)) == (person, 16, "Task", "Incomplete", "Call")
    desk.update("task", task, complete=True)
    assert desk.row("history", history_id=row["history_id"])["status"] == "Complete"


def test_an_opportunity_is_moved_with_its_components(desk):
    account, person = desk.account(), desk.contact()
    header = {"description": "x", "accessType": 2, "manager": ADMIN, "accountLink": account}
    opportunity = desk.insert("opportunity", **header)
    money = {"closeProb": 50, "guess": 1, "terms": 1, "units": "M", "type": "N", "stage": 1}
    named = {"headerId": opportunity, "owner": ADMIN, "description": "Deal", "closeDate": LATE}
    component = desk.insert("opportunityComponent", **named, **money)
    row = desk.row("history", link_object_id=4, link_item_id=component)
    assert (row["org_id"], *facts(row)) == (account, 4, "Opportunity", "Open", "Deal")
    desk.update("opportunityComponent", component, closeNow=True)
    assert desk.row("history", history_id=row["history_id"])["status"] == "Closed"
    desk.update("opportunity", opportunity, contactLink=person, accountLink=-1)
    moved = desk.row("history", history_id=row["history_id"])
    assert (moved["contact_id"], moved["org_id"]) == (person, None)


def test_a_quote_stands_with_its_contact(desk):
    account = desk.account()
    person = desk.contact(orgId=account)
    links = {"orgId": account, "contactId": person, "groupId": desk.add("quote_group", unused=1)}
    quote = desk.insert("quote", **links, shortDescription="Offer")
    row = desk.row("history", link_object_id=5, link_item_id=quote)
    assert (row["contact_id"], *facts(row)) == (person, 5, "Quote", "Issued", "Offer")
    desk.update("quote", quote, closed=LATE)
    assert desk.row("history", history_id=row["history_id"])["status"] == "Closed"


def test_a_note_stands_with_everybody_who_gets_it(desk):
    note = desk.insert("cfsNote", subject="News", body="x")
    people = [desk.contact() for _ in range(2)]
    for person in people:
        desk.insert("cfsNoteLink", id=note, sent_to=person)
    rows = desk.rows("history", link_object_id=14, link_item_id=note)
    assert [each["contact_id"] for each in rows] == people
    assert facts(rows[0]) == (14, "Message", "Sent", "News")


def test_a_document_stands_with_its_account(desk):
    account = desk.account()
    names = {"subject": "Plan", "filename": "1", "clientFilename": "plan.txt"}
    file = desk.insert("fileItem", linkModuleId=1, linkItemId=account, **names)
    row = desk.row("history", link_object_id=10, link_item_id=file)
    assert (row["org_id"], *facts(row)) == (account, 10, "Document", "Uploaded", "Plan")
    file = desk.insert("fileItem", linkModuleId=2, linkItemId=desk.contact(), **names)
    assert desk.rows("history", link_object_id=10, link_item_id=file) == []


def test_a_relationship_stands_with_its_account(desk):
    accounts = desk.account(), desk.account()
    ends = {"objectIdMapsFrom": accounts[0], "objectIdMapsTo": accounts[1]}
    kinds = {"categoryIdMapsFrom": ACCOUNTS, "categoryIdMapsTo": ACCOUNTS}
    relationship = desk.insert("relationship", typeId=1, **ends, **kinds)
    row = desk.row("history", link_object_id=11, link_item_id=relationship)
    name = desk.row("lookup_relationship_types", type_id=1)["reciprocal_name_1"]
    assert (row["org_id"], *facts(row)) == (accounts[0], 11, "Relationship", "Added", name)


def test_a_message_of_an_unfinished_campaign_stays(desk):
    texts = {"name": desk.name(), "messageSubject": "x", "replyTo": "me@here.example"}
    message = desk.insert("message", **texts, accessType=2)
    campaign = desk.insert("campaign", name=desk.name(), messageId=message)
    answer = desk.send("message", "delete", {"id": message})
    assert answer.reasons == ("Transaction failed", "The record is in use by campaign")
    desk.update("campaign", campaign, statusId=4)
    desk.act("delete", "message", id=message)
    assert desk.rows("message", id=message) == []
