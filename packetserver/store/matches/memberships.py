"""Matches that ask what a user belongs to: project teams, user groups, document stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select

from packetserver.catalogue.model import NOTHING, Filter, Named
from packetserver.store.derivations.rows import linked_rows
from packetserver.store.filters import match
from packetserver.store.matches.comparing import compared_column
from packetserver.store.scope import Scope, Selection

Condition = ColumnElement[bool] | None

MEMBERS = "document_store_{}_member"
"""The tables of the members of document stores, by what the members are."""


@match("linked_project_of_member")
def _linked_project_of_member(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """A row of `table` links the record to a project in whose team the user is active."""
    rows = linked_rows(selection.scope, named)
    return rows.found(active_in_project(selection.scope, rows.column("project_id"), value))


@match("project_open_to_user")
def _project_open_to_user(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """The column names a project in whose team the user is active, or an approved one for guests."""
    scope = selection.scope
    column = compared_column(selection, named, one)
    projects = scope.other("projects")
    for_guests = select(projects.c.project_id).where(
        projects.c.approvaldate.is_not(None), projects.c.allow_guests.is_(True)
    )
    return or_(active_in_project(scope, column, value), column.in_(for_guests))


def active_in_project(scope: Scope, project: ColumnElement[Any], user: int) -> ColumnElement[bool]:
    """Whether a user is an active member of a project's team."""
    team = scope.other("project_team")
    active = select(team.c.project_id).where(team.c.user_id == user, team.c.status.is_(None))
    return project.in_(active.correlate_except(team))


@match("shared_with_user")
def _shared_with_user(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """A row of `table` names a user group of the user; or one of other users entered the record.

    `or_entered_by` is the filter that has those.
    """
    rows = linked_rows(selection.scope, named)
    shared = rows.found(rows.column("user_group_id").in_(groups_of(selection.scope, value)))
    others = selection.values.get(named.text("or_entered_by"))
    if others is None:
        return shared
    return or_(shared, selection.scope.column("enteredby").in_(others))


def groups_of(scope: Scope, user: int) -> Select[Any]:
    """The keys of the user groups that a user belongs to."""
    groups = scope.other("user_group_map")
    found = select(groups.c.group_id).where(groups.c.user_id == user)
    return found.correlate_except(groups)


@match("document_store_of_user")
def _document_store_of_user(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """A store that the user is a member of, or the role or the department that filters name.

    The latter two count for the site of another filter, or for none when it is not sent.
    """
    found = [_member(selection, "user", value)]
    site = selection.values.get(named.text("site"))
    for kind in ("role", "department"):
        member = selection.values.get(named.text(kind))
        if member is not None:
            found.append(_member(selection, kind, member, {"site_id": site}))
    return or_(*found)


@match("document_store_of")
def _document_store_of(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """A store whose members of that `kind` the value is; at the site of a filter, where it is sent."""
    site = selection.values.get(named.text("site"))
    return _member(selection, named.text("kind"), value, {} if site is None else {"site_id": site})


@match("document_store_at")
def _document_store_at(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """A store that has roles or departments of a site for members."""
    members = (selection.scope.other(MEMBERS.format(kind)) for kind in ("role", "department"))
    stores = (select(each.c.document_store_id).where(each.c.site_id == value) for each in members)
    return or_(*(selection.scope.key.in_(each) for each in stores))


def _member(
    selection: Selection, kind: str, member: int, more: Mapping[str, Any] = NOTHING
) -> ColumnElement[bool]:
    scope = selection.scope
    members = scope.other(MEMBERS.format(kind))
    wanted = {"item_id": member, **more}
    stores = select(members.c.document_store_id)
    # `== None` is how SQLAlchemy says IS NULL.
    stores = stores.where(*(members.c[name] == wanted[name] for name in wanted))
    return scope.key.in_(stores.correlate_except(members))
