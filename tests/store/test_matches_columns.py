"""Matches that look at the record's own columns, or at one that it points to; on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from packetserver.failures import Refused

NOW = datetime(2026, 3, 4, 12, 30, 45, 678000)
ON = True
TRISTATE = {"type": "tristate", "none": "-1"}


def line(match: str, type_: str = "text", **arguments: Any) -> dict[str, Any]:
    return {"type": type_, "match": match, **arguments}


@pytest.fixture
def accounts(world) -> dict[str, int]:
    return {
        "alpha": world.add(
            "organization", name="Alpha Works", url="ä%Ö", employees=5, miner_only=True, owner=0
        ),
        "beta": world.add("organization", name="BETA works", url="ä_ö", employees=0),
        "gamma": world.add("organization", name="Gamma Mills"),
    }


class Listing:
    """Lists accounts by one filter `f`, and names them."""

    def __init__(self, world, accounts: dict[str, int]) -> None:
        self.world = world
        self.names = {key: name for name, key in accounts.items()}

    def __call__(self, filter_: dict[str, Any], value: Any, **more: Any) -> str:
        lines, values = {"f": filter_}, {"f": value}
        for name, (other, its_value) in more.items():
            lines[name] = other
            values[name] = its_value
        found = self.world.listed("account", lines, **values)
        return " ".join(self.names[key] for key in found)


@pytest.fixture
def listing(world, accounts) -> Listing:
    return Listing(world, accounts)


@pytest.mark.parametrize(
    ("match", "value", "found"),
    [
        ("equals", 5, "alpha"),
        ("not_equals", 5, "beta gamma"),
        ("gt", 0, "alpha"),
        ("gte", 0, "alpha beta"),
        ("lt", 5, "beta"),
        ("lte", 5, "alpha beta"),
    ],
)
def test_numbers_are_compared(listing, match, value, found):
    assert listing(line(match, "integer", column="employees"), value) == found


def test_lists_of_numbers_are_compared(listing):
    assert listing(line("in_list", "id-list", column="employees"), (5, 7)) == "alpha"
    assert listing(line("not_in_list", "id-list", column="employees"), (5, 7)) == "beta gamma"


@pytest.mark.parametrize(
    ("match", "value", "found"),
    [
        ("equals", "Alpha Works", "alpha"),
        ("equals", "alpha works", ""),
        ("equals_ignoring_case", "alpha WORKS", "alpha"),
        ("like", "%works", "beta"),
        ("like", "%", "alpha beta gamma"),
        ("like_ignoring_case", "%WORKS", "alpha beta"),
        ("like_if_percent", "%WORKS", "alpha beta"),
        ("like_if_percent", "alpha WORKS", "alpha"),
        ("like_if_percent", "alpha_works", ""),
    ],
)
def test_texts_are_compared(listing, match, value, found):
    assert listing(line(match, column="name"), value) == found


@pytest.mark.parametrize(
    ("value", "found"), [("Ä%ö", "alpha beta"), ("Ä_%ö", "alpha beta"), ("ä\\%ö%", "")]
)
def test_every_letter_has_two_cases_and_nothing_escapes(listing, value, found):
    assert listing(line("like_if_percent", column="url"), value) == found


def test_a_flag_is_compared_with_a_tristate_and_a_number_too(listing):
    flag = {**TRISTATE, "match": "equals", "column": "miner_only"}
    assert listing(flag, 1) == "alpha"
    assert listing(flag, 0) == "beta gamma"
    number = {**TRISTATE, "match": "equals", "column": "employees"}
    assert listing(number, 0) == "beta"


def test_zero_may_ask_for_nothing(listing):
    zero = line("equals", "integer", column="employees", zero_is_empty=True)
    assert listing(zero, 0) == "gamma"
    assert listing(zero, 5) == "alpha"


def test_a_comparison_may_let_one_record_pass_by_its_key(listing, accounts):
    equal = line("equals", "integer", column="employees", or_key="other")
    other = (line("nothing", "integer"), accounts["gamma"])
    assert listing(equal, 5) == "alpha"
    assert listing(equal, 5, other=other) == "alpha gamma"


def test_a_filter_may_be_turned_around_by_another(listing):
    equal = line("equals", "integer", column="employees", inverted="not")
    assert listing(equal, 5, **{"not": (line("nothing", "boolean"), ON)}) == "beta"


def test_a_filter_may_demand_values_of_other_columns_too(listing):
    filled = line("is_set", "boolean", column="employees", where={"owner": 0})
    assert listing(filled, ON) == "alpha"


def test_what_is_set_and_what_is_empty(listing):
    for match, set_one, empty_one in (("is_set", 1, 0), ("is_empty", 0, 1)):
        asked = {**TRISTATE, "match": match, "column": "employees"}
        assert listing(asked, set_one) == "alpha beta"
        assert listing(asked, empty_one) == "gamma"
    assert listing(line("is_empty", "boolean", column="employees"), ON) == "gamma"
    assert listing(line("is_empty", "boolean", column="employees", set="owner"), ON) == ""


def test_a_value_or_nothing_while_another_filter_says_so(listing):
    asked = line("equals_or_empty", "integer", column="employees", or_empty="also")
    also = (line("nothing", "boolean"), True)
    assert listing(asked, 5) == "alpha"
    assert listing(asked, 5, also=also) == "alpha gamma"
    assert listing({**asked, "set": "owner"}, 5, also=also) == "alpha"


def test_the_records_of_a_site_are_those_of_none_as_well(world):
    site, other = (world.add("lookup_site_id", description=name) for name in ("here", "there"))
    here, there, nowhere = (
        world.add("organization", name="A", site_id=each) for each in (site, other, None)
    )
    lines = {
        "site": line("site", "integer", column="site_id", exclusive="only"),
        "only": line("nothing", "boolean"),
    }
    assert world.listed("account", lines, site=site) == [here, nowhere]
    assert world.listed("account", lines, site=site, only=True) == [here]
    assert world.listed("account", lines, site=-1) == [nowhere]
    assert world.listed("account", lines, site=-1, only=True) == [nowhere]
    assert there not in world.listed("account", lines, site=site)


def test_a_pattern_may_fit_one_of_several_columns(world):
    account = world.add("organization", name="Alpha")
    for columns in ({"namelast": "Stone"}, {"company": "STONEworks"}, {"org_id": account}):
        world.add("contact", access_type=1, **columns)
    asked = line("like_any", columns=["namelast", "company", "org_id.name"])
    assert len(world.listed("contact", {"f": asked}, f="%stone%")) == 2
    assert len(world.listed("contact", {"f": asked}, f="alpha")) == 1


def test_all_of_several_columns_or_any_of_them(world):
    category = {
        flag: world.add("permission_category", category="c", enabled=flag) for flag in (True, False)
    }
    made = {
        (own, its): world.add("permission", permission="p", enabled=own, category_id=category[its])
        for own in (True, False)
        for its in (True, False)
    }
    columns = {"columns": ["enabled", "category_id.enabled"], "type": "tristate"}

    def found(match: str, value: int) -> set[tuple[bool, bool]]:
        keys = world.listed("permission", {"f": {**columns, "match": match}}, f=value)
        return {pair for pair, key in made.items() if key in keys}

    assert found("all_equal", 1) == {(True, True)}
    assert found("all_equal", 0) == {(False, False)}
    assert found("any_equal", 1) == set(made) - {(False, False)}


def test_a_constant_is_met_or_not(listing):
    assert listing(line("equals_value", "boolean", column="employees", value=0), ON) == "beta"
    differs = line("differs_from", "boolean", column="employees", value=0)
    assert listing(differs, ON) == "alpha gamma"


def test_a_flag_that_is_empty_is_not_set(world):
    made = [world.add("campaign", name="c", active=flag) for flag in (True, False, None)]
    truth = {**TRISTATE, "match": "truth", "column": "active"}
    assert world.listed("campaign", {"f": truth}, f=1) == made[:1]
    assert world.listed("campaign", {"f": truth}, f=0) == made[1:]


def test_above_zero_or_not(listing):
    above = {**TRISTATE, "match": "above_zero", "column": "employees"}
    assert listing(above, 1) == "alpha"
    assert listing(above, 0) == "beta gamma"
    assert listing(line("above_zero", "boolean", column="employees"), ON) == "alpha"


def test_endings_in_any_letter_case(world):
    pictures = [world.add("project_files", client_filename=name) for name in ("a.GIF", "b.png")]
    world.add("project_files", client_filename="gif")
    world.add("project_files", client_filename="a.gif.txt")
    ends = line("ends_with", "boolean", column="client_filename", endings=[".gif", ".png"])
    assert world.listed("fileItem", {"f": ends}, f=True) == pictures


def test_some_columns_filled_and_others_empty(listing):
    asked = line("filled_and_empty", "boolean", filled=["employees"], empty_columns=["owner"])
    assert listing(asked, ON) == "beta"


def test_an_object_may_stand_on_either_side_of_a_relationship(world):
    made = [
        world.add(
            "relationship",
            type_id=1,
            category_id_maps_from=kinds[0],
            object_id_maps_from=objects[0],
            category_id_maps_to=kinds[1],
            object_id_maps_to=objects[1],
        )
        for kinds, objects in (((1, 1), (7, 8)), ((1, 1), (9, 7)), ((2, 1), (7, 9)))
    ]
    lines = {
        "dual": line("either_side", "boolean", category="kind", object="number"),
        "kind": line("nothing", "integer"),
        "number": line("nothing", "integer"),
    }
    assert world.listed("relationship", lines, dual=True, kind=1, number=7) == made[:2]
    assert world.listed("relationship", lines, dual=True, number=7) == made
    assert world.listed("relationship", lines, dual=True) == made


def test_a_filter_that_is_not_offered_is_an_error(world):
    with pytest.raises(Refused, match=r"^f: cannot be filtered by$"):
        world.listed("account", {"f": line("refuse")}, f="a")


# --- what every list of an object carries ------------------------------------------------


def test_trashed_and_unapproved_records_are_left_out(world):
    good, waiting, approved, trashed = (
        world.add("organization", name="A", **columns)
        for columns in (
            {},
            {"status_id": 1},
            {"status_id": 7},
            {"trashed_date": NOW - timedelta(days=1)},
        )
    )
    always = [{"name": "not_trashed", "unless": ["all"]}, {"name": "approved"}]
    lines = {"all": line("nothing", "boolean")}
    assert world.listed("account", {}, always=always) == [good, approved]
    assert world.listed("account", lines, always=always, all=True) == [good, approved, trashed]
    assert waiting in world.listed("account", {})


def test_the_own_company_and_all_its_contacts_but_the_staff(world):
    account = world.add("organization", name="A")
    private, of_account, staff, visitor = (
        world.add("contact", access_type=1, **columns)
        for columns in (
            {},
            {"org_id": account},
            {"org_id": 0, "employee": True},
            {"org_id": 0, "employee": False},
        )
    )
    listed = world.listed("contact", {}, always=[{"name": "own_company_staff"}])
    assert listed == [private, of_account, staff]
    assert visitor in world.listed("contact", {})
    assert world.listed("account", {}, always=[{"name": "not_own_company"}]) == [account]


def test_conditions_on_a_column(world, accounts):
    alpha, beta, gamma = accounts.values()
    filled = {"name": "filled", "column": "employees"}
    assert world.listed("account", {}, always=[filled]) == [alpha, beta]
    assert world.listed("account", {}, always=[{**filled, "above": 0}]) == [alpha]
    assert world.listed("account", {}, always=[{"name": "is_true", "column": "miner_only"}]) == [
        alpha
    ]
    among = {"name": "not_among", "column": "employees", "values": [5, 6]}
    assert world.listed("account", {}, always=[among]) == [beta, gamma]


def test_codes_below_zero_stand_for_no_choice(world):
    none = world.add("lookup_industry", code=-1, description="None")
    codes = world.listed("lookupIndustry", {}, least=-1)
    offered = world.listed("lookupIndustry", {}, always=[{"name": "code_not_negative"}], least=-1)
    assert set(codes) - set(offered) == {none}
