"""Matches that look at columns of the record, or of a record that it points to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_

from packetserver.catalogue.model import Filter, Named
from packetserver.failures import because
from packetserver.store.filters import MATCHES, NOTHING, ORDER, Match, match
from packetserver.store.folding import fold_case, folded
from packetserver.store.matches.comparing import (
    COMPARISONS,
    NO_ESCAPE,
    Comparison,
    compared_column,
    compared_columns,
    database_value,
    equal,
    like_ignoring_case,
    yes_or_no,
)
from packetserver.store.matches.standing import public_access
from packetserver.store.scope import Selection, reference_path

Condition = ColumnElement[bool] | None

SIDES = ("from", "to")


def _compares(comparison: Comparison) -> Match:
    def compare(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
        column = compared_column(selection, named, one)
        if named.arguments.get("zero_is_empty") and value == 0:
            return column.is_(None)
        found = comparison(column, database_value(column, one, value))
        return or_(found, *_alternatives(selection, named))

    return compare


def _alternatives(selection: Selection, named: Named) -> list[ColumnElement[bool]]:
    """What passes a comparison all the same.

    `or_key`: the record whose key another filter has; `or_public`: records of a public access type
    (a path to it) while the filter `hierarchy` is 0.
    """
    found: list[ColumnElement[bool]] = []
    key = selection.values.get(named.text("or_key"))
    if key is not None:
        found.append(selection.scope.key == key)
    if "or_public" in named.arguments and selection.values.get(named.text("hierarchy")) == 0:
        found.append(public_access(selection.scope, named.text("or_public")))
    return found


for _name, _comparison in COMPARISONS.items():
    MATCHES[_name] = _compares(_comparison)


@match("is_set")
def _is_set(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """True or 1: something is stored; 0: nothing is."""
    return yes_or_no(compared_column(selection, named, one).is_not(None), value)


@match(NOTHING)
def _nothing(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """A filter that has no effect by itself; others look at it."""
    return None


MATCHES[ORDER] = _nothing


@match("is_empty")
def _is_empty_column(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """True or 1: nothing is stored; 0: something is.

    `set` names a column of the record that must have something.
    """
    column = compared_column(selection, named, one)
    return _with_set(selection, named, yes_or_no(column.is_(None), value))


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
        return equal(column, value)
    return or_(column == value, column.is_(None))


@match("like_any")
def _like_any(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """A pattern that one of the `columns` fits, in any letter case."""
    columns = compared_columns(selection, named)
    return or_(*(like_ignoring_case(column, value) for column in columns))


def _all_or_any(join: Callable[..., ColumnElement[bool]]) -> Match:
    def compare(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
        columns = compared_columns(selection, named)
        return join(*(equal(column, database_value(column, one, value)) for column in columns))

    return compare


MATCHES["all_equal"] = _all_or_any(and_)
MATCHES["any_equal"] = _all_or_any(or_)


@match("equals_value")
def _equals_value(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The column has the constant `value`."""
    return equal(compared_column(selection, named, one), named.arguments["value"])


@match("differs_from")
def _differs_from(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The column has anything but the constant `value`, or nothing."""
    column = compared_column(selection, named, one)
    return or_(column != named.arguments["value"], column.is_(None))


@match("truth")
def _truth(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """1: the flag is set; 0: it is not, or empty."""
    return yes_or_no(compared_column(selection, named, one).is_(True), value)


@match("above_zero")
def _above_zero(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """True or 1: above 0; 0: not above it, or empty."""
    column = compared_column(selection, named, one)
    return yes_or_no(func.coalesce(column, 0) > 0, value)


@match("ends_with")
def _ends_with(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The text ends with one of the `endings`, in any letter case."""
    column = folded(compared_column(selection, named, one))
    endings = (fold_case(ending) for ending in named.texts("endings"))
    return or_(*(column.like(f"%{ending}", escape=NO_ESCAPE) for ending in endings))


@match("filled_and_empty")
def _filled_and_empty(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """Every column of `filled` has something, none of `empty_columns` has."""
    filled = (reference_path(selection.scope, path) for path in named.texts("filled"))
    empty = (reference_path(selection.scope, path) for path in named.texts("empty_columns"))
    return and_(*(each.is_not(None) for each in filled), *(each.is_(None) for each in empty))


@match("either_side")
def _either_side(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """One side of a relationship is the object that the other filters name.

    `category` is the filter of its kind, `object` that of its number; one that was not sent is not
    compared.
    """
    wanted = {
        "category_id": selection.values.get(named.text("category")),
        "object_id": selection.values.get(named.text("object")),
    }
    sent = {name: number for name, number in wanted.items() if number is not None}
    if not sent:
        return None
    column = selection.scope.column
    sides = ([column(f"{name}_maps_{side}") == sent[name] for name in sent] for side in SIDES)
    return or_(*(and_(*side) for side in sides))


@match("refuse")
def _refuse(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """A filter that the original failed at; answering without it would be a wrong list."""
    raise because(f"{one.name if one is not None else named.name}: cannot be filtered by")
