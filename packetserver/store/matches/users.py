"""Matches that look at users, their roles and their contacts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select

from packetserver.catalogue.model import Filter, Named
from packetserver.store.filters import match
from packetserver.store.matches.comparing import compared_column, yes_or_no
from packetserver.store.scope import Selection

Condition = ColumnElement[bool] | None

VERBS = frozenset({"view", "add", "edit", "delete"})
"""What a permission's name ends with: the variant that a role may hold."""


@match("enabled_user")
def _enabled_user(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The column names a user who is enabled."""
    users = selection.scope.other("access")
    enabled = select(users.c.user_id).where(users.c.enabled.is_(True))
    return compared_column(selection, named, one).in_(enabled)


@match("enabled_contact")
def _enabled_contact(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """1: the column names a contact that is enabled and not trashed, or none; 0: another."""
    contacts = selection.scope.other("contact")
    column = compared_column(selection, named, one)
    usable = select(contacts.c.contact_id).where(
        contacts.c.enabled.is_(True), contacts.c.trashed_date.is_(None)
    )
    return yes_or_no(or_(column.is_(None), column.in_(usable)), value)


@match("user_or_below")
def _user_or_below(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The column names the user, or somebody whom the user manages, however far below."""
    users, below = selection.scope.other("access"), selection.scope.other("access")
    team = select(users.c.user_id).where(users.c.user_id == value).cte(recursive=True)
    # UNION, not UNION ALL: users who manage each other in a circle must not go round for ever.
    team = team.union(select(below.c.user_id).where(below.c.manager_id == team.c.user_id))
    return compared_column(selection, named, one).in_(select(team.c.user_id))


@match("asker_or_below")
def _asker_or_below(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """The column names the user who asks, or somebody below; nobody in particular sees all."""
    if selection.user is None:
        return None
    return _user_or_below(selection, named, one, selection.user)


@match("role_has_permission")
def _role_has_permission(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """The column names a role that holds one of the permissions, full names between commas."""
    permissions, held = (selection.scope.other(name) for name in ("permission", "role_permission"))
    names = [name.strip().rpartition("-") for name in str(value).split(",")]
    beside, is_named = named.texts("with"), any(verb in VERBS for *_, verb in names)
    if beside and not selection.in_force(beside) and not is_named:
        # Alone, a text that names no permission asks nothing: so it was always.
        return None
    wanted = [
        and_(permissions.c.permission == base, held.c[f"role_{verb}"].is_(True))
        for base, _, verb in names
        if verb in VERBS
    ]
    roles = (
        select(held.c.role_id)
        .join_from(held, permissions, permissions.c.permission_id == held.c.permission_id)
        .where(permissions.c.enabled.is_(True), or_(false(), *wanted))
    )
    return compared_column(selection, named, one).in_(roles)
