"""Conditions that every list of an object carries unless a filter switches them off."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, or_

from packetserver.catalogue.model import Filter, Named
from packetserver.store.filters import match
from packetserver.store.scope import Selection

Condition = ColumnElement[bool] | None

APPROVED = 7
"""The status of an imported record that somebody has approved."""

OWN_COMPANY = 0
"""The account that stands for the installation's own company."""


@match("not_trashed")
def _not_trashed(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    return selection.scope.column(named.text("column", "trashed_date")).is_(None)


@match("approved")
def _approved(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    status = selection.scope.column("status_id")
    return or_(status.is_(None), status == APPROVED)


@match("not_own_company")
def _not_own_company(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    return selection.scope.key != OWN_COMPANY


@match("code_not_negative")
def _code_not_negative(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    return selection.scope.key >= 0
