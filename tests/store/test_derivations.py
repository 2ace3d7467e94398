"""Every named derivation, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from packetserver.store.derivations.people import FORMS
from packetserver.store.derivations.values import next_version, plain, rounded
from packetserver.store.derived import DERIVATIONS
from packetserver.store.lists import Selection

NOW = datetime(2026, 3, 4, 12, 30, 45, 678000)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


# --- other records -----------------------------------------------------------------------


def test_a_label_is_the_description_of_what_a_field_points_to(world):
    account = world.add("organization", name="A", stage_id=2)
    label = {"derived": "label", "of": "stageId"}
    stage = world.records.value("lookup_account_stage", "description", {"code": 2})
    assert stage
    assert world.shown("account", account, **label) == stage
    assert world.shown("account", world.add("organization", name="B"), **label) == ""


def test_any_column_of_what_a_field_points_to_can_be_read(world):
    site = world.add("lookup_site_id", description="Norfolk")
    account = world.add("organization", name="A", site_id=site)
    contact = world.add("contact", access_type=1, org_id=account)
    alone = world.add("contact", access_type=1)
    reads = {"derived": "referenced", "of": "orgId"}
    assert world.shown("contact", contact, reads="name", **reads) == "A"
    assert world.shown("contact", contact, reads="site_id.description", **reads) == "Norfolk"
    assert world.shown("contact", contact, type="boolean", reads="enabled", **reads) == "true"
    assert world.shown("contact", alone, reads="name", **reads) == ""


def test_a_column_is_reached_through_several_references(world):
    site = world.add("lookup_site_id", description="Norfolk")
    account = world.add("organization", name="A", site_id=site)
    contact = world.add("contact", access_type=1, org_id=account)
    ticket = world.add("ticket", problem="p", contact_id=contact)
    path = {"derived": "joined_column", "path": "contact_id.org_id.site_id.description"}
    assert world.shown("ticket", ticket, **path) == "Norfolk"
    assert world.shown("ticket", world.add("ticket", problem="q"), **path) == ""


def test_another_field_is_read_again_also_while_a_flag_is_set_only(world):
    on = world.add("campaign", name="on", active=True)
    off = world.add("campaign", name="off", active=False)
    unknown = world.add("campaign", name="unknown", active=None)
    assert world.shown("campaign", on, derived="same", of="name") == "on"
    flagged = {"derived": "same", "of": "name", "when": "active"}
    assert [world.shown("campaign", key, **flagged) for key in (on, off, unknown)] == ["on", "", ""]


def test_a_secret_never_shows_through_another_field(world):
    user = world.add_user("ann", password="stored")
    assert world.shown("user", user, derived="same", of="encryptedPassword") == ""


def test_the_first_column_that_is_filled_is_shown(world):
    account = world.add("organization", name="Alpha")
    first = {"derived": "first_filled", "columns": ["org_id.name", "company"]}
    of_account = world.add("contact", access_type=1, org_id=account, company="Solo")
    alone = world.add("contact", access_type=1, company="Solo")
    blank = world.add("contact", access_type=1, company=" ")
    shown = [world.shown("contact", key, **first) for key in (of_account, alone, blank)]
    assert shown == ["Alpha", "Solo", ""]


def test_a_label_follows_whichever_element_a_reference_is_to(world):
    account = world.add("organization", name="Alpha")
    ticket = world.add("ticket", problem="Smoke")
    plan = world.add("action_plan", plan_name="P")
    by_constant = {
        constant: world.records.value("action_plan_constants", "map_id", {"constant_id": constant})
        for constant in (42420034, 912051329, 110061020)
    }

    def work(constant: int, item: int) -> int:
        module = by_constant[constant]
        assert module is not None
        return world.add(
            "action_plan_work", action_plan_id=plan, link_module_id=module, link_item_id=item
        )

    label = {
        "derived": "linked_label",
        "of": "linkItemId",
        "texts": {"account": "name", "ticket": "problem"},
    }
    assert world.shown("actionPlanWork", work(42420034, account), **label) == "Alpha"
    assert world.shown("actionPlanWork", work(912051329, ticket), **label) == "Smoke"
    assert world.shown("actionPlanWork", work(110061020, account), **label) == ""
    assert world.shown("actionPlanWork", work(42420034, account + 999), **label) == ""


# --- rows of other tables ----------------------------------------------------------------

ADDRESS = {"derived": "first_of", "table": "organization_address", "link": "org_id"}


def test_the_first_row_is_a_primary_one_else_that_of_the_lowest_key(world):
    account = world.add("organization", name="A")
    first = {**ADDRESS, "first": "primary_address", "reads": "city"}
    assert world.shown("account", account, **first) == ""
    world.add("organization_address", org_id=account, city="Norfolk", primary_address=False)
    world.add("organization_address", org_id=account, city="Hampton", primary_address=False)
    assert world.shown("account", account, **first) == "Norfolk"
    world.add("organization_address", org_id=account, city="Suffolk", primary_address=True)
    assert world.shown("account", account, **first) == "Suffolk"


def test_the_first_row_may_be_reached_through_other_records(world):
    account = world.add("organization", name="A")
    project = world.add("projects", title="Tower")
    world.add("organization_address", org_id=account, city="Norfolk")
    contact = world.add("contact", access_type=1, org_id=account)
    ticket = world.add("ticket", problem="p", contact_id=contact)
    of_account = {**ADDRESS, "on": "contact_id.org_id", "reads": "city"}
    assert world.shown("ticket", ticket, **of_account) == "Norfolk"
    world.add("ticketlink_project", ticket_id=ticket, project_id=project)
    linked = {"derived": "first_of", "table": "ticketlink_project", "link": "ticket_id"}
    assert world.shown("ticket", ticket, reads="project_id.title", **linked) == "Tower"
    assert world.shown("ticket", ticket, type="integer", reads="project_id", **linked) == str(
        project
    )


def test_the_first_row_can_be_bound_to_values_and_to_the_present(world):
    product = world.add("product_catalog", product_name="Pump")
    for amount, enabled, start, end in (
        (1.0, False, None, None),
        (2.0, True, ago(days=9), ago(days=1)),
        (3.0, True, ago(days=-1), None),
        (4.5, True, ago(days=1), ago(days=-1)),
    ):
        world.add(
            "product_catalog_pricing",
            product_id=product,
            price_amount=amount,
            enabled=enabled,
            start_date=start,
            expiration_date=end,
        )
    price = {
        "type": "double",
        "derived": "first_of",
        "table": "product_catalog_pricing",
        "link": "product_id",
        "reads": "price_amount",
    }
    current = {"current": ["start_date", "expiration_date"]}
    assert world.shown("productCatalog", product, **price) == "1.0"
    assert world.shown("productCatalog", product, where={"enabled": True}, **price) == "2.0"
    assert world.shown("productCatalog", product, where_not={"enabled": True}, **price) == "1.0"
    assert world.shown("productCatalog", product, **current, **price) == "1.0"
    both = {"where": {"enabled": True}, **current}
    assert world.shown("productCatalog", product, **both, **price) == "4.5"


def test_a_column_of_all_rows_is_joined_in_its_order(world):
    contact = world.add("contact", access_type=1)
    labels = {
        code: world.records.value("lookup_contact_types", "description", {"code": code})
        for code in (1, 2, 3)
    }
    for level, code in ((3, 1), (1, 3), (1, 2)):
        world.add("contact_type_levels", contact_id=contact, type_id=code, level=level)
    joined = {
        "derived": "joined_rows",
        "table": "contact_type_levels",
        "link": "contact_id",
        "reads": "type_id.description",
        "sorted": "level",
    }
    expected = [labels[3], labels[2], labels[1]]
    assert world.shown("contact", contact, separator=", ", **joined) == ", ".join(expected)
    assert world.shown("contact", contact, separator="'; %", **joined) == "'; %".join(expected)
    assert world.shown("contact", world.add("contact", access_type=1), **joined) == ""


def assignments(world, *rows: tuple[datetime | None, datetime | None]) -> int:
    """A requirement with an assignment for each pair of due and completion date."""
    project = world.add("projects", title="Tower")
    requirement = world.add("project_requirements", project_id=project)
    for due, complete in rows:
        world.add(
            "project_assignments",
            project_id=project,
            requirement_id=requirement,
            due_date=due,
            complete_date=complete,
        )
    return requirement


ASSIGNMENTS = {"table": "project_assignments", "link": "requirement_id", "type": "integer"}
OVERDUE = {"not_set": "complete_date", "past": "due_date"}
UPCOMING = {"not_set": "complete_date", "not_past": "due_date"}


def test_rows_are_counted_by_what_is_filled_and_what_is_over(world):
    past, future = ago(days=1), ago(days=-1)
    requirement = assignments(
        world, (past, past), (past, None), (future, None), (None, None), (NOW, None)
    )
    count = {"derived": "count_rows", **ASSIGNMENTS}
    assert world.shown("requirement", requirement, **count) == "5"
    assert world.shown("requirement", requirement, set="complete_date", **count) == "1"
    assert world.shown("requirement", requirement, **OVERDUE, **count) == "1"
    assert world.shown("requirement", requirement, **UPCOMING, **count) == "3"
    assert world.shown("requirement", assignments(world), **count) == "0"


def test_counted_rows_are_told_in_percent_of_all(world):
    past = ago(days=1)
    requirement = assignments(world, (past, past), (past, None), (None, None))
    percent = {"derived": "percent_of_rows", **ASSIGNMENTS}
    assert world.shown("requirement", requirement, set="complete_date", **percent) == "33"
    assert world.shown("requirement", requirement, **UPCOMING, **percent) == "33"
    assert world.shown("requirement", assignments(world), set="complete_date", **percent) == "0"


def test_rows_are_counted_by_values_and_by_what_they_share_with_the_record(world):
    ann, bob = world.add_user("ann"), world.add_user("bob")
    header = world.add("opportunity_header", access_type=1, manager=ann)
    for owner, value in ((ann, 1.5), (bob, 2.0), (bob, None)):
        world.add(
            "opportunity_component",
            opp_id=header,
            owner=owner,
            closedate=NOW,
            stage=1,
            guessvalue=value,
        )
    rows = {"table": "opportunity_component", "link": "opp_id"}
    count = {"type": "integer", "derived": "count_rows", **rows}
    assert world.shown("opportunity", header, same={"owner": "manager"}, **count) == "1"
    assert world.shown("opportunity", header, where={"owner": bob}, **count) == "2"
    assert world.shown("opportunity", header, where_not={"guessvalue": 2.0}, **count) == "2"
    total = {"type": "double", "derived": "sum_rows", "reads": "guessvalue", **rows}
    assert world.shown("opportunity", header, **total) == "3.5"
    empty = world.add("opportunity_header", access_type=1)
    assert world.shown("opportunity", empty, **total) == "0.0"


def test_rows_of_a_second_table_are_counted_too(world):
    folder = world.add("project_folders")
    world.add("project_folders", parent_id=folder)
    for _ in range(2):
        world.add("project_files", folder_id=folder)
    count = {"type": "integer", "derived": "count_rows", "table": "project_files"}
    plus = {"link": "folder_id", "plus": "project_folders.parent_id"}
    assert world.shown("fileFolder", folder, **plus, **count) == "3"


def test_the_least_and_the_greatest_of_the_rows(world):
    ticket = world.add("ticket", problem="p")
    form = world.add("ticket_csstm_form", link_ticket_id=ticket)
    item = {"table": "ticket_activity_item", "link": "link_form_id", "reads": "activity_date"}
    lowest = {"type": "timestamp", "derived": "lowest_of_rows", **item}
    highest = {"type": "timestamp", "derived": "highest_of_rows", **item}
    assert world.shown("ticketActivityLog", form, **lowest) == ""
    for day in (3, 1, 2):
        world.add("ticket_activity_item", link_form_id=form, activity_date=datetime(2026, 1, day))
    assert world.shown("ticketActivityLog", form, **lowest).startswith("2026-01-01 00:00:00")
    assert world.shown("ticketActivityLog", form, **highest).startswith("2026-01-03 00:00:00")


def test_whether_one_of_several_tables_has_a_row(world):
    tables = ["tasklink_ticket", "tasklink_contact"]
    links = {"type": "boolean", "derived": "any_rows", "tables": tables, "link": "task_id"}
    task = world.add("task", priority=1)
    assert world.shown("task", task, **links) == "false"
    world.add("tasklink_contact", task_id=task, contact_id=world.add("contact", access_type=1))
    assert world.shown("task", task, **links) == "true"


# --- people ------------------------------------------------------------------------------


def test_a_user_is_shown_by_the_name_of_its_contact(world):
    ann = world.add_user("ann", contact={"namelast": "Archer", "namefirst": "Ann"})
    bob = world.add_user("bob", contact={"namelast": "Baker"})
    name = {"derived": "user_name", "of": "owner"}
    owned = [world.add("organization", name="A", owner=user) for user in (ann, bob, 0, None)]
    shown = [world.shown("account", key, **name) for key in owned]
    assert shown == ["Archer, Ann", "Baker", "", ""]


def test_a_contact_is_shown_by_its_name_or_its_company(world):
    person = world.add("contact", access_type=1, namelast="Archer", namefirst="Ann", company="C")
    company = world.add("contact", access_type=1, company="Solo Co")
    name = {"derived": "contact_name", "of": "contactId"}
    tickets = [world.add("ticket", problem="p", contact_id=key) for key in (person, company, None)]
    assert [world.shown("ticket", key, **name) for key in tickets] == ["Archer, Ann", "Solo Co", ""]
    assert world.shown("ticket", tickets[0], form="first_last", **name) == "Ann Archer"


def test_a_contact_may_be_named_by_a_row_of_another_table(world):
    task = world.add("task", priority=1)
    name = {"derived": "contact_name", "table": "tasklink_contact", "link": "task_id"}
    assert world.shown("task", task, reads="contact_id", **name) == ""
    person = world.add("contact", access_type=1, namelast="Archer", namefirst="Ann")
    world.add("tasklink_contact", task_id=task, contact_id=person)
    assert world.shown("task", task, reads="contact_id", **name) == "Archer, Ann"


ANN = {
    "namesalutation": "Ms.",
    "namefirst": "Ann",
    "namemiddle": "B",
    "namelast": "Archer",
    "namesuffix": "PhD",
    "company": "Alpha",
}
NOBODY = {"company": "Alpha"}
LAST_NAME = {"namelast": "Archer", "namefirst": " ", "company": "Alpha"}


@pytest.mark.parametrize(
    ("form", "ann", "nobody", "last_name"),
    [
        ("last_first", "Archer, Ann", "", "Archer"),
        ("last_first_or_company", "Archer, Ann", "Alpha", "Archer"),
        ("first_last", "Ann Archer", "", "Archer"),
        ("first_last_or_company", "Ann Archer", "Alpha", "Archer"),
        ("full_or_company", "Ms. Ann B Archer PhD", "Alpha", "Archer"),
        ("initial_last", "A. Archer", "", "Archer"),
        ("last_first_middle", "Archer, Ann B", "", "Archer"),
    ],
)
def test_a_person_s_name_has_many_forms(world, form, ann, nobody, last_name):
    people = [world.add("contact", access_type=1, **each) for each in (ANN, NOBODY, LAST_NAME)]
    shown = [world.shown("contact", key, derived="person_name", form=form) for key in people]
    assert shown == [ann, nobody, last_name]


def test_no_form_of_a_name_is_left_untested():
    (mark,) = [
        mark
        for mark in test_a_person_s_name_has_many_forms.pytestmark
        if mark.name == "parametrize"
    ]
    assert {case[0] for case in mark.args[1]} == set(FORMS)


# --- texts -------------------------------------------------------------------------------


def account_with(world, **columns: Any) -> int:
    return world.add("organization", **{"name": "A", **columns})


def test_a_constant_is_the_same_for_every_record(world):
    account = account_with(world)
    assert world.shown("account", account, derived="constant", value="x") == "x"
    assert (
        world.shown("account", account, type="boolean", derived="constant", value=False) == "false"
    )


def test_fields_and_columns_are_joined_without_the_empty_ones(world):
    joined = {"derived": "joined_text", "of": ["city", "state"], "separator": ", "}
    parts = ({"city": "Norfolk", "state": "VA"}, {"city": "Norfolk", "state": " "}, {})
    keys = [world.add("organization_address", **each) for each in parts]
    shown = [world.shown("organizationAddress", key, **joined) for key in keys]
    assert shown == ["Norfolk, VA", "Norfolk", ""]
    header = world.add(
        "opportunity_header",
        access_type=1,
        description="Pumps",
        acctlink=world.add("organization", name="Alpha"),
    )
    reached = {"columns": ["description", "acctlink.name"], "separator": ": "}
    assert world.shown("opportunity", header, derived="joined_text", **reached) == "Pumps: Alpha"


@pytest.mark.parametrize(
    ("stored", "shown"),
    [(None, ""), ("", ""), ("abcd", "abcd"), ("abcde", "abcd..."), ("äöüßé", "äöüß...")],
)
def test_a_long_text_is_cut(world, stored, shown):
    account = account_with(world, notes=stored)
    assert world.shown("account", account, derived="cut_text", of="notes", length=4) == shown


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (None, ""),
        ("", ""),
        ("a.example", "http://a.example"),
        ("https://a.example", "https://a.example"),
    ],
)
def test_an_address_without_a_scheme_gets_one(world, stored, shown):
    account = account_with(world, url=stored)
    assert world.shown("account", account, derived="url_with_scheme", of="url") == shown


def test_a_code_is_shown_by_its_text(world):
    texts = {"derived": "code_text", "of": "leadStatus", "texts": {"0": "Unread", "1": "New"}}
    keys = [world.add("contact", access_type=1, lead_status=code) for code in (0, 1, 2, None)]
    assert [world.shown("contact", key, **texts) for key in keys] == ["Unread", "New", "", ""]


def test_a_value_is_shown_with_a_unit_behind_it(world):
    suffix = {"derived": "with_suffix", "of": "employees", "suffix": " people"}
    assert world.shown("account", account_with(world, employees=3), **suffix) == "3 people"
    assert world.shown("account", account_with(world), **suffix) == ""


def test_a_phone_number_shows_its_extension(world):
    stored = [("757-555-0003", "12"), ("757-555-0003", None), (None, None), ("", "12")]
    keys = [world.add("contact_phone", number=number, extension=ext) for number, ext in stored]
    shown = [world.shown("contactPhoneNumber", key, derived="phone_number") for key in keys]
    assert shown == ["757-555-0003 x12", "757-555-0003", "", "x12"]


def test_a_phone_number_has_parts_only_when_it_is_written_as_three_groups(world):
    keys = [
        world.add("contact_phone", number=number) for number in ("757-555-0003", "7575550003", None)
    ]
    shown = [
        [
            world.shown("contactPhoneNumber", key, derived="phone_part", part=part)
            for part in (1, 2, 3)
        ]
        for key in keys
    ]
    assert shown == [["757", "555", "0003"], ["", "", ""], ["", "", ""]]


def test_a_disabled_label_is_marked(world):
    marked = {"column": "description", "shown": "disabled_mark"}
    keys = [
        world.add("lookup_industry", description="Steel", enabled=enabled)
        for enabled in (True, False, None)
    ]
    shown = [world.shown("lookupIndustry", key, **marked) for key in keys]
    assert shown == ["Steel", "Steel (X)", "Steel"]


# --- flags -------------------------------------------------------------------------------


def test_flags_tell_what_a_field_has(world):
    keys = [world.add("campaign", name="c", active=flag) for flag in (True, False, None)]
    words = [world.shown("campaign", key, derived="yes_or_no", of="active") for key in keys]
    assert words == ["Yes", "No", "No"]
    accounts = [account_with(world, employees=number) for number in (0, 7, None)]
    filled = {"type": "boolean", "derived": "is_filled", "of": "employees"}
    among = {"type": "boolean", "derived": "is_among", "of": "employees", "values": [7, 8]}
    assert [world.shown("account", key, **filled) for key in accounts] == ["true", "true", "false"]
    assert [world.shown("account", key, **among) for key in accounts] == ["false", "true", "false"]


# --- numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (None, ""),
        (0.0, "0%"),
        (0.125, "12.5%"),
        (0.5, "50%"),
        (0.12345, "12.35%"),
        (2.0e30, f"2{'0' * 32}%"),
        (float("inf"), ""),
    ],
)
def test_a_share_is_shown_in_percent(world, stored, shown):
    account = account_with(world, potential=stored)
    percent = {"derived": "hundredfold", "of": "potential", "suffix": "%"}
    assert world.shown("account", account, **percent) == shown


@pytest.mark.parametrize(
    ("stored", "shown"), [(None, ""), (3.25, "3.3"), (3.0, "3.0"), (-0.04, "-0.0")]
)
def test_a_number_is_shown_with_so_many_decimals(world, stored, shown):
    account = account_with(world, potential=stored)
    assert world.shown("account", account, derived="decimals", of="potential", digits=1) == shown


def test_rounding_is_half_away_from_zero_and_never_in_exponents():
    assert str(rounded(2.675, 2)) == "2.68"
    assert str(rounded(-2.5, 0)) == "-3"
    assert rounded(float("-inf"), 2) is None
    assert plain(rounded(1e300, 2)) == f"1{'0' * 300}"


@pytest.mark.parametrize(("stored", "shown"), [(None, "1"), (0, "1"), (1999, "1"), (2000, "2")])
def test_a_size_is_told_in_thousands_but_never_as_nothing(world, stored, shown):
    file = world.add("project_files", size=stored)
    thousands = {"type": "integer", "derived": "thousands", "of": "size"}
    assert world.shown("fileItem", file, **thousands) == shown


def test_an_effort_is_told_in_hours(world):
    project = world.add("projects", title="Tower")
    unit = world.add("lookup_project_loe", description="Half days", base_value=4 * 3600)
    hours = {"type": "integer", "derived": "effort_hours", "of": "estimatedLoe"}
    unknown = []
    for value, kind in ((3, unit), (None, unit), (3, None)):
        columns = {"estimated_loevalue": value, "estimated_loetype": kind}
        key = world.add("project_assignments", project_id=project, **columns)
        unknown.append(world.shown("assignment", key, unit="estimatedLoeTypeId", **hours))
    assert unknown == ["12", "-1", "-1"]


@pytest.mark.parametrize(
    ("terms", "units", "shown"),
    [
        (None, "W", "0.0"),
        (2.5, "M", "2.5"),
        (2.5, None, "2.5"),
        (5.0, "W", "2.0"),
        (0.0, "W", "0.0"),
        (float("inf"), "W", "Infinity"),
    ],
)
def test_terms_in_weeks_are_whole_months(world, terms, units, shown):
    header = world.add("opportunity_header", access_type=1)
    component = world.add(
        "opportunity_component", opp_id=header, closedate=NOW, stage=1, terms=terms, units=units
    )
    months = {"type": "double", "derived": "terms_in_months", "of": "terms", "units": "units"}
    assert world.shown("opportunityComponent", component, **months) == shown


# --- versions and file names -------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "whole", "tenth", "hundredth"),
    [
        (1.0, "2.0", "1.1", "1.01"),
        (1.25, "2.0", "1.35", "1.26"),
        (9.9, "10.0", "10.0", "9.91"),
        (float("inf"), "", "", ""),
    ],
)
def test_a_file_has_three_next_versions(world, version, whole, tenth, hundredth):
    file = world.add("project_files", version=version)
    shown = [
        world.shown("fileItem", file, derived="next_version", of="version", step=step)
        for step in ("1.0", "0.1", "0.01")
    ]
    assert shown == [whole, tenth, hundredth]


@pytest.mark.parametrize(
    ("stored", "number", "following"),
    [("2.7", "2", "3.0"), (" 4 ", "4", "5.0"), ("final", "-1", ""), ("", "-1", "")],
)
def test_a_version_text_may_be_a_number(world, stored, number, following):
    group = world.add("quote_group")
    quote = world.add("quote_entry", group_id=group, version=stored)
    whole = {"type": "integer", "derived": "whole_number", "of": "version"}
    assert world.shown("quote", quote, **whole) == number
    assert (
        world.shown("quote", quote, derived="next_version", of="version", step="1.0") == following
    )


@pytest.mark.parametrize("text", ["1e999", "nan", "-inf", "9" * 40, "١", "1.0" + "0" * 60])
def test_a_strange_version_is_no_harm(text):
    assert next_version(text, rounded(1, 0)) in {None, "2.0"}


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("", ""), ("photo.JPG", "jpg"), ("a.tar.GZ", "gz"), ("none", ""), (".x", "x")],
)
def test_the_extension_of_a_file_is_in_lower_case(world, stored, shown):
    file = world.add("project_files", client_filename=stored)
    assert world.shown("fileItem", file, derived="file_extension", of="clientFilename") == shown


# --- times -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entered", "closed", "shown"),
    [
        (ago(days=3, hours=4, minutes=59), None, "3d 4h"),
        (ago(minutes=59), None, "0d 0h"),
        (ago(days=5), ago(days=3, hours=1), "1d 23h"),
        (ago(days=-2), None, "0d 0h"),
    ],
)
def test_an_age_is_told_in_days_and_hours(world, entered, closed, shown):
    ticket = world.add("ticket", problem="p", entered=entered, closed=closed)
    assert world.shown("ticket", ticket, derived="age", of="entered", until="closed") == shown


def test_what_has_no_beginning_has_no_age(world):
    ticket = world.add("ticket", problem="p", closed=None)
    assert world.shown("ticket", ticket, derived="age", of="closed") == ""
    days = {"type": "integer", "derived": "days_since", "of": "closed"}
    assert world.shown("ticket", ticket, **days) == "-1"


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (ago(days=2, hours=23), None, 2),
        (ago(hours=23), None, 0),
        (ago(days=-2, hours=-1), None, -2),
        (ago(days=9), ago(days=4), 5),
    ],
)
def test_whole_days_are_counted(world, start, end, days):
    defect = world.add("ticket_defect", title="t", start_date=start, end_date=end)
    since = {"derived": "days_since", "of": "startDate", "until": "endDate"}
    assert world.shown("ticketDefect", defect, type="integer", **since) == str(days)
    assert world.shown("ticketDefect", defect, suffix="d", **since) == f"{days}d"


@pytest.mark.parametrize(
    ("enabled", "end", "shown"),
    [
        (True, None, "true"),
        (True, ago(days=-1), "true"),
        (True, NOW, "false"),
        (True, ago(days=1), "false"),
        (False, None, "false"),
    ],
)
def test_what_is_enabled_and_not_over_is_current(world, enabled, end, shown):
    defect = world.add("ticket_defect", title="t", enabled=enabled, end_date=end)
    current = {"type": "boolean", "derived": "is_current", "enabled": "enabled", "end": "endDate"}
    assert world.shown("ticketDefect", defect, **current) == shown


# --- all of them -------------------------------------------------------------------------


def test_every_derivation_that_is_there_is_used(schema):
    used = {
        function.name
        for described in schema.catalogue.objects.values()
        for field in described.fields.values()
        for function in (field.derived, field.shown)
        if function is not None
    }
    assert used == set(DERIVATIONS)


def test_every_field_of_every_object_can_be_read(world, schema):
    for described in schema.catalogue.objects.values():
        if described.table is None:
            continue
        names = tuple(described.fields)
        plan = schema.plan(described.element, names)
        scope = schema.scope(described)
        for order in (described.order, described.order_paged):
            for row in world.records.select(Selection(scope, order=order), plan):
                assert tuple(plan.values(row)) == names, described.element
