"""Matches that look at the rows of other tables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, literal, or_, select

from packetserver.catalogue.model import Filter, Named
from packetserver.store.filters import match
from packetserver.store.matches.comparing import COMPARISONS, database_value
from packetserver.store.scope import Scope, Selection

Condition = ColumnElement[bool] | None


def linked(scope: Scope, named: Named) -> tuple[Any, ColumnElement[bool]]:
    """The table that a name argument gives, and the condition that links its rows to the record.

    `link` is the column of `table` that equals `on`, a column of the record (by default its key).
    """
    table = named.text("table")
    other = scope.other(table)
    own = named.text("on")
    left = scope.follow(scope.object.table or "", scope.table, own) if own else scope.key
    return other, scope.follow(table, other, named.text("link")) == left


@match("exists_in")
def _exists_in(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """Rows of `table` that belong to the record and whose column `compares` matches as `how`."""
    scope = selection.scope
    other, link = linked(scope, named)
    conditions = [link]
    if "compares" in named.arguments:
        column = scope.follow(named.text("table"), other, named.text("compares"))
        compare = COMPARISONS[named.text("how", "equals")]
        found = compare(column, database_value(one, value))
        if selection.in_force(named.texts("or_empty")):
            found = or_(found, column.is_(None))
        conditions.append(found)
    if "empty" in named.arguments:
        conditions.append(other.c[named.text("empty")].is_(None))
    present = exists(select(literal(1)).select_from(other).where(and_(*conditions)))
    return present
