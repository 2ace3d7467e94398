"""Matches of action plans and of the work on them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select

from packetserver.catalogue.model import Filter, Named
from packetserver.failures import because
from packetserver.store.derivations.rows import Rows, linked_rows
from packetserver.store.filters import match
from packetserver.store.matches.memberships import groups_of
from packetserver.store.scope import Selection

Condition = ColumnElement[bool] | None

ATTACH_OPPORTUNITY = 110061030
"""The constant of the action that links a step to an opportunity."""

ITEMS = Named("items", {"table": "action_item_work", "link": "phase_work_id.plan_work_id"})


@match("mapped_to_category")
def _mapped_to_category(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """Plans mapped to a category; the value is the name of the categories' table.

    `tables` has the map for each, `categories` the filters of which the first in force counts.
    Without any, every category of the table counts, or none while the filter `or_nothing` is in
    force. Raises Refused for
    another table.
    """
    tables = named.arguments["tables"]
    if value not in tables:
        name = one.name if one is not None else named.name
        raise because(f"{name}: can only be {' or '.join(tables)}")
    sent = [
        selection.values[name] for name in named.texts("categories") if name in selection.values
    ]
    if not sent and selection.in_force(named.texts("or_nothing")):
        return false()
    maps = selection.scope.other(tables[value])
    mapped = select(maps.c.plan_id).where(maps.c.plan_id.is_not(None))
    mapped = mapped.where(maps.c.category_id == sent[0]) if sent else mapped
    return selection.scope.key.in_(mapped)


@match("plan_of_opportunity")
def _plan_of_opportunity(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """Plans with a step that an opportunity, or one of its components, is attached to."""
    items = linked_rows(selection.scope, ITEMS)
    components = selection.scope.other("opportunity_component")
    linked = items.column("link_item_id")
    attached = select(components.c.id).where(components.c.opp_id == value)
    return items.found(
        items.column("action_step_id.action_id.constant_id") == ATTACH_OPPORTUNITY,
        or_(linked == value, linked.in_(attached)),
    )


@match("running_step_of_user")
def _running_step_of_user(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """Plans with a step under way that the user owns, or may work on for what the user is."""
    items = linked_rows(selection.scope, ITEMS)
    running = and_(items.column("start_date").is_not(None), items.column("end_date").is_(None))
    owned = items.column("owner") == value
    return items.found(running, or_(owned, *_open_to(selection, items, value)))


def _open_to(selection: Selection, items: Rows, user: int) -> list[ColumnElement[bool]]:
    """Whether the step names the user's role, the user's department, or a group of the user."""
    scope = selection.scope
    users = scope.other("access")
    role = select(users.c.role_id)
    department = select(scope.follow("access", users, "contact_id.department"))
    own = (each.where(users.c.user_id == user).scalar_subquery() for each in (role, department))
    paths = ("action_step_id.role_id", "action_step_id.department_id")
    found = [items.column(path) == each for path, each in zip(paths, own, strict=True)]
    return [*found, items.column("action_step_id.group_id").in_(groups_of(scope, user))]
