"""Matches that look at the rows of other tables, and at users and what they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from packetserver.catalogue.conditions import (
    BELOW,
    EVERY,
    NOTHING,
    All,
    Column,
    Compare,
    Condition,
    Empty,
    Exists,
    First,
    In,
    Linked,
    Literal,
    Not,
    Special,
)
from packetserver.catalogue.conditions import Any as AnyOf
from packetserver.failures import because
from packetserver.records.filters.comparing import (
    COMPARISONS,
    begun,
    is_one_of,
    is_true,
    lasts,
    public_access,
)
from packetserver.records.filters.matching import (
    MATCHES,
    WIDENING,
    Asked,
    by_itself,
    column,
    has,
    is_value,
    match,
)

USER, ENTERED_BY = Column("user_id"), Column("enteredby")


def linked_rows(asked: Asked) -> Linked:
    """The rows that the arguments `table`, `link` and `on` describe, as derivations do."""
    on = asked.text("on")
    return Linked(asked.text("table"), asked.text("link"), column(on).path if on else "")


@match("exists_in")
def _exists_in(asked: Asked) -> Condition:
    """Rows of `table` that belong to the record and whose column `compares` matches as `how`.

    Nothing stored there matches too while the filter `or_empty` is in force; the column `empty` of
    the row must have nothing.
    """
    compared = Column(asked.text("compares"))
    found = _compared(asked, compared)
    if asked.has("or_empty"):
        found = AnyOf((found, Empty(compared)))
    empty = (Empty(Column(path)) for path in asked.named.texts("empty"))
    return Exists(linked_rows(asked), All((found, *empty)))


@match("first_of")
def _first_of(asked: Asked) -> Condition:
    """The same of the one row that the derivation `first_of` shows."""
    first = First(linked_rows(asked), asked.text("compares"), asked.text("first"))
    return _compared(asked, first)


def _compared(asked: Asked, operand: Column | First) -> Condition:
    value = asked.compared(operand.path, asked.text("table"))
    return COMPARISONS[asked.text("how", "equals")](operand, value)


@match("has_rows")
def _has_rows(asked: Asked) -> Condition:
    """True or 1: there are rows of `table`; 0: there are none."""
    return asked.yes_or_no(Exists(linked_rows(asked)))


@match("no_rows")
def _no_rows(asked: Asked) -> Condition:
    """There are no rows of `table`."""
    return Not(Exists(linked_rows(asked)))


@match("member_or_entered_by")
def _member_or_entered_by(asked: Asked) -> Condition:
    """One of the users is in column `compares` of a row, or entered the record."""
    is_member = is_one_of(Column(asked.text("compares")), asked.value)
    return AnyOf((Exists(linked_rows(asked), is_member), is_one_of(ENTERED_BY, asked.value)))


def _also_used_by(asked: Asked) -> Condition:
    """The record that the row of `table` points to whose column `compares` is the value."""
    return Exists(linked_rows(asked), is_value(Column(asked.text("compares")), asked.value))


WIDENING["also_used_by"] = _also_used_by
MATCHES["also_used_by"] = by_itself


# Users, their roles, their contacts, and what they are members of. Nobody needs to see the rows of
# these for a filter to look at them.


def among(table: str, link: str, on: str, *where: Condition) -> Condition:
    """A column is the ``link`` of such a row."""
    return Exists(Linked(table, link, on, free=True), All(where))


@match("enabled_user")
def _enabled_user(asked: Asked) -> Condition:
    """The column names a user who is enabled."""
    return among("access", "user_id", asked.column.path, is_true(Column("enabled")))


@match("enabled_contact")
def _enabled_contact(asked: Asked) -> Condition:
    """1: the column names a contact that is enabled and not trashed, or none; 0: another."""
    usable = (is_true(Column("enabled")), Empty(Column("trashed_date")))
    named = among("contact", "contact_id", asked.column.path, *usable)
    return asked.yes_or_no(AnyOf((Empty(asked.column), named)))


@match("user_or_below")
def _user_or_below(asked: Asked) -> Condition:
    """The column names the user, or somebody whom the user manages, however far below."""
    return Special(BELOW, (asked.column, Literal(asked.value)))


@match("asker_or_below")
def _asker_or_below(asked: Asked) -> Condition | None:
    """The column names the user who asks, or somebody below; nobody in particular sees all."""
    user = asked.filtering.user
    return None if user is None else Special(BELOW, (asked.column, Literal(user)))


VERBS = frozenset({"view", "add", "edit", "delete"})
"""What a permission's name ends with: the variant that a role may hold."""


@match("role_has_permission")
def _role_has_permission(asked: Asked) -> Condition | None:
    """The column names a role that holds one of the permissions, full names between commas."""
    names = [name.strip().rpartition("-") for name in str(asked.value).split(",")]
    is_alone = bool(asked.named.texts("with")) and not asked.has("with")
    if is_alone and not any(verb in VERBS for *_, verb in names):
        # Alone, a text that names no permission asks nothing: so it was always.
        return None
    wanted = tuple(
        All((_permission(base), is_true(Column(f"role_{verb}"))))
        for base, _, verb in names
        if verb in VERBS
    )
    return among("role_permission", "role_id", asked.column.path, AnyOf(wanted))


def _permission(name: str) -> Condition:
    named = is_value(Column("permission"), name)
    return among("permission", "permission_id", "permission_id", named, is_true(Column("enabled")))


def active_in_project(project: str, user: int) -> Condition:
    """A user is an active member of the team of the project that a column names."""
    return among("project_team", "project_id", project, is_value(USER, user), _is_active())


def _is_active() -> Condition:
    return Empty(Column("status"))


@match("linked_project_of_member")
def _linked_project_of_member(asked: Asked) -> Condition:
    """A row of `table` links the record to a project in whose team the user is active."""
    return Exists(linked_rows(asked), active_in_project("project_id", asked.value))


@match("project_open_to_user")
def _project_open_to_user(asked: Asked) -> Condition:
    """The column names a project in whose team the user is active, or an approved one for guests."""
    project, for_guests = asked.column.path, is_true(Column("allow_guests"))
    is_open = among("projects", "project_id", project, has(Column("approvaldate")), for_guests)
    return AnyOf((active_in_project(project, asked.value), is_open))


@match("shared_with_user")
def _shared_with_user(asked: Asked) -> Condition:
    """A row of `table` names a user group of the user; or one of other users entered the record.

    `or_entered_by` is the filter that has those.
    """
    shared = Exists(linked_rows(asked), in_group("user_group_id", asked.value))
    others = asked.other("or_entered_by")
    return shared if others is None else AnyOf((shared, is_one_of(ENTERED_BY, others)))


def in_group(group: str, user: int) -> Condition:
    """A user belongs to the user group that a column names."""
    return among("user_group_map", "group_id", group, is_value(USER, user))


@match("document_store_of_user")
def _document_store_of_user(asked: Asked) -> Condition:
    """A store that the user is a member of, or the role or the department that filters name.

    The latter two count for the site of another filter, or for none when it is not sent.
    """
    found = [_member(asked, "user", asked.value)]
    site = asked.other("site")
    at_site = Empty(Column("site_id")) if site is None else is_value(Column("site_id"), site)
    for kind in ("role", "department"):
        member = asked.other(kind)
        if member is not None:
            found.append(_member(asked, kind, member, at_site))
    return AnyOf(tuple(found))


@match("document_store_of")
def _document_store_of(asked: Asked) -> Condition:
    """A store whose members of that `kind` the value is; at the site of a filter, where it is sent."""
    site = asked.other("site")
    at_site = [] if site is None else [is_value(Column("site_id"), site)]
    return _member(asked, asked.text("kind"), asked.value, *at_site)


@match("document_store_at")
def _document_store_at(asked: Asked) -> Condition:
    """A store that has roles or departments of a site for members."""
    at_site = is_value(Column("site_id"), asked.value)
    return AnyOf(tuple(_members(asked, kind, at_site) for kind in ("role", "department")))


def _member(asked: Asked, kind: str, member: int, *where: Condition) -> Condition:
    return _members(asked, kind, is_value(Column("item_id"), member), *where)


def _members(asked: Asked, kind: str, *where: Condition) -> Condition:
    """The tables of the members of document stores are called by what the members are."""
    table = f"document_store_{kind}_member"
    return among(table, "document_store_id", asked.key.path, *where)


# Leads: contacts that somebody is still to read, to assign or to work on.

UNREAD, UNPROCESSED, ASSIGNED, TRASHED = range(4)
ANY = -1
LISTED = (UNPROCESSED, ASSIGNED, TRASHED)
"""The states in which a lead is still one."""

READ_BY, SKIPPED_BY = "contact_lead_read_map", "contact_lead_skipped_map"
STATUS, IS_LEAD = Column("lead_status"), is_true(Column("lead"))


@match("lead_status")
def _lead_status(asked: Asked) -> Condition | None:
    """Leads in a state; -1 are those in any, while the filter `leads` is 1.

    The unread ones depend on that filter too, and on the user whom the filter `reader` names.
    """
    only_leads = asked.other("leads") == 1
    if asked.value in LISTED:
        return All((IS_LEAD, is_value(STATUS, asked.value)))
    if asked.value == ANY:
        return All((IS_LEAD, In(STATUS, LISTED))) if only_leads else None
    if asked.value == UNREAD and only_leads:
        unread = _unread(asked, asked.other("reader"))
        return All((IS_LEAD, is_value(STATUS, UNPROCESSED), unread))
    return is_value(STATUS, asked.value)


def _unread(asked: Asked, reader: int | None) -> Condition:
    """Nobody has read the lead but perhaps the reader, who has not skipped it."""
    if reader is None:
        return Not(_noted(asked, READ_BY, EVERY))
    others = All((has(USER), Not(is_value(USER, reader))))
    skipped = _noted(asked, SKIPPED_BY, is_value(USER, reader))
    return All((Not(_noted(asked, READ_BY, others)), Not(skipped)))


@match("lead_read_by")
def _lead_read_by(asked: Asked) -> Condition | None:
    """Leads that a user has read and not skipped; only while one of the filters `with` is 1."""
    if not any(asked.filtering.values.get(name) for name in asked.named.texts("with")):
        return None
    by_user = is_value(USER, asked.value)
    skipped = _noted(asked, SKIPPED_BY, by_user)
    return All((IS_LEAD, _noted(asked, READ_BY, by_user), Not(skipped)))


@match("lead_owner_or_reader")
def _lead_owner_or_reader(asked: Asked) -> Condition:
    """Leads that the user in the filter `user`, or who asks, owns or has read, and not skipped."""
    sent = asked.other("user")
    user = asked.filtering.user if sent is None else sent
    if user is None:
        return NOTHING
    by_user = is_value(USER, user)
    own = AnyOf((is_value(Column("owner"), user), _noted(asked, READ_BY, by_user)))
    return All((IS_LEAD, own, Not(_noted(asked, SKIPPED_BY, by_user))))


def _noted(asked: Asked, table: str, where: Condition) -> Condition:
    """One of the two maps has such a row for the contact."""
    return among(table, "contact_id", asked.key.path, where)


# News articles: which ones are to be read, were, or will be.

DRAFT, PUBLISHED = 1, 2
START, END = Column("start_date"), Column("end_date")
IS_PUBLISHED = is_value(Column("status"), PUBLISHED)


def _current(asked: Asked) -> Condition:
    now = asked.filtering.now
    return All((IS_PUBLISHED, begun(START, now), lasts(END, now)))


def _archived(asked: Asked) -> Condition:
    return All((IS_PUBLISHED, Compare(END, "<=", Literal(asked.filtering.now))))


def _unreleased(asked: Asked) -> Condition:
    return All((IS_PUBLISHED, Compare(START, ">", Literal(asked.filtering.now))))


def _incomplete(_asked: Asked) -> Condition:
    return AnyOf((Empty(Column("status")), is_value(Column("status"), DRAFT)))


STATES: Mapping[str, Callable[[Asked], Condition]] = {
    "current": _current,
    "archived": _archived,
    "unreleased": _unreleased,
    "incomplete": _incomplete,
    "overview": lambda asked: AnyOf((_current(asked), _unreleased(asked), _incomplete(asked))),
}
"""By the name that `state` of a schema gives."""


@match("news_state")
def _news_state(asked: Asked) -> Condition | None:
    """True or 1: the article is in the `state`; 0 asks nothing."""
    return STATES[asked.text("state")](asked) if asked.value else None


# Opportunities, products, action plans.


@match("owned_component")
def _owned_component(asked: Asked) -> Condition:
    """A component whose owner compares as `how`.

    Of one user: also what has no component yet, and that user for its manager. Of several: also
    what has a public access type, while the filter `hierarchy` is 0.
    """
    how = asked.text("how")
    owned = _component(asked, COMPARISONS[how](Column("owner"), asked.value))
    if how == "equals":
        managed = is_value(Column("manager"), asked.value)
        return AnyOf((owned, All((Not(_component(asked)), managed))))
    if asked.other("hierarchy") == 0:
        return AnyOf((owned, public_access("access_type")))
    return owned


def _component(asked: Asked, *where: Condition) -> Condition:
    return among("opportunity_component", "opp_id", asked.key.path, *where)


@match("active_product")
def _active_product(asked: Asked) -> Condition:
    """1: the product is active and on sale now, at a price that holds now; 0: it is not."""
    holds = _holds(asked)
    enabled = is_true(Column("enabled"))
    priced = among("product_catalog_pricing", "product_id", asked.key.path, enabled, *holds)
    return asked.yes_or_no(All((is_true(Column("active")), *holds, priced)))


def _holds(asked: Asked) -> tuple[Condition, Condition]:
    now = asked.filtering.now
    return begun(START, now), lasts(Column("expiration_date"), now)


ATTACH_OPPORTUNITY = 110061030
"""The constant of the action that links a step to an opportunity."""

ITEMS = Linked("action_item_work", "phase_work_id.plan_work_id")


@match("mapped_to_category")
def _mapped_to_category(asked: Asked) -> Condition:
    """Plans mapped to a category; the value is the name of the categories' table.

    `tables` has the map for each, `categories` the filters of which the first in force counts.
    Without any, every category of the table counts, or none while the filter `or_nothing` is in
    force. Raises Refused for another table.
    """
    tables, values = asked.named.arguments["tables"], asked.filtering.values
    if asked.value not in tables:
        raise because(f"{asked.name}: can only be {' or '.join(tables)}")
    sent = [values[name] for name in asked.named.texts("categories") if name in values]
    if not sent and asked.has("or_nothing"):
        return NOTHING
    of_category = [is_value(Column("category_id"), sent[0])] if sent else []
    return among(tables[asked.value], "plan_id", asked.key.path, *of_category)


@match("plan_of_opportunity")
def _plan_of_opportunity(asked: Asked) -> Condition:
    """Plans with a step that an opportunity, or one of its components, is attached to."""
    of_opportunity = is_value(Column("opp_id"), asked.value)
    component = among("opportunity_component", "id", "link_item_id", of_opportunity)
    attaches = is_value(Column("action_step_id.action_id.constant_id"), ATTACH_OPPORTUNITY)
    itself = is_value(Column("link_item_id"), asked.value)
    return Exists(ITEMS, All((attaches, AnyOf((itself, component)))))


@match("running_step_of_user")
def _running_step_of_user(asked: Asked) -> Condition:
    """Plans with a step under way that the user owns, or may work on for what the user is."""
    user = asked.value
    running = (has(Column("start_date")), Empty(Column("end_date")))
    owned = is_value(Column("owner"), user)
    return Exists(ITEMS, All((*running, AnyOf((owned, *_open_to(user))))))


def _open_to(user: Any) -> tuple[Condition, ...]:
    """The step names the user's role, the user's department, or a group of the user."""
    itself = is_value(USER, user)
    return (
        among("access", "role_id", "action_step_id.role_id", itself),
        among("access", "contact_id.department", "action_step_id.department_id", itself),
        in_group("action_step_id.group_id", user),
    )
