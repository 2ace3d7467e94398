"""One packet builds a small company with all that belongs to it, and reads it back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from defusedxml import ElementTree
from flask.testing import FlaskClient
from lxml import etree

from packetserver.app import create_app
from packetserver.protocols.packet.process import build_engine
from packetserver.settings import Settings

ADMIN = {"username": "admin", "code": "21232f297a57a5a743894a0e4a801fc3", "systemId": "4"}
Values = dict[str, str]

ACCOUNT = {"orgId": "$C{account.id}"}
CONTACT = {"contactId": "$C{contact.id}"}
PRIMARY_ADDRESS = {"type": "1", "city": "Norfolk", "state": "VA", "primaryAddress": "true"}

COMPANY: list[tuple[str, str, Values]] = [
    ("account", "insert", {"name": "Olive's Ovens", "revenue": "1250000", "owner": "1"}),
    ("organizationAddress", "insert", {**ACCOUNT, **PRIMARY_ADDRESS, "zip": "23510"}),
    (
        *("contact", "insert"),
        {**ACCOUNT, "nameFirst": "Olive", "nameLast": "Oven", "accessType": "2", "owner": "1"},
    ),
    (
        "contactAddress",
        "insert",
        {**CONTACT, **PRIMARY_ADDRESS, "streetAddressLine1": "1 Mill Lane"},
    ),
    ("contactEmailAddress", "insert", {**CONTACT, "type": "2", "email": "olive@ovens.example"}),
    ("contactPhoneNumber", "insert", {**CONTACT, "type": "1", "number": "757-555-0100"}),
    (
        *("opportunity", "insert"),
        {
            "description": "A second branch",
            "accountLink": "$C{account.id}",
            "contactLink": "$C{contact.id}",
            "accessType": "5",
            "manager": "1",
        },
    ),
    (
        *("opportunityComponent", "insert"),
        {
            "headerId": "$C{opportunity.id}",
            "owner": "1",
            "description": "Two ovens",
            "closeDate": "2036-02-03 00:00:00.0",
            "closeProb": "50",
            "terms": "12",
            "units": "M",
            "low": "1000",
            "guess": "1500",
            "high": "2000",
            "stage": "2",
            "type": "N",
        },
    ),
    (
        *("call", "insert"),
        {**CONTACT, "callTypeId": "2", "length": "15", "subject": "How large?", "statusId": "2"},
    ),
    ("actionPlan", "insert", {"name": "Repair"}),
    ("actionPhase", "insert", {"planId": "$C{actionPlan.id}", "name": "Ask"}),
    ("actionStep", "insert", {"phaseId": "$C{actionPhase.id}", "description": "Call back"}),
    (
        *("ticket", "insert"),
        {
            **ACCOUNT,
            **CONTACT,
            "problem": "The oven stays cold",
            "priorityCode": "3",
            "comment": "Olive called",
            "insertActionPlan": "true",
            "actionPlanId": "$C{actionPlan.id}",
        },
    ),
    (
        *("ticket", "update"),
        {"id": "$C{ticket.id}", "solution": "A fuse", "comment": "Mended", "closeNow": "true"},
    ),
    (
        *("project", "insert"),
        {"title": "Branch", "shortDescription": "Move in", "requestDate": "2036-01-02 00:00:00.0"},
    ),
    (
        *("requirement", "insert"),
        {"projectId": "$C{project.id}", "shortDescription": "Power", "description": "380 volts"},
    ),
    (
        *("assignment", "insert"),
        {
            "projectId": "$C{project.id}",
            "requirementId": "$C{requirement.id}",
            "role": "Ask the electrician",
            "statusId": "1",
            "userAssignedId": "1",
        },
    ),
    ("productCategory", "insert", {"name": "Ovens"}),
    (
        *("productCatalog", "insert"),
        {"name": "Oven 5", "sku": "OV-5", "categoryId": "$C{productCategory.id}"},
    ),
    (
        *("productCatalogPricing", "insert"),
        {"productId": "$C{productCatalog.id}", "priceAmount": "750", "enabled": "true"},
    ),
    ("quoteGroup", "insert", {"unused": "x"}),
    (
        *("quote", "insert"),
        {
            **ACCOUNT,
            **CONTACT,
            "shortDescription": "Two ovens",
            "groupId": "$C{quoteGroup.id}",
            "headerId": "$C{opportunity.id}",
        },
    ),
    (
        *("quoteProduct", "insert"),
        {"quoteId": "$C{quote.id}", "productId": "$C{productCatalog.id}", "quantity": "2"},
    ),
    ("searchCriteria", "insert", {"groupName": "Bakers", "owner": "1"}),
    ("survey", "insert", {"name": "Warm enough?", "type": "1"}),
    (
        *("campaign", "insert"),
        {
            "name": "Autumn",
            "groupList": "$C{searchCriteria.id}",
            "surveyId": "$C{survey.id}",
        },
    ),
    ("customFieldCategory", "insertCategory", {"moduleId": "1", "name": "Bakery"}),
    (
        *("customFieldGroup", "insertGroup"),
        {"categoryId": "$C{customFieldCategory.id}", "name": "Size"},
    ),
    (
        *("customField", "insertField"),
        {"groupId": "$C{customFieldGroup.id}", "name": "Branches", "type": "9", "maxLength": "4"},
    ),
    (
        *("customFieldCategory", "insert"),
        {
            "id": "$C{customFieldCategory.id}",
            "linkModuleId": "1",
            "linkItemId": "$C{account.id}",
            "enteredBy": "1",
            "modifiedBy": "1",
        },
    ),
    # The record of the folder is what its item shares now.
    (
        *("customField", "insert"),
        {
            "id": "$C{customField.id}",
            "recordId": "$C{customFieldCategory.id}",
            "enteredValue": "2",
        },
    ),
]
"""The items of the transaction; every one shares its key."""

PRIMARY = {"city": "Norfolk", "state": "VA"}
FOUND: list[tuple[str, Values, list[Values]]] = [
    (
        *("accountList", {"name": "Olive's Ovens"}),
        [{"name": "Olive's Ovens", "revenue": "1250000.0", "ownerName": "Admin, Ada", **PRIMARY}],
    ),
    ("organizationAddressList", {}, [{"zip": "23510", "typeName": "Primary", **PRIMARY}]),
    (
        *("contactList", {"lastName": "Oven"}),
        [{"nameFirst": "Olive", "nameLast": "Oven", "orgId.name": "Olive's Ovens"}],
    ),
    ("contactAddressList", {}, [{"streetAddressLine1": "1 Mill Lane", **PRIMARY}]),
    (
        "contactEmailAddressList",
        {"type": "2"},
        [{"email": "olive@ovens.example"}],
    ),
    ("contactPhoneNumberList", {}, [{"number": "757-555-0100", "typeName": "Business"}]),
    (
        *("opportunityList", {}),
        [{"description": "A second branch", "totalValue": "1500.0", "contactName": "Oven, Olive"}],
    ),
    (
        *("opportunityComponentList", {}),
        [{"description": "Two ovens", "closeProb": "0.5", "stageName": "Qualification"}],
    ),
    ("opportunityComponentLogList", {}, [{"guess": "1500.0", "stage": "2"}]),
    (
        *("callList", {}),
        [{"subject": "How large?", "orgId.name": "Olive's Ovens", "statusString": "Complete"}],
    ),
    (
        *("ticketList", {}),
        [{"problem": "The oven stays cold", "solution": "A fuse", "priorityName": "Urgent"}],
    ),
    (
        *("ticketLogList", {}),
        [
            {"entryText": "Olive called", "closed": "false"},
            {"entryText": "Mended", "closed": "true"},
        ],
    ),
    ("actionPlanList", {}, [{"name": "Repair"}]),
    (
        *("actionPlanWorkList", {"includeAllSites": "true"}),
        [{"planName": "Repair", "linkItemName": "The oven stays cold"}],
    ),
    ("actionPhaseWorkList", {}, [{"level": "1"}]),
    ("actionItemWorkList", {}, [{"level": "1", "ownerId": "1"}]),
    ("projectList", {}, [{"title": "Branch", "requestDate": "2036-01-02 00:00:00.0"}]),
    ("requirementList", {}, [{"shortDescription": "Power", "planActivityCount": "1"}]),
    ("assignmentList", {}, [{"role": "Ask the electrician", "userAssignedId": "1"}]),
    ("productCategoryList", {}, [{"name": "Ovens"}]),
    (
        *("productCatalogList", {}),
        [{"sku": "OV-5", "categoryName": "Ovens", "priceAmount": "750.0"}],
    ),
    ("quoteList", {}, [{"shortDescription": "Two ovens", "orgId.name": "Olive's Ovens"}]),
    ("quoteProductList", {}, [{"quantity": "2", "productId.sku": "OV-5"}]),
    ("quoteNoteList", {}, [{"notes": "New quote created"}]),
    ("campaignList", {}, [{"name": "Autumn", "statusId": "1"}]),
    ("campaignListGroupsList", {}, [{"group_id.groupName": "Bakers"}]),
    ("customFieldCategoryList", {}, [{"name": "Bakery"}]),
    ("customFieldRecordList", {"categoryId": "1"}, [{"linkModuleId": "1"}]),
    ("customFieldDataList", {"recordId": "1"}, [{"enteredValue": "2", "enteredNumber": "2"}]),
]
"""What the lists hold then: the filters, and the fields that are asked for with their texts.

The folder and its record are the first ones of a new database; the permission to read custom
fields depends on the folder.
"""


@pytest.fixture
def client(prepared_database_url: str) -> Iterator[FlaskClient]:
    engine = build_engine(Settings(database_url=prepared_database_url))
    with contextlib.closing(engine.database):
        yield create_app(Settings(), engine).test_client()


def packet() -> etree._Element:
    root = etree.Element("app")
    who = etree.SubElement(root, "authentication")
    for name, text in ADMIN.items():
        etree.SubElement(who, name).text = text
    return root


def add(
    root: etree._Element, items: list[tuple[str, str, Values]], meta: list[str], **attributes: str
) -> None:
    """A transaction at the end of a packet."""
    transaction = etree.SubElement(root, "transaction", id=str(len(root)))
    asked = etree.SubElement(transaction, "meta")
    for name in meta:
        etree.SubElement(asked, "property").text = name
    for element, action, values in items:
        item = etree.SubElement(transaction, element, action=action, **attributes)
        for name, text in values.items():
            etree.SubElement(item, name).text = text


def add_lists(root: etree._Element) -> None:
    for element, filters, records in FOUND:
        add(root, [(element, "select", filters)], list(records[0]))


def post(client: FlaskClient, root: etree._Element) -> list[list[Values]]:
    """The records of every response; every one must have status 0."""
    body = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    answer = client.post("/ProcessPacket.do", data=body, content_type="text/xml")
    responses = ElementTree.fromstring(answer.data).findall("response")
    errors = {each.findtext("errorText") for each in responses}
    assert errors == {""}
    assert {each.findtext("status") for each in responses} == {"0"}
    return [
        [{field.tag: field.text or "" for field in record} for record in each.iter("record")]
        for each in responses
    ]


def test_a_packet_builds_a_company_and_reads_it_back(client: FlaskClient) -> None:
    build = packet()
    add(build, COMPANY, ["name"], shareKey="true")
    add_lists(build)
    (account,), *found = post(client, build)
    assert account == {"name": "Olive's Ovens"}
    expected = {element: records for element, _, records in FOUND}
    assert dict(zip(expected, found, strict=True)) == expected

    again = packet()
    add_lists(again)
    assert post(client, again) == found
