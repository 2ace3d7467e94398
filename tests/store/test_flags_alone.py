"""Flags and filters that others go with, each by itself."""

from __future__ import annotations

import pytest
from driving import Driver
from making import Maker

from databases import KINDS, Databases
from packetserver.protocols.packet.process import build_engine
from packetserver.settings import Settings


@pytest.fixture(params=KINDS)
def maker(request: pytest.FixtureRequest, databases: Databases):
    with databases.prepared(request.param) as url:
        engine = build_engine(Settings(database_url=url))
        yield Maker(Driver(engine))
        engine.database.close()


def keys(maker: Maker, element: str, **filters: str) -> list[str]:
    key = maker.object(element.removesuffix("List")).key
    assert key is not None
    answer = maker.driver.one(element, "select", filters, [key.name])
    assert answer.errors == (), filters
    return sorted((each.texts[0] for each in answer.records), key=int)


def test_opportunities_controlled_by_hierarchy(maker: Maker) -> None:
    kinds = {"controlled": "6", "public": "7", "personal": "8"}
    made = {
        name: maker.insert("opportunity", {"accessType": kind, "manager": "1", "enteredBy": "1"})
        for name, kind in kinds.items()
    }
    parts = {
        name: maker.insert("opportunityComponent", {"headerId": key, "owner": "1"})
        for name, key in made.items()
    }
    every = keys(maker, "opportunityList")
    assert {made["controlled"], made["public"]} <= set(every)
    assert keys(maker, "opportunityList", controlledHierarchyOnly="1") == [made["controlled"]]
    assert keys(maker, "opportunityList", controlledHierarchyOnly="0") == every
    found = keys(maker, "opportunityComponentList", controlledHierarchyOnly="1")
    assert found == [parts["controlled"]]
    # With the users of a range it means what it always did.
    ranged = keys(maker, "opportunityComponentList", controlledHierarchyOnly="1", ownerIdRange="1")
    assert set(ranged) >= {parts["controlled"], parts["public"]}


def test_users_who_have_expired(maker: Maker) -> None:
    every = keys(maker, "userList")
    expired = keys(maker, "userList", expired="1")
    assert expired
    assert keys(maker, "userList", expired="0") == [key for key in every if key not in expired]


def test_imports_of_a_range_and_of_the_hierarchy_of_who_asks(maker: Maker) -> None:
    own = maker.insert("import", {"enteredBy": "1", "modifiedBy": "1", "statusId": "1"})
    other = maker.insert("import", {"enteredBy": "0", "modifiedBy": "1", "statusId": "1"})
    assert set(keys(maker, "importList")) >= {own, other}
    assert keys(maker, "importList", enteredIdRange="0") == [other]
    assert keys(maker, "importList", controlledHierarchyOnly="true") == [own]


def test_a_site_that_is_sent_counts_by_itself(maker: Maker) -> None:
    first, second = (maker.insert("lookupSiteId") for _ in range(2))
    here = maker.insert("opportunity", {"siteId": first, "manager": "1"})
    there = maker.insert("opportunity", {"siteId": second, "manager": "1"})
    nowhere = maker.insert("opportunity", {"manager": "1"})
    every = keys(maker, "opportunityList")
    assert {here, there, nowhere} <= set(every)
    of_first = keys(maker, "opportunityList", siteId=first)
    assert here in of_first
    assert there not in of_first
    assert here in keys(maker, "opportunityList", siteId=first, exclusiveToSite="true")
    assert nowhere not in keys(maker, "opportunityList", siteId=first, exclusiveToSite="true")
    assert keys(maker, "opportunityList", exclusiveToSite="true") == [
        key for key in every if key not in {here, there}
    ]


def test_prices_that_hold_at_a_time(maker: Maker) -> None:
    now = maker.insert(
        "productCatalogPricing",
        {"startDate": "2026-01-01 00:00:00", "expirationDate": "2027-01-01 00:00:00"},
    )
    assert now in keys(maker, "productCatalogPricingList", currentTime="2026-06-01 00:00:00")
    assert now not in keys(maker, "productCatalogPricingList", currentTime="2028-06-01 00:00:00")


def test_plans_of_a_category_without_the_name_of_its_table(maker: Maker) -> None:
    plan, other = maker.insert("actionPlan"), maker.insert("actionPlan")
    link = {"planId": plan}
    mapped = maker.object("ticketCategoryPlanMap")
    category = maker.known("ticketCategory")
    fields = {each.name for each in mapped.stored_fields}
    maker.insert(
        "ticketCategoryPlanMap",
        {**link, **({"categoryId": category} if "categoryId" in fields else {})},
    )
    assert keys(maker, "actionPlanList", linkCatCode=category) == [plan]
    assert keys(maker, "actionPlanList", nameTable="ticket_category") == [plan]
    assert keys(maker, "actionPlanList", displayNone="true") == []
    archived = maker.insert("actionPlan", {"archiveDate": "2020-01-01 00:00:00"})
    assert keys(maker, "actionPlanList", archiveDateBefore="1") == [archived]
    assert {plan, other} <= set(keys(maker, "actionPlanList", archiveDateBefore="0"))
