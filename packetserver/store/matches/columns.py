"""Matches that look at one column of the record, or of a record that it points to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from packetserver.catalogue.model import Filter, Named
from packetserver.store.filters import MATCHES, ORDER, Match, match
from packetserver.store.matches.comparing import (
    COMPARISONS,
    Comparison,
    compared_column,
    database_value,
    like_ignoring_case,
)
from packetserver.store.scope import Selection

Condition = ColumnElement[bool] | None


def _compares(comparison: Comparison) -> Match:
    def compare(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
        column = compared_column(selection, named, one)
        return comparison(column, database_value(one, value))

    return compare


for _name, _comparison in COMPARISONS.items():
    MATCHES[_name] = _compares(_comparison)


@match("is_set")
def _is_set(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """True or 1: something is stored; 0: nothing is."""
    column = compared_column(selection, named, one)
    return column.is_not(None) if value else column.is_(None)


@match("filled")
def _filled(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    return compared_column(selection, named, one).is_not(None)


@match("nothing")
def _nothing(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """A filter that has no effect by itself; others look at it."""
    return None


MATCHES[ORDER] = _nothing


@match("is_empty")
def _is_empty_column(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """Nothing is stored; `set` names a column of the record that must have something."""
    return _with_set(selection, named, compared_column(selection, named, one).is_(None))


@match("equals_or_empty")
def _equals_or_empty(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """The value, and nothing too while the filter named by `or_empty` is in force."""
    column = compared_column(selection, named, one)
    found = column == value
    if selection.in_force(named.texts("or_empty")):
        found = or_(found, column.is_(None))
    return _with_set(selection, named, found)


def _with_set(
    selection: Selection, named: Named, condition: ColumnElement[bool]
) -> ColumnElement[bool]:
    name = named.text("set")
    return and_(condition, selection.scope.column(name).is_not(None)) if name else condition


@match("site")
def _site(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The records of a site and those of none; of -1: those of none alone.

    While the filter named by `exclusive` is in force, the records of none are left out.
    """
    column = compared_column(selection, named, one)
    if value == -1:
        return column.is_(None)
    if selection.in_force(named.texts("exclusive")):
        return column == value
    return or_(column == value, column.is_(None))


@match("like_any")
def _like_any(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    columns = (selection.scope.column(name) for name in named.texts("columns"))
    return or_(*(like_ignoring_case(column, value) for column in columns))
