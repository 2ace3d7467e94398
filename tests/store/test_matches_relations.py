"""Matches that look at the rows of other tables, and at users; on both databases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from packetserver.failures import Refused
from packetserver.records.filters import MOST_VERIFIED, secret_keys

NOTHING = {"type": "integer", "match": "nothing"}
ON = {"type": "boolean", "match": "nothing", "none": "false"}


def line(match: str, type_: str = "integer", **arguments: Any) -> dict[str, Any]:
    return {"type": type_, "match": match, **arguments}


# --- rows --------------------------------------------------------------------------------


@pytest.fixture
def people(world) -> dict[str, int]:
    """Accounts `a` and `b`; contacts `ann` and `abe` of the first, `bob` of the second, `cal`."""
    a, b = (world.add("organization", name=name) for name in ("A", "B"))
    made = {
        name: world.add("contact", access_type=1, namefirst=name, org_id=account)
        for name, account in (("Ann", a), ("Abe", a), ("Bob", b), ("Cal", None))
    }
    return {"a": a, "b": b, **{name.lower(): key for name, key in made.items()}}


def test_records_are_found_by_rows_that_belong_to_them(world, people):
    rows = {"table": "contact", "link": "org_id", "compares": "namefirst"}
    like = line("exists_in", "text", how="like_if_percent", **rows)
    assert world.listed("account", {"f": like}, f="a%") == [people["a"]]
    assert world.listed("account", {"f": like}, f="BOB") == [people["b"]]
    assert world.listed("account", {"f": line("exists_in", "text", **rows)}, f="BOB") == []
    assert world.listed("account", {"f": like}, f="cal") == []


def test_rows_may_belong_by_way_of_other_records(world, people):
    world.add("contact_phone", contact_id=people["bob"], number="757")
    world.add("contact_phone", contact_id=people["cal"], number="757")
    by_phone = line(
        "exists_in", "text", table="contact_phone", link="contact_id.org_id", compares="number"
    )
    assert world.listed("account", {"f": by_phone}, f="757") == [people["b"]]
    world.add("organization_address", org_id=people["a"], postalcode="23510")
    by_code = line(
        "exists_in",
        "text",
        table="organization_address",
        link="org_id",
        on="org_id",
        compares="postalcode",
    )
    assert world.listed("contact", {"f": by_code}, f="23510") == [people["ann"], people["abe"]]


def test_rows_may_have_to_be_without_something(world, people):
    for trashed in (None, "2026-01-01"):
        account = people["b"] if trashed else people["a"]
        asset = world.add("asset", account_id=account, serial_number="S1")
        if trashed:
            world.records.update_rows(
                "asset", {"asset_id": asset}, {"trashed_date": datetime(2026, 1, 1)}
            )
    found = line(
        "exists_in",
        "text",
        table="asset",
        link="account_id",
        compares="serial_number",
        empty="trashed_date",
    )
    assert world.listed("account", {"f": found}, f="S1") == [people["a"]]


def test_rows_may_have_the_value_or_nothing(world, people):
    here, there = (world.add("lookup_site_id", description=name) for name in ("here", "there"))
    imports = {
        site: world.add("import", name="i", type=1, site_id=site) for site in (here, there, None)
    }
    for name, site in (("ann", here), ("abe", there), ("bob", None)):
        world.records.update_rows(
            "contact", {"contact_id": people[name]}, {"import_id": imports[site]}
        )
    rows = {"table": "import", "link": "import_id", "on": "import_id", "compares": "site_id"}
    lines = {"site": line("exists_in", or_empty="also", **rows), "also": ON}
    assert world.listed("contact", lines, site=here) == [people["ann"]]
    assert world.listed("contact", lines, site=here, also=True) == [people["ann"], people["bob"]]
    empty = {"f": line("exists_in", "boolean", how="is_empty", **rows)}
    assert world.listed("contact", empty, f=True) == [people["bob"]]


def test_a_filter_by_rows_can_be_turned_around(world, people):
    rows = {"table": "contact", "link": "org_id", "compares": "namefirst", "inverted": "not"}
    lines = {"f": line("exists_in", "text", **rows), "not": ON}
    assert world.listed("account", lines, f="Bob", **{"not": True}) == [people["a"]]


def test_only_the_row_that_is_shown_first_counts(world, people):
    for city, primary in (("Norfolk", False), ("Hampton", True)):
        world.add("contact_address", contact_id=people["ann"], city=city, primary_address=primary)
    first = {"table": "contact_address", "link": "contact_id", "first": "primary_address"}
    city = line("first_of", "text", compares="city", how="equals_ignoring_case", **first)
    assert world.listed("contact", {"f": city}, f="HAMPTON") == [people["ann"]]
    assert world.listed("contact", {"f": city}, f="norfolk") == []


def test_whether_there_are_rows_at_all(world, people):
    rows = {"table": "contact", "link": "org_id"}
    asked = {"f": line("has_rows", "tristate", none="-1", **rows)}
    lonely = world.add("organization", name="C")
    assert world.listed("account", asked, f=1) == [people["a"], people["b"]]
    assert world.listed("account", asked, f=0) == [lonely]
    assert world.listed("account", {}, always=[{"name": "no_rows", **rows}]) == [lonely]


def test_a_filter_may_widen_what_all_the_others_leave(world):
    made = [world.add("ticket_defect", title=title) for title in ("a", "b", "c")]
    ticket = world.add("ticket", problem="p", defect_id=made[2])
    lines = {
        "title": line("equals", "text", column="title"),
        "used": line("also_used_by", table="ticket", link="defect_id", compares="ticketid"),
    }
    enabled = [{"name": "is_true", "column": "enabled"}]
    world.records.update_rows("ticket_defect", {"defect_id": made[2]}, {"enabled": False})
    assert world.listed("ticketDefect", lines, always=enabled, title="a") == made[:1]
    assert world.listed("ticketDefect", lines, always=enabled, title="a", used=ticket) == [
        made[0],
        made[2],
    ]
    assert world.listed("ticketDefect", lines, always=enabled, title="a", used=-5) == made[:1]
    assert world.listed("ticketDefect", lines, used=ticket) == made


def test_filters_may_be_alternatives(world):
    ann, bob = world.add_user("ann"), world.add_user("bob")
    groups = [
        world.add("user_group", group_name=name, enabled=enabled)
        for name, enabled in (("of ann", False), ("enabled", True), ("of bob", False))
    ]
    world.add("user_group_map", group_id=groups[0], user_id=ann)
    world.add("user_group_map", group_id=groups[2], user_id=bob)
    member = {"table": "user_group_map", "link": "group_id", "compares": "user_id"}
    lines = {
        "user": line("exists_in", unless=["either"], **member),
        "enabled": line("equals", "tristate", column="enabled", unless=["either"]),
        "either": line("any_of", "boolean", filters=["user", "enabled"], none="false"),
    }
    assert world.listed("userGroup", lines, user=ann, enabled=1) == []
    assert world.listed("userGroup", lines, user=ann, enabled=1, either=True) == groups[:2]
    assert world.listed("userGroup", lines, user=ann, either=True) == groups[:1]
    assert world.listed("userGroup", lines, either=True) == groups


def test_an_order_demands_nothing_but_its_columns_come_first(world):
    made = [
        world.add("contact", access_type=1, namelast=name, potential=potential)
        for name, potential in (("B", 2.0), ("A", 2.0), ("A", 1.0), ("C", None))
    ]
    for contact, code in zip(made, ("2", "2", "1", "2"), strict=True):
        world.add("contact_address", contact_id=contact, postalcode=code)
    lines = {
        "f": line(
            "order",
            "tristate",
            order=["field:postalcode", "-potential"],
            order_otherwise=["path:access_type.description", "-namelast"],
        )
    }
    b, a, least, c = made
    by_name = {"order": ["namelast", "-potential"]}
    assert world.listed("contact", {}, **by_name) == [a, least, b, c]
    assert world.listed("contact", lines, f=1, **by_name) == [least, c, a, b]
    assert world.listed("contact", lines, f=0, **by_name) == [c, b, a, least]


# --- users -------------------------------------------------------------------------------


def test_contacts_are_found_by_whether_their_user_is_enabled(world):
    users = [world.add_user(name, enabled=name == "ann") for name in ("ann", "bob")]
    contacts = world.records.values("access", "contact_id", {"user_id": users[0]})
    enabled = {"f": line("enabled_user", "boolean", column="user_id", none="false")}
    assert world.listed("contact", enabled, f=True) == contacts


def test_a_contact_that_cannot_be_used_any_more(world):

    good = world.add("contact", access_type=1)
    disabled = world.add("contact", access_type=1, enabled=False)
    trashed = world.add("contact", access_type=1, trashed_date=datetime(2026, 1, 1))
    calls = [world.add("call_log", contact_id=key) for key in (good, None, disabled, trashed)]
    usable = {"f": line("enabled_contact", "tristate", column="contact_id", none="-1")}
    assert world.listed("call", usable, f=1) == calls[:2]
    assert world.listed("call", usable, f=0) == calls[2:]


def test_a_user_and_all_below_even_in_a_circle(world):
    boss = world.add_user("boss")
    chief = world.add_user("chief", manager_id=boss)
    clerk = world.add_user("clerk", manager_id=chief)
    world.add_user("stranger")
    world.records.update_rows("access", {"user_id": chief}, {"manager_id": clerk})
    below = {"f": line("user_or_below", column="owner")}
    owned = {user: world.add("organization", name="A", owner=user) for user in (boss, chief, clerk)}
    world.add("organization", name="nobody's")
    assert world.listed("account", below, f=chief) == [owned[chief], owned[clerk]]
    world.records.update_rows("access", {"user_id": chief}, {"manager_id": boss})
    assert world.listed("account", below, f=boss) == list(owned.values())
    assert world.listed("account", below, f=clerk) == [owned[clerk]]
    assert world.listed("account", below, f=999) == []


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("tools-view", "viewer editor"),
        ("tools-edit", "editor"),
        ("tools-delete, tools-edit", "editor"),
        ("other-view", ""),
        ("closed-view", ""),
        ("tools", ""),
        ("tools-VIEW", ""),
        ("-", ""),
    ],
)
def test_contacts_are_found_by_what_the_role_of_their_user_permits(world, names, found):
    category = world.add("permission_category", category="c")
    permission, closed = (
        world.add("permission", permission=name, category_id=category, enabled=name == "tools")
        for name in ("tools", "closed")
    )
    contacts = {}
    for name, rights in (
        ("viewer", {"role_view": True}),
        ("editor", {"role_view": True, "role_edit": True}),
        ("nobody", {}),
    ):
        role = world.add("role", role=name)
        world.add("role_permission", role_id=role, permission_id=permission, **rights)
        world.add("role_permission", role_id=role, permission_id=closed, role_view=True)
        user = world.add_user(name, role_id=role)
        contacts[world.records.value("access", "contact_id", {"user_id": user})] = name
    held = {"f": line("role_has_permission", "text", path="user_id.role_id")}
    listed = world.listed("contact", held, f=names)
    assert " ".join(contacts[key] for key in listed) == found


# --- leads -------------------------------------------------------------------------------

LEADS = {
    "status": line("lead_status", leads="leads", reader="user", none="-1"),
    "leads": line("equals", "tristate", column="lead", none="-1"),
    "user": NOTHING,
    "reader": line("lead_read_by", **{"with": ["leads"]}),
    "own": line("lead_owner_or_reader", "boolean", user="user"),
}


@pytest.fixture
def leads(world) -> dict[str, int]:
    """Users ann and bob; leads by what has happened to them."""
    ann, bob = world.add_user("ann"), world.add_user("bob")

    def lead(**columns: Any) -> int:
        return int(
            world.add("contact", **{"access_type": 1, "lead": True, "lead_status": 1, **columns})
        )

    made = {
        "fresh": lead(),
        "read": lead(),
        "skipped": lead(),
        "others": lead(),
        "owned": lead(owner=ann, lead_status=2),
        "no lead": lead(lead=False),
        "worked": lead(lead_status=4),
    }
    world.add("contact_lead_read_map", contact_id=made["read"], user_id=ann)
    world.add("contact_lead_read_map", contact_id=made["skipped"], user_id=ann)
    world.add("contact_lead_skipped_map", contact_id=made["skipped"], user_id=ann)
    world.add("contact_lead_read_map", contact_id=made["others"], user_id=bob)
    return {**made, "ann": ann, "bob": bob}


def names(leads: dict[str, int], keys: list[int]) -> set[str]:
    return {name for name, key in leads.items() if key in keys and name not in {"ann", "bob"}}


def test_leads_by_their_state(world, leads):
    listed = world.listed("contact", LEADS, status=2)
    assert names(leads, listed) == {"owned"}
    listed = world.listed("contact", LEADS, status=1)
    assert names(leads, listed) == {"fresh", "read", "skipped", "others"}
    assert names(leads, world.listed("contact", LEADS, status=4)) == {"worked"}
    assert names(leads, world.listed("contact", LEADS, status=0)) == set()
    listed = world.listed("contact", LEADS, status=-1, leads=1)
    assert names(leads, listed) == {"fresh", "read", "skipped", "others", "owned"}
    assert len(world.listed("contact", LEADS, status=-1)) == len(world.listed("contact", {}))


def test_unread_leads_depend_on_who_reads(world, leads):
    unread = {"status": 0, "leads": 1}
    listed = world.listed("contact", LEADS, **unread, user=leads["ann"])
    assert names(leads, listed) == {"fresh", "read"}
    listed = world.listed("contact", LEADS, **unread, user=leads["bob"])
    assert names(leads, listed) == {"fresh", "others"}
    assert names(leads, world.listed("contact", LEADS, **unread)) == {"fresh"}


def test_leads_that_a_user_has_read(world, leads):
    read = {"reader": leads["ann"]}
    assert names(leads, world.listed("contact", LEADS, **read, leads=1)) == {"read"}
    not_leads = world.listed("contact", LEADS, **read, leads=0)
    assert names(leads, not_leads) == {"no lead"}
    assert len(world.listed("contact", LEADS, **read)) == len(world.listed("contact", {}))


def test_leads_that_a_user_owns_or_has_read(world, leads):
    listed = world.listed("contact", LEADS, own=True, user=leads["ann"])
    assert names(leads, listed) == {"owned", "read"}
    assert world.listed("contact", LEADS, own=True) == []


# --- teams, groups, stores ---------------------------------------------------------------


@pytest.fixture
def projects(world) -> dict[str, int]:
    """Projects of user ann: a member, one who left, a guest, nothing at all."""

    ann = world.add_user("ann")
    made = {
        name: world.add("projects", title=name, **columns)
        for name, columns in (
            ("member", {}),
            ("left", {}),
            ("guests", {"allow_guests": True, "approvaldate": datetime(2026, 1, 1)}),
            ("not approved", {"allow_guests": True}),
            ("approved", {"approvaldate": datetime(2026, 1, 1)}),
        )
    }
    for name, status in (("member", None), ("left", -1)):
        world.add("project_team", project_id=made[name], user_id=ann, userlevel=1, status=status)
    return {**made, "ann": ann}


def test_tickets_of_the_projects_of_an_active_member(world, projects):
    tickets = {}
    for name in ("member", "left", "guests"):
        tickets[name] = world.add("ticket", problem=name)
        world.add("ticketlink_project", ticket_id=tickets[name], project_id=projects[name])
    world.add("ticket", problem="of no project")
    member = line("linked_project_of_member", table="ticketlink_project", link="ticket_id")
    assert world.listed("ticket", {"f": member}, f=projects["ann"]) == [tickets["member"]]
    assert world.listed("ticket", {"f": member}, f=0) == []


def test_what_is_open_to_a_user_in_projects(world, projects):
    issues = {
        name: world.add("project_files", link_module_id=module, link_item_id=projects[name])
        for name, module in (
            ("member", 4),
            ("left", 4),
            ("guests", 4),
            ("not approved", 4),
            ("approved", 4),
        )
    }
    other_module = world.add("project_files", link_module_id=1, link_item_id=projects["member"])
    open_to = line("project_open_to_user", column="link_item_id")
    listed = world.listed("fileItem", {"f": open_to}, f=projects["ann"])
    assert listed == [issues["member"], issues["guests"], other_module]
    of_projects = {**open_to, "where": {"link_module_id": 4}}
    listed = world.listed("fileItem", {"f": of_projects}, f=projects["ann"])
    assert listed == [issues["member"], issues["guests"]]


def test_records_of_members_or_of_who_entered_them(world, projects):
    ann = projects["ann"]
    own = world.add("projects", title="own", enteredby=ann)
    rows = {"table": "project_team", "link": "project_id", "compares": "user_id"}
    lines = {"f": line("member_or_entered_by", "id-list", **rows)}
    assert world.listed("project", lines, f=(ann, 999)) == [
        projects["member"],
        projects["left"],
        own,
    ]


def test_what_is_shared_with_the_groups_of_a_user(world):
    ann, bob = world.add_user("ann"), world.add_user("bob")
    group = world.add("user_group", group_name="g")
    world.add("user_group_map", group_id=group, user_id=ann)
    shared, entered = (
        world.add("campaign", name="shared"),
        world.add("campaign", name="e", enteredby=bob),
    )
    world.add("campaign_group_map", campaign_id=shared, user_group_id=group)
    rows = {"table": "campaign_group_map", "link": "campaign_id"}
    lines = {
        "f": line("shared_with_user", or_entered_by="others", **rows),
        "others": line("nothing", "id-list"),
    }
    assert world.listed("campaign", lines, f=ann) == [shared]
    assert world.listed("campaign", lines, f=bob) == []
    assert world.listed("campaign", lines, f=ann, others=(bob,)) == [shared, entered]


def test_document_stores_of_a_user_of_the_role_and_of_the_department(world):
    ann, site = world.add_user("ann"), world.add("lookup_site_id", description="here")
    stores = {
        name: world.add("document_store", title=name)
        for name in ("user", "role", "role here", "department", "none")
    }
    level = world.connection.execute(
        world.records.table("lookup_document_store_role").select()
    ).first()[0]
    for name, table, item, at in (
        ("user", "document_store_user_member", ann, site),
        ("role", "document_store_role_member", 1, None),
        ("role here", "document_store_role_member", 1, site),
        ("department", "document_store_department_member", 1, None),
    ):
        world.add(table, document_store_id=stores[name], item_id=item, userlevel=level, site_id=at)
    lines = {
        "user": line("document_store_of_user", role="role", department="dept", site="site"),
        "role": NOTHING,
        "dept": NOTHING,
        "site": NOTHING,
    }

    def found(**values: int) -> set[str]:
        listed = world.listed("documentStore", lines, user=ann, **values)
        return {name for name, key in stores.items() if key in listed}

    assert found() == {"user"}
    assert found(role=1) == {"user", "role"}
    assert found(role=1, site=site) == {"user", "role here"}
    assert found(role=2, dept=1) == {"user", "department"}


# --- secrets -----------------------------------------------------------------------------


def verify(stored: str, text: str) -> bool:
    return stored == f"hashed {text}"


SECRETS = {
    "secret": line("secret", "text", column="password"),
    "name": line("like", "text", column="username"),
}


def test_a_secret_is_compared_among_what_the_other_filters_leave(world):
    ann, bob = (world.add_user(name, password="hashed s3") for name in ("ann", "bob"))
    world.add_user("cal", password="hashed other")
    world.add_user("dan")
    seen = []

    def remembered(stored: str, text: str) -> bool:
        seen.append(stored)
        return verify(stored, text)

    keys = secret_keys(
        world.records, world.schema.scope(world.schema.catalogue.objects["user"]), remembered
    )
    own = {"secret_keys": keys}
    always = [{"name": "filled", "column": "contact_id", "above": 0}]
    assert world.listed("user", SECRETS, always=always, secret="s3", **own) == [ann, bob]
    seen.clear()
    assert world.listed("user", SECRETS, secret="s3", name="a%", **own) == [ann]
    assert set(seen) == {"hashed s3"}
    assert world.listed("user", SECRETS, secret="S3", name="a%", **own) == []
    assert world.listed("user", SECRETS, secret="s3", name="nobody", **own) == []


def test_a_secret_is_not_compared_with_those_of_everybody(world):
    for number in range(MOST_VERIFIED + 1):
        world.add_user(f"u{number}", password="hashed s3")
    keys = secret_keys(
        world.records, world.schema.scope(world.schema.catalogue.objects["user"]), verify
    )
    with pytest.raises(Refused, match="filter by more"):
        world.listed("user", SECRETS, secret="s3", name="u%", secret_keys=keys)
    listed = world.listed("user", SECRETS, secret="s3", name="u1%", secret_keys=keys)
    assert len(listed) == 11


def test_no_secret_is_compared_where_nothing_can_verify_one(world):
    with pytest.raises(Refused, match=r"^secret: cannot be filtered by$"):
        world.listed("user", SECRETS, secret="s3")
