"""Conditions that every list of an object carries unless a filter switches them off."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, false, or_

from packetserver.catalogue.model import Filter, Named
from packetserver.store.filters import match
from packetserver.store.matches.comparing import compared_column
from packetserver.store.scope import Scope, Selection, reference_path

Condition = ColumnElement[bool] | None

APPROVED = 7
"""The status of an imported record that somebody has approved."""

OWN_COMPANY = 0
"""The account that stands for the installation's own company."""

PUBLIC, CONTROLLED = 626030334, 626030335
"""The rules of access types: everybody may see a record; its owner and those above."""


def public_access(scope: Scope, path: str) -> ColumnElement[bool]:
    """Whether the access type that a path leads to is a public one."""
    return reference_path(scope, f"{path}.rule_id") == PUBLIC


@match("controlled_access")
def _controlled_access(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """1: the access type that the path `access` leads to is controlled by hierarchy; 0 asks nothing."""
    rule = reference_path(selection.scope, f"{named.text('access')}.rule_id")
    return rule == CONTROLLED if value else None


@match("none")
def _none(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """No record at all."""
    return false()


@match("not_trashed")
def _not_trashed(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    return selection.scope.column(named.text("column", "trashed_date")).is_(None)


@match("approved")
def _approved(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """Never imported, or imported and approved."""
    status = selection.scope.column("status_id")
    return or_(status.is_(None), status == APPROVED)


@match("not_own_company")
def _not_own_company(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    return selection.scope.key != OWN_COMPANY


@match("own_company_staff")
def _own_company_staff(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """Of the contacts of the own company, its employees alone."""
    account, employee = (selection.scope.column(name) for name in ("org_id", "employee"))
    return or_(account.is_(None), account != OWN_COMPANY, employee.is_(True))


@match("code_not_negative")
def _code_not_negative(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    return selection.scope.key >= 0


@match("filled")
def _filled(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The column has something; with `above` a number greater than that."""
    column = compared_column(selection, named, one)
    above = named.arguments.get("above")
    return column.is_not(None) if above is None else column > above


@match("is_true")
def _is_true(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    return compared_column(selection, named, one).is_(True)


@match("not_among")
def _not_among(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The column has none of the `values`, or nothing."""
    column = compared_column(selection, named, one)
    return or_(column.not_in(named.arguments["values"]), column.is_(None))
