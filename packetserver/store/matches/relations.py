"""Matches that look at the rows of other tables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, not_, or_

from packetserver.catalogue.model import Filter, Named
from packetserver.store.derivations.rows import linked_rows
from packetserver.store.filters import match
from packetserver.store.matches.comparing import COMPARISONS, database_value, yes_or_no
from packetserver.store.matches.qualifying import WIDENING
from packetserver.store.scope import Selection

Condition = ColumnElement[bool] | None


@match("exists_in")
def _exists_in(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """Rows of `table` that belong to the record and whose column `compares` matches as `how`.

    Nothing stored there matches too while the filter `or_empty` is in force; the column `empty` of
    the row must have nothing.
    """
    rows = linked_rows(selection.scope, named)
    found = [_compared(rows.column(named.text("compares")), named, one, value)]
    if selection.in_force(named.texts("or_empty")):
        found = [or_(*found, rows.column(named.text("compares")).is_(None))]
    found += [rows.column(path).is_(None) for path in named.texts("empty")]
    return rows.found(*found)


@match("first_of")
def _first_of(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The same of the one row that the derivation `first_of` shows."""
    first = linked_rows(selection.scope, named).first(named.text("compares"), named.text("first"))
    return _compared(first, named, one, value)


def _compared(
    column: ColumnElement[Any], named: Named, one: Filter | None, value: Any
) -> ColumnElement[bool]:
    return COMPARISONS[named.text("how", "equals")](column, database_value(column, one, value))


@match("has_rows")
def _has_rows(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """True or 1: there are rows of `table`; 0: there are none."""
    return yes_or_no(linked_rows(selection.scope, named).found(), value)


@match("no_rows")
def _no_rows(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """There are no rows of `table`."""
    return not_(linked_rows(selection.scope, named).found())


@match("member_or_entered_by")
def _member_or_entered_by(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """One of the users is in column `compares` of a row, or entered the record."""
    rows = linked_rows(selection.scope, named)
    entered_by = selection.scope.column("enteredby")
    return or_(rows.found(rows.column(named.text("compares")).in_(value)), entered_by.in_(value))


def _also_used_by(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The record that the row of `table` points to whose column `compares` is the value."""
    rows = linked_rows(selection.scope, named)
    return rows.found(rows.column(named.text("compares")) == value)


WIDENING["also_used_by"] = _also_used_by
