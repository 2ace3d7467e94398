"""What calls, opportunities, campaigns, surveys, products and quotes change beside themselves."""

from __future__ import annotations

from datetime import datetime

import pytest

ADMIN, REP = 1, 2
PUBLIC = 2
LATE = "2031-05-06 07:08:09.0"
LATE_STORED = datetime(2031, 5, 6, 7, 8, 9)
LONG_AGO = datetime(2001, 2, 3)


def is_now(moment):
    return abs((datetime.now() - moment).days) <= 1


def call_row(desk, **values):
    return desk.row("call_log", call_id=desk.insert("call", **{"subject": "x", **values}))


def test_a_call_belongs_to_the_account_of_its_contact(desk):
    account, other = desk.account(), desk.account()
    person = desk.contact(orgId=account)
    assert call_row(desk, contactId=person)["org_id"] == account
    assert call_row(desk, contactId=person, orgId=other)["org_id"] == other
    assert call_row(desk, contactId=desk.contact())["org_id"] is None


@pytest.mark.parametrize("status", [2, 3])
def test_a_complete_call_was_completed_when_it_was_entered(desk, status):
    row = call_row(desk, statusId=status)
    assert row["completedby"] == ADMIN
    assert is_now(row["complete_date"])
    row = call_row(desk, statusId=status, completedBy=REP, completeDate=LATE)
    assert (row["completedby"], row["complete_date"]) == (REP, LATE_STORED)


def test_a_canceled_call_was_never_completed(desk):
    row = call_row(desk, statusId=1)
    assert (row["completedby"], row["complete_date"]) == (None, None)


def test_nobody_is_reminded_who_does_not_want_it(desk):
    reminder = {"reminderId": 5, "reminderTypeId": 1}
    row = call_row(desk, **reminder, reminder=True)
    assert (row["reminder_value"], row["reminder_type_id"]) == (5, 1)
    desk.update("call", row["call_id"], subject="y")
    assert desk.row("call_log", call_id=row["call_id"])["reminder_value"] == 5
    desk.update("call", row["call_id"], reminder=False)
    row = desk.row("call_log", call_id=row["call_id"])
    assert (row["reminder_value"], row["reminder_type_id"]) == (None, None)


def opportunity(desk, **values):
    link = {"accountLink": desk.account()} if "contactLink" not in values else {}
    header = {"description": "x", "accessType": PUBLIC, "manager": ADMIN}
    return desk.insert("opportunity", **header, **link, **values)


def component(desk, header, **values):
    money = {"low": 10, "guess": 20, "high": 30, "closeProb": 50}
    terms = {"terms": 12, "units": "M", "type": "N", "stage": 1, "closeDate": LATE}
    named = {"headerId": header, "owner": ADMIN, "description": "x"}
    return desk.insert("opportunityComponent", **{**named, **money, **terms, **values})


def test_an_opportunity_remembers_the_account_of_its_contact(desk):
    account = desk.account()
    key = opportunity(desk, contactLink=desk.contact(orgId=account))
    assert desk.row("opportunity_header", opp_id=key)["contact_org_id"] == account
    desk.update("opportunity", key, description="y")
    assert desk.row("opportunity_header", opp_id=key)["contact_org_id"] == account
    desk.update("opportunity", key, contactLink=desk.contact())
    assert desk.row("opportunity_header", opp_id=key)["contact_org_id"] is None


@pytest.mark.parametrize("text", ["40", "40%", " 40 % "])
def test_percentages_are_stored_as_fractions(desk, text):
    key = component(desk, opportunity(desk), closeProb=text, commission=text)
    row = desk.row("opportunity_component", id=key)
    assert (row["closeprob"], row["commission"]) == (0.4, 0.4)
    desk.update("opportunityComponent", key, closeProb="75%")
    row = desk.row("opportunity_component", id=key)
    assert (row["closeprob"], row["commission"]) == (0.75, 0.4)


def test_a_percentage_that_is_no_number_is_complained_about(desk):
    header = opportunity(desk)
    key = component(desk, header)
    wrong = {"id": key, "closeProb": "much%"}
    assert desk.complaints("opportunityComponent", wrong, "update") == ["closeProb: not a number"]


def test_a_component_is_closed_and_opened(desk):
    key = component(desk, opportunity(desk), closeNow=True)

    def closed():
        return desk.row("opportunity_component", id=key)["closed"]

    assert is_now(closed())
    desk.update("opportunityComponent", key, notes="x")
    assert is_now(closed())
    desk.update("opportunityComponent", key, openIt=True)
    assert closed() is None
    desk.update("opportunityComponent", key, closeNow=True, closed=LATE)
    assert closed() == LATE_STORED


def test_a_component_is_at_its_stage_since_it_changed(desk):
    key = component(desk, opportunity(desk), stageDate=LATE)

    def since():
        return desk.row("opportunity_component", id=key)["stagedate"]

    desk.update("opportunityComponent", key, stage=1, notes="x")
    assert since() == LATE_STORED
    desk.update("opportunityComponent", key, stage=2, stageDate=LATE)
    assert since() == LATE_STORED
    desk.update("opportunityComponent", key, stage=3)
    assert is_now(since())
    desk.update("opportunityComponent", key, stageDate=LATE)
    desk.update("opportunityComponent", key, closeNow=True)
    assert is_now(since())


def test_every_state_of_a_component_is_logged(desk):
    header = opportunity(desk)
    key = component(desk, header)
    desk.update("opportunityComponent", key, stage=2, closeProb=75)
    desk.update("opportunityComponent", key, notes="x", insertLog=False)
    first, last = desk.rows("opportunity_component_log", component_id=key)
    assert (first["header_id"], first["stage"], first["closeprob"]) == (header, 1, 0.5)
    assert (last["stage"], last["closeprob"], last["guessvalue"]) == (2, 0.75, 20)
    assert last["enteredby"] == ADMIN


def test_an_opportunity_changes_with_its_components(desk):
    header = opportunity(desk)
    desk.change("opportunity_header", {"opp_id": header}, modified=LONG_AGO)
    component(desk, header)
    assert is_now(desk.row("opportunity_header", opp_id=header)["modified"])


def campaign(desk, **values):
    return desk.insert("campaign", **{"name": desk.name(), **values})


def test_a_campaign_is_queued_when_it_is_active(desk):
    def status(key):
        return desk.row("campaign", campaign_id=key)["status_id"]

    idle, queued, sent = campaign(desk), campaign(desk, active=True), campaign(desk, statusId=5)
    assert [status(each) for each in (idle, queued, sent)] == [1, 2, 5]
    desk.update("campaign", idle, description="x")
    assert status(idle) == 1
    desk.update("campaign", idle, active=True)
    assert status(idle) == 2
    desk.update("campaign", idle, active=False, statusId=6)
    assert status(idle) == 6


def criteria_list(desk):
    return desk.insert("searchCriteria", owner=ADMIN, groupName=desk.name())


def test_a_campaign_has_the_lists_that_are_sent(desk):
    lists = [criteria_list(desk) for _ in range(2)]
    key = campaign(desk, groupList=f"{lists[0]}*{lists[1]}*{lists[0]}")
    linked = desk.rows("campaign_list_groups", campaign_id=key)
    assert sorted(each["group_id"] for each in linked) == lists


def test_a_list_is_named_by_its_id(desk):
    answer = desk.send("campaign", "insert", {"name": desk.name(), "groupList": "1*all"})
    assert answer.reasons == ("Transaction failed", "groupList: not a list of ids")


def survey(desk, kind):
    return desk.insert("survey", name=desk.name(), type=kind)


def test_a_campaign_has_a_survey_of_each_kind(desk):
    first, second, address = survey(desk, 1), survey(desk, 1), survey(desk, 2)
    key = campaign(desk, surveyId=first, addressSurveyId=address)

    def linked():
        rows = desk.rows("campaign_survey_link", campaign_id=key)
        return {each["survey_id"] for each in rows}

    assert linked() == {first, address}
    desk.update("campaign", key, surveyId=second)
    assert linked() == {second, address}
    desk.update("campaign", key, addressSurveyId=-1)
    assert linked() == {second}
    desk.update("campaign", key, statusId=4)
    assert linked() == set()


def active_question(desk):
    kind = desk.insert("lookupSurveyTypes", description=desk.name())
    named = {"name": desk.name(), "type": kind}
    key = desk.insert("activeSurvey", campaignId=campaign(desk), **named)
    return key, desk.insert("activeSurveyQuestion", activeSurveyId=key, type=kind)


def test_a_question_counts_its_ratings(desk):
    survey_key, question = active_question(desk)
    response = desk.insert(
        "activeSurveyResponse",
        activeSurveyId=survey_key,
        contactId=desk.contact(),
        ipAddress="127.0.0.1",
    )
    for rating in (7, 4, 4, -1):
        desk.insert("activeSurveyAnswer", responseId=response, questionId=question, quantAns=rating)
    row = desk.row("active_survey_questions", question_id=question)
    assert [row[f"total{each}"] for each in range(1, 8)] == [0, 0, 0, 2, 0, 0, 1]
    assert row["average"] == 5.0


def test_choices_are_counted_from_nought(desk):
    _, question = active_question(desk)
    item = desk.insert("activeSurveyQuestionItem", questionId=question, description="x")
    counted = desk.row("active_survey_answer_avg", item_id=item)
    assert (counted["question_id"], counted["total"]) == (question, 0)


def test_a_list_that_campaigns_use_is_disabled(desk):
    free, used = criteria_list(desk), criteria_list(desk)
    campaign(desk, groupList=str(used))
    for key in (free, used):
        desk.act("delete", "searchCriteria", id=key)
    assert desk.rows("saved_criterialist", id=free) == []
    assert desk.row("saved_criterialist", id=used)["enabled"] is False


def product(desk, **values):
    return desk.insert("productCatalog", name=desk.name(), **values)


def option(desk, **values):
    return desk.insert("productOption", configuratorId=1, name=desk.name(), **values)


def test_a_product_is_put_into_a_category(desk):
    category = desk.insert("productCategory", name=desk.name())
    key = product(desk, categoryId=category)
    row = desk.row("product_catalog_category_map", product_id=key)
    assert row["category_id"] == category
    assert desk.rows("product_catalog_category_map", product_id=product(desk)) == []


def test_an_option_is_offered_for_a_product(desk):
    offered = product(desk)
    key = option(desk, productId=offered)
    assert desk.row("product_option_map", option_id=key)["product_id"] == offered
    assert desk.rows("product_option_map", option_id=option(desk)) == []


def quote(desk, **values):
    group = desk.add("quote_group", unused=1)
    account = desk.account()
    person = desk.contact(orgId=account)
    links = {"orgId": account, "contactId": person, "groupId": group}
    return desk.insert("quote", **links, shortDescription="x", **values)


def test_a_quote_is_closed_now_or_when_it_says(desk):
    def closed(key):
        return desk.row("quote_entry", quote_id=key)["closed"]

    status = desk.insert("lookupQuoteStatus", description=desk.name())
    assert is_now(closed(quote(desk, closeIt=True, statusId=status)))
    assert closed(quote(desk, closeIt=True, statusId=status, closed=LATE)) == LATE_STORED
    assert closed(quote(desk)) is None


def test_every_state_of_a_quote_is_logged(desk):
    key = quote(desk, notes="first")
    desk.update("quote", key, notes="second", grandTotal=5)
    first, second = desk.rows("quotelog", quote_id=key)
    assert (first["notes"], second["notes"], second["grand_total"]) == ("first", "second", 5)
    assert desk.rows("quotelog", quote_id=quote(desk, entered=LATE)) == []


def test_the_notes_of_a_quote_begin_with_it(desk):
    note = desk.row("quote_notes", quote_id=quote(desk))
    assert (note["notes"], note["enteredby"]) == ("New quote created", ADMIN)


def test_versions_of_a_quote_stay_connected(desk):
    first = quote(desk)
    second = quote(desk, parentId=first)
    third = quote(desk, parentId=second)
    desk.act("delete", "quote", id=second)
    assert desk.row("quote_entry", quote_id=third)["parent_id"] == first


@pytest.mark.parametrize(
    ("control", "kind", "texts", "stored"),
    [
        ("booleanValue", "boolean", ("true", "false"), (True, False)),
        ("integerValue", "integer", ("4", "5"), (4, 5)),
        ("textValue", "text", ("a", "b"), ("a", "b")),
        ("timestampValue", "timestamp", (LATE, LATE), (LATE_STORED, LATE_STORED)),
        ("floatValue", "float", ("1.5", "2.5"), (1.5, 2.5)),
    ],
)
def test_the_value_of_an_option_lies_in_the_table_of_its_type(desk, control, kind, texts, stored):
    offered = product(desk)
    mapped = desk.row("product_option_map", option_id=option(desk, productId=offered))
    item = desk.insert("quoteProduct", quoteId=quote(desk), productId=offered, quantity=1)
    chosen = {"itemId": item, "productOptionId": mapped["product_option_id"]}
    key = desk.insert("quoteProductOption", **chosen, **{control: texts[0]})
    table = f"quote_product_option_{kind}"

    def value():
        return desk.row(table, quote_product_option_id=key)["value"]

    assert value() == stored[0]
    desk.update("quoteProductOption", key, quantity=2)
    assert value() == stored[0]
    desk.update("quoteProductOption", key, **{control: texts[1]})
    assert value() == stored[1]
    others = {"boolean", "integer", "text", "timestamp", "float"} - {kind}
    for other in others:
        assert desk.rows(f"quote_product_option_{other}", quote_product_option_id=key) == []
