"""`insertXxx`: the inserts with a name of their own, and the checks that no header switches off."""

from __future__ import annotations

import pytest

from packetserver.protocols.packet.actions import NAMED_INSERTS
from packetserver.protocols.packet.failures import DENIED
from packetserver.protocols.packet.packet import Item, Property
from packetserver.records.opening import load_schema

ADMIN = 1
LATE = "2031-05-06 07:08:09.0"
FIXED = ("Object validation error", "Transaction failed", "Object Validation Failed")
TEXT, SELECT, CHECKBOX, INTEGER, FLOAT = 1, 2, 4, 9, 10


def folder(desk, **values):
    return desk.act("insertCategory", "customFieldCategory", moduleId=1, name="x", **values)


def custom_field(desk, kind, **values):
    group = desk.act("insertGroup", "customFieldGroup", categoryId=folder(desk), name="x")
    named = {"groupId": group, "name": "x", "type": kind, "maxLength": 40}
    return desk.act("insertField", "customField", **{**named, **values})


def record(desk):
    link = {"linkModuleId": 1, "linkItemId": desk.account()}
    return desk.insert("customFieldRecord", categoryId=folder(desk), **link)


def test_every_known_named_insert_is_there():
    load_schema()
    assert set(NAMED_INSERTS) == {
        ("campaign", "insertContactList"),
        ("campaign", "insertGroups"),
        ("campaign", "insertRun"),
        ("customField", "insert"),
        ("customField", "insertField"),
        ("customField", "insertLookupList"),
        ("customFieldCategory", "insert"),
        ("customFieldCategory", "insertCategory"),
        ("customFieldGroup", "insertGroup"),
        ("fileItem", "insertVersion"),
        ("productOption", "insertClone"),
        ("projectNewsArticle", "insertTaskCategoryLink"),
        ("user", "insertLogRecord"),
    }


def test_custom_fields_are_defined_by_name(desk):
    key = custom_field(desk, TEXT)
    row = desk.row("custom_field_info", field_id=key)
    assert (row["field_type"], row["parameters"]) == (TEXT, "maxlength=40")
    answer = desk.send("customFieldCategory", "insertCategory", {"moduleId": 1})
    assert answer.errors == (*FIXED, "name: Required Field")


def test_the_entries_of_a_select_field_keep_their_order(desk):
    key = custom_field(desk, SELECT)
    entries = {"lookupList": "Red\nGreen\r\n\n", "lookupListText": "Blue"}
    desk.act("insertLookupList", "customField", id=key, **entries)
    rows = desk.rows("custom_field_lookup", field_id=key)
    assert [(each["description"], each["level"]) for each in rows] == [
        ("Red", 10),
        ("Green", 20),
        ("Blue", 30),
    ]


def test_a_folder_takes_a_record_of_an_item(desk):
    item = {"linkModuleId": 1, "linkItemId": desk.account()}
    single, several = folder(desk), folder(desk, allowMultipleRecords=True)
    for key, again in ((single, False), (several, True)):
        made = desk.act("insert", "customFieldCategory", id=key, **item)
        row = desk.row("custom_field_record", category_id=key)
        assert (row["record_id"], row["link_item_id"]) == (made, item["linkItemId"])
        answer = desk.send("customFieldCategory", "insert", {"id": key, **item})
        complaint = "allowMultipleRecords: The item has a record in this folder already"
        assert answer.reasons == (() if again else ("Transaction failed", complaint))


def test_without_an_item_a_folder_is_defined(desk):
    key = desk.act("insert", "customFieldCategory", moduleId=1, name="Defined")
    assert desk.row("custom_field_category", category_id=key)["category_name"] == "Defined"
    key = desk.act("insert", "customField", **field_values(desk))
    assert desk.row("custom_field_info", field_id=key)["field_type"] == TEXT


def field_values(desk):
    group = desk.act("insertGroup", "customFieldGroup", categoryId=folder(desk), name="x")
    return {"groupId": group, "name": "x", "type": TEXT, "maxLength": 40}


@pytest.mark.parametrize(
    ("kind", "sent", "stored"),
    [
        (TEXT, {"enteredValue": "Red"}, (0, "Red", None, None)),
        (SELECT, {"selectedItemId": 3}, (3, None, None, None)),
        (CHECKBOX, {"selectedItemId": "on"}, (1, None, None, None)),
        (CHECKBOX, {"selectedItemId": "false"}, (0, None, None, None)),
        (INTEGER, {"enteredValue": "12"}, (0, "12", 12, None)),
        (FLOAT, {"enteredValue": "1.5"}, (0, "1.5", None, 1.5)),
    ],
)
def test_a_record_takes_a_value_of_a_field(desk, kind, sent, stored):
    field, place = custom_field(desk, kind), record(desk)
    desk.act("insert", "customField", id=field, recordId=place, **sent)
    row = desk.row("custom_field_data", record_id=place)
    columns = ("selected_item_id", "entered_value", "entered_number", "entered_float")
    assert row["field_id"] == field
    assert tuple(row[each] for each in columns) == stored


@pytest.mark.parametrize(
    ("kind", "sent", "complaint"),
    [
        (TEXT, {}, "enteredValue: Required Field"),
        (TEXT, {"enteredValue": "  "}, "enteredValue: Required Field"),
        (SELECT, {}, "selectedItemId: Required Field"),
        (CHECKBOX, {"selectedItemId": "off"}, "enteredValue: Required Field"),
        (INTEGER, {"enteredValue": "1.5"}, "enteredValue: Number must be a proper whole number"),
    ],
)
def test_a_value_must_be_what_its_field_asks_for(desk, kind, sent, complaint):
    place = record(desk)
    values = {"id": custom_field(desk, kind, required=True), "recordId": place, **sent}
    for validate in (True, False):
        answer = desk.send("customField", "insert", values, validate=validate)
        assert answer.errors == (*FIXED, complaint)
    assert desk.rows("custom_field_data", record_id=place) == []


def test_a_value_that_nobody_asks_for_may_be_missing(desk):
    place = record(desk)
    desk.act("insert", "customField", id=custom_field(desk, TEXT), recordId=place)
    assert desk.row("custom_field_data", record_id=place)["entered_value"] is None


def file(desk):
    names = {"subject": "Plan", "filename": "1", "clientFilename": "plan.txt", "version": 1.0}
    return desk.insert("fileItem", linkModuleId=1, linkItemId=desk.account(), **names)


def test_a_file_shows_its_latest_version(desk):
    key = file(desk)
    second = {"filename": "2", "version": 1.5, "size": 9}
    assert desk.act("insertVersion", "fileItem", id=key, **second) == key
    row = desk.row("project_files", item_id=key)
    assert (row["filename"], row["subject"], row["size"]) == ("2", "Plan", 9)
    versions = desk.rows("project_files_version", item_id=key)
    assert [(each["filename"], each["version"]) for each in versions] == [("1", 1.0), ("2", 1.5)]
    assert versions[1]["subject"] == "Plan"


def test_a_version_is_validated_as_its_file(desk):
    answer = desk.send("fileItem", "insertVersion", {"id": file(desk), "subject": None})
    assert answer.errors == (*FIXED, "subject: Required Field")


def test_a_campaign_is_run_and_has_more_lists(desk):
    key = desk.insert("campaign", name=desk.name())
    lists = [desk.insert("searchCriteria", owner=ADMIN, groupName="x") for _ in range(2)]
    for text in (lists[0], f"{lists[0]}*{lists[1]}"):
        desk.act("insertGroups", "campaign", id=key, groupList=text)
    linked = desk.rows("campaign_list_groups", campaign_id=key)
    assert sorted(each["group_id"] for each in linked) == lists
    desk.act("insertRun", "campaign", id=key)
    assert desk.row("campaign_run", campaign_id=key)["status"] == 0


def test_contacts_of_a_campaign_are_records_of_their_own(desk):
    key = desk.insert("campaign", name=desk.name())
    answer = desk.send("campaign", "insertContactList", {"id": key})
    complaint = "campaign: contacts are added as scheduledRecipient"
    assert answer.reasons == ("Transaction failed", complaint)


def test_an_option_is_copied_with_its_values(desk):
    key = desk.insert("productOption", configuratorId=1, name="Size")
    value = {"optionId": key, "resultId": 1, "description": "Large", "priceAdd": 5}
    product = desk.insert("productCatalog", name=desk.name())
    desk.insert("productOptionValues", **value)
    clone = desk.act("insertClone", "productOption", id=key, productId=product)
    assert clone != key
    assert desk.row("product_option", option_id=clone)["option_name"] == "Size"
    values = [desk.row("product_option_values", option_id=each) for each in (key, clone)]
    assert values[0]["value_id"] != values[1]["value_id"]
    assert [each["description"] for each in values] == ["Large", "Large"]
    assert desk.row("product_option_map", product_id=product)["option_id"] == clone


def test_an_article_has_the_tasks_of_one_more_category(desk):
    project = desk.insert("project", title="x", shortDescription="x", requestDate=LATE)
    article = {"projectId": project, "subject": "x", "message": "x"}
    key = desk.insert("projectNewsArticle", **article)
    category = desk.insert("taskCategory", description=desk.name())
    link = {"id": key, "taskCategoryId": category}
    desk.act("insertTaskCategoryLink", "projectNewsArticle", **link)
    assert desk.row("taskcategorylink_news", news_id=key)["category_id"] == category


def test_a_login_is_noted(desk):
    user = desk.insert("user", username=desk.name("user"), password1="x")
    desk.act("insertLogRecord", "user", id=user, ip="192.0.2.7")
    row = desk.row("access_log", user_id=user)
    name = desk.row("access", user_id=user)["username"]
    assert (row["username"], row["ip"]) == (name, "192.0.2.7")


def test_the_key_of_what_is_new_is_shared(desk):
    key = desk.insert("campaign", name=desk.name())
    from_run = [
        Item("campaign", {"action": "insertRun", "shareKey": "true"}, (Property("id", str(key)),)),
        Item(
            "scheduledRecipient",
            {"action": "insert"},
            (
                Property("campaignId", str(key)),
                Property("contactId", str(desk.contact())),
                Property("runId", "$C{campaign.id}"),
            ),
        ),
    ]
    desk.send_together(from_run)
    run = desk.row("campaign_run", campaign_id=key)
    assert desk.row("scheduled_recipient", campaign_id=key)["run_id"] == run["id"]


def test_nothing_is_added_to_what_is_not_there(desk):
    answer = desk.send("campaign", "insertRun", {"id": 1999999999})
    assert answer.reasons == ("Transaction failed", "campaign: There is no such record")


def test_who_may_not_add_may_not_add_to_a_record(desk):
    answer = desk.send("user", "insertLogRecord", {"id": ADMIN}, person="rep1")
    assert answer.errors == (DENIED,)


def test_a_value_of_another_type_is_complained_about(desk):
    key = desk.insert("campaign", name=desk.name())
    answer = desk.send("campaign", "insertRun", {"id": key, "activeDate": "soon"})
    assert answer.errors[:3] == FIXED
    assert answer.errors[3].startswith("activeDate: ")


def test_an_unknown_insert_is_an_error(desk):
    answer = desk.send("campaign", "insertEverything", {"name": "x"})
    assert answer.reasons == ("Transaction failed", "campaign has no insertEverything")


@pytest.mark.parametrize(
    ("element", "values", "complaint"),
    [
        ("ticketLog", {}, "ticketId: Log Entry must be associated to a Ticket"),
        ("usage", {"action": -1}, "action: Action not specified"),
        ("campaignRun", {}, "campaignId: Campaign ID not specified"),
        ("quoteLog", {"quoteId": -1}, "quoteId: Log entry must be associated with a Quote"),
        (
            "opportunity",
            {"description": "x", "manager": ADMIN},
            "accountLink: You must associate an Opportunity Header with an account or contact.",
        ),
    ],
)
def test_some_rules_hold_with_validation_off(desk, element, values, complaint):
    answer = desk.send(element, "insert", values, validate=False)
    assert answer.reasons == ("Transaction failed", complaint)


def test_the_other_rules_do_not(desk):
    assert desk.send("account", "insert", {"url": "x"}, validate=False).errors == ()
