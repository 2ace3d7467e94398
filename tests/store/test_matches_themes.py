"""Matches of times, news, products, opportunities and action plans; on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from packetserver.failures import Refused

NOW = datetime(2026, 3, 4, 12, 30, 45, 678000)
PAST, FUTURE = NOW - timedelta(days=1), NOW + timedelta(days=1)
MOMENT = timedelta(milliseconds=1)
NOTHING = {"type": "integer", "match": "nothing"}


def line(match: str, type_: str = "tristate", **arguments: Any) -> dict[str, Any]:
    return {"type": type_, "match": match, **arguments}


# --- times -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "value", "span"),
    [("minutes", 5, timedelta(minutes=5)), ("days", 2, timedelta(days=2))],
)
def test_what_is_older_than_so_long(world, unit, value, span):
    old = world.add("ticket", problem="p", entered=NOW - span)
    world.add("ticket", problem="p", entered=NOW - span + MOMENT)
    older = {"f": line("older_than", "integer", column="entered", unit=unit)}
    assert world.listed("ticket", older, f=value) == [old]


@pytest.mark.parametrize("unit", ["minutes", "days"])
def test_nothing_is_older_than_the_calendar(world, unit):
    world.add("ticket", problem="p", entered=datetime(1900, 1, 1))
    older = {"f": line("older_than", "integer", column="entered", unit=unit)}
    assert world.listed("ticket", older, f=2**31 - 1) == []


@pytest.fixture
def users(world) -> list[int]:
    """Users who expired, expire now, will expire, and never do."""
    return [world.add_user(f"u{i}", expires=at) for i, at in enumerate((PAST, NOW, FUTURE, None))]


def test_before_or_after_the_time_of_another_filter(world, users):
    lines = {
        "expired": line("before_or_after", column="expires", moment="at"),
        "at": line("nothing", "timestamp"),
    }
    assert world.listed("user", lines, expired=1, at=NOW) == users[:1]
    assert world.listed("user", lines, expired=0, at=NOW) == users[2:3]
    assert world.listed("user", lines, expired=1) == users[:1]
    assert world.listed("user", lines, expired=0) == users[1:]


def test_equal_to_a_time_or_on_one_side_of_it(world, users):
    lines = {
        "at": line("equals_or_beside", "timestamp", column="expires", side="before"),
        "before": line("nothing"),
    }
    assert world.listed("user", lines, at=NOW) == users[1:2]
    assert world.listed("user", lines, at=NOW, before=1) == users[:1]
    assert world.listed("user", lines, at=NOW, before=0) == users[2:3]


def test_what_is_over_and_what_has_no_end(world, users):
    past = {"f": line("is_past", column="expires")}
    assert world.listed("user", past, f=1) == users[:1]
    assert world.listed("user", past, f=0) == users[3:]


def test_what_is_valid_at_a_time(world):
    spans = [(None, None), (PAST, None), (NOW, FUTURE), (FUTURE, None), (PAST, NOW), (None, PAST)]
    prices = [
        world.add("product_catalog_pricing", start_date=start, expiration_date=end)
        for start, end in spans
    ]
    lines = {
        "valid": line("valid_at", start="start_date", end="expiration_date", moment="at"),
        "at": line("nothing", "timestamp"),
    }
    assert world.listed("productCatalogPricing", lines, valid=1) == prices[:3]
    assert world.listed("productCatalogPricing", lines, valid=0) == prices[3:]
    later = NOW + timedelta(days=2)
    listed = world.listed("productCatalogPricing", lines, valid=1, at=later)
    assert listed == [prices[0], prices[1], prices[3]]


def test_what_is_enabled_or_has_begun(world):
    defects = [
        world.add("ticket_defect", title="t", enabled=enabled, start_date=start)
        for enabled, start in ((True, FUTURE), (False, NOW), (False, FUTURE))
    ]
    started = {"f": line("enabled_or_started", start="start_date")}
    assert world.listed("ticketDefect", started, f=1) == defects[:2]
    assert world.listed("ticketDefect", started, f=0) == defects[2:]


# --- news and products -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("current", {"current", "timeless"}),
        ("archived", {"archived"}),
        ("unreleased", {"unreleased"}),
        ("incomplete", {"draft", "unknown"}),
        ("overview", {"current", "timeless", "unreleased", "draft", "unknown"}),
    ],
)
def test_news_by_whether_they_are_to_be_read(world, state, found):
    project = world.add("projects", title="Tower")
    articles = {
        name: world.add(
            "project_news", project_id=project, status=status, start_date=start, end_date=end
        )
        for name, status, start, end in (
            ("current", 2, NOW, FUTURE),
            ("timeless", 2, None, None),
            ("archived", 2, PAST, NOW),
            ("unreleased", 2, FUTURE, None),
            ("draft", 1, FUTURE, None),
            ("unknown", None, None, None),
            ("other", 3, None, None),
        )
    }
    lines = {"f": line("news_state", state=state)}
    listed = world.listed("projectNewsArticle", lines, f=1)
    assert {name for name, key in articles.items() if key in listed} == found
    assert len(world.listed("projectNewsArticle", lines, f=0)) == len(articles)


def test_products_that_can_be_bought_now(world):
    def product(price: dict[str, Any], **columns: Any) -> int:
        key = int(world.add("product_catalog", product_name="Pump", **columns))
        world.add("product_catalog_pricing", product_id=key, **{"enabled": True, **price})
        return key

    sold = [product({}), product({"start_date": PAST}, expiration_date=FUTURE)]
    others = [
        product({}, active=False),
        product({}, expiration_date=NOW),
        product({"enabled": False}),
        product({"expiration_date": PAST}),
        world.add("product_catalog", product_name="without a price"),
    ]
    world.add("product_catalog_pricing", enabled=True)
    active = {"f": line("active_product")}
    assert world.listed("productCatalog", active, f=1) == sold
    assert world.listed("productCatalog", active, f=0) == others


# --- opportunities -----------------------------------------------------------------------

PUBLIC, PERSONAL = 626030334, 626030333


@pytest.fixture
def access_types(world) -> dict[int, int]:
    """Access types by their rule."""
    return {
        rule: world.add("lookup_access_types", description="d", link_module_id=1, rule_id=rule)
        for rule in (PUBLIC, PERSONAL)
    }


def component(world, header: int, owner: int, **columns: Any) -> int:
    given = {"closedate": NOW, "stage": 1, **columns}
    return int(world.add("opportunity_component", opp_id=header, owner=owner, **given))


def test_opportunities_by_the_owners_of_their_components(world, access_types):
    ann, bob = world.add_user("ann"), world.add_user("bob")
    types = (PERSONAL, PERSONAL, PERSONAL, PUBLIC)
    headers = [
        world.add("opportunity_header", access_type=access_types[rule], manager=ann)
        for rule in types
    ]
    component(world, headers[0], ann)
    component(world, headers[1], bob)
    component(world, headers[3], bob)
    lines = {
        "owner": line("owned_component", "integer", how="equals"),
        "owners": line("owned_component", "id-list", how="in_list", hierarchy="only"),
        "only": line("nothing"),
    }
    assert world.listed("opportunity", lines, owner=ann) == [headers[0], headers[2]]
    assert world.listed("opportunity", lines, owner=bob) == [headers[1], headers[3]]
    assert world.listed("opportunity", lines, owners=(ann,)) == headers[:1]
    assert world.listed("opportunity", lines, owners=(ann,), only=1) == headers[:1]
    assert world.listed("opportunity", lines, owners=(ann,), only=0) == [headers[0], headers[3]]


def test_components_of_public_opportunities_pass_for_everybody(world, access_types):
    ann, bob = world.add_user("ann"), world.add_user("bob")
    personal, public = (
        world.add("opportunity_header", access_type=access_types[rule])
        for rule in (PERSONAL, PUBLIC)
    )
    own, _, open_one = (
        component(world, personal, ann),
        component(world, personal, bob),
        component(world, public, bob),
    )
    owners = {"column": "owner", "or_public": "opp_id.access_type", "hierarchy": "only"}
    lines = {"owners": line("in_list", "id-list", **owners), "only": line("nothing")}
    assert world.listed("opportunityComponent", lines, owners=(ann,)) == [own]
    assert world.listed("opportunityComponent", lines, owners=(ann,), only=1) == [own]
    assert world.listed("opportunityComponent", lines, owners=(ann,), only=0) == [own, open_one]


@pytest.mark.parametrize(
    ("closes", "terms", "units", "lasts"),
    [
        # One month more than January 31st, 2026, is the end of February.
        (datetime(2026, 1, 31, 12, 0), 1.0, "M", False),
        # Two are March 31st; of 2025, long ago.
        (datetime(2026, 1, 31, 12, 0), 2.0, "M", True),
        (datetime(2025, 1, 31, 12, 0), 2.0, None, False),
        (datetime(2026, 2, 4, 12, 30, 45, 677000), 1.0, "M", False),
        (datetime(2026, 2, 4, 12, 30, 45, 679000), 1.0, "M", True),
        # A month and a half are a month and fifteen days.
        (datetime(2026, 1, 17, 12, 30, 45, 677000), 1.5, "M", False),
        (datetime(2026, 1, 17, 12, 30, 45, 679000), 1.5, "M", True),
        (datetime(2026, 2, 18, 12, 30, 45, 677000), 2.0, "W", False),
        (datetime(2026, 2, 18, 12, 30, 45, 679000), 2.0, "W", True),
        (NOW + MOMENT, 0.0, "W", True),
        (FUTURE, None, "M", False),
    ],
)
def test_terms_that_have_not_ended(world, closes, terms, units, lasts):
    header = world.add("opportunity_header", access_type=1)
    made = component(world, header, 0, closedate=closes, terms=terms, units=units)
    asked = {"column": "closedate", "terms": "terms", "units": "units"}
    lines = {"f": line("ends_in_future", "boolean", **asked)}
    assert world.listed("opportunityComponent", lines, f=True) == ([made] if lasts else [])


# --- action plans ------------------------------------------------------------------------


def test_plans_mapped_to_the_deepest_category(world):
    plans = [world.add("action_plan", plan_name=name) for name in ("a", "b")]
    categories = [world.add("ticket_category", description=name) for name in ("a", "b")]
    for plan, category in zip(plans, categories, strict=True):
        world.add("ticket_category_plan_map", plan_id=plan, category_id=category)
    lines = {
        "table": line(
            "mapped_to_category",
            "text",
            tables={"ticket_category": "ticket_category_plan_map"},
            categories=["deep", "flat"],
            or_nothing="none",
        ),
        "deep": NOTHING,
        "flat": NOTHING,
        "none": line("nothing", "boolean", none="false"),
    }
    table = {"table": "ticket_category"}
    flat, deep = categories
    assert world.listed("actionPlan", lines, **table, flat=flat) == plans[:1]
    assert world.listed("actionPlan", lines, **table, flat=flat, deep=deep) == plans[1:]
    assert world.listed("actionPlan", lines, **table) == plans
    assert world.listed("actionPlan", lines, **table, none=True) == []
    with pytest.raises(Refused, match=r"^table: can only be ticket_category$"):
        world.listed("actionPlan", lines, table="access", flat=flat)


class Plans:
    """Work on action plans, each with one step."""

    def __init__(self, world) -> None:
        self.world = world
        self.plan = world.add("action_plan", plan_name="P")
        self.phase = world.add("action_phase", plan_id=self.plan, phase_name="1")

    def work(self, item: dict[str, Any], **step: Any) -> int:
        key = self.world.add(
            "action_plan_work",
            action_plan_id=self.plan,
            link_module_id=1,
            assignedto=0,
        )
        phase = self.world.add("action_phase_work", plan_work_id=key, action_phase_id=self.phase)
        step_key = self.world.add("action_step", phase_id=self.phase, **step)
        self.world.add("action_item_work", phase_work_id=phase, action_step_id=step_key, **item)
        return int(key)


def test_plans_that_an_opportunity_or_a_component_is_attached_to(world):
    plans, ann = Plans(world), world.add_user("ann")
    # Its key must not be the one of its component too.
    world.add("opportunity_header", access_type=1)
    header = world.add("opportunity_header", access_type=1)
    part = component(world, header, ann)
    if part == header:
        world.add("opportunity_header", access_type=1)
        header = world.add("opportunity_header", access_type=1)
        part = component(world, header, ann)
    assert part != header
    attach, other = (
        world.records.value("lookup_step_actions", "code", {"constant_id": constant})
        for constant in (110061030, 110061031)
    )
    attached = [plans.work({"link_item_id": key}, action_id=attach) for key in (part, header)]
    plans.work({"link_item_id": header}, action_id=other)
    plans.work({"link_item_id": 9999}, action_id=attach)
    plans.work({"link_item_id": header})
    lines = {"f": line("plan_of_opportunity", "integer")}
    assert world.listed("actionPlanWork", lines, f=header) == attached
    assert world.listed("actionPlanWork", lines, f=9998) == []


def test_plans_with_a_step_that_a_user_may_work_on(world):
    plans, role = Plans(world), world.add("role", role="r")
    group = world.add("user_group", group_name="g")
    ann = world.add_user("ann", role_id=role, contact={"department": 2})
    bob = world.add_user("bob")
    world.add("user_group_map", group_id=group, user_id=ann)
    running = {"start_date": PAST}
    open_to_ann = [
        plans.work({**running, "owner": ann}),
        plans.work(running, role_id=role),
        plans.work(running, department_id=2),
        plans.work(running, group_id=group),
    ]
    plans.work({"owner": ann})
    plans.work({**running, "owner": ann, "end_date": PAST})
    of_bob = plans.work({**running, "owner": bob}, department_id=3)
    plans.work(running)
    lines = {"f": line("running_step_of_user", "integer")}
    assert world.listed("actionPlanWork", lines, f=ann) == open_to_ann
    assert world.listed("actionPlanWork", lines, f=bob) == [of_bob]
    assert world.listed("actionPlanWork", lines, f=999) == []
