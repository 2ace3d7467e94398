"""How a column is compared with a filter's value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Boolean, ColumnElement, not_, or_

from packetserver.catalogue.model import Filter, Named
from packetserver.failures import Kind, because
from packetserver.store.folding import folded
from packetserver.store.scope import Selection, reference_path

Comparison = Callable[[ColumnElement[Any], Any], ColumnElement[bool]]

NO_ESCAPE = "\x1b"
"""Makes every character of a pattern but % and _ literal: XML cannot carry this one."""

WILDCARD = "%"

LONGEST_PATTERN = 10_000
"""Characters. SQLite takes 50,000 bytes, and comparing takes time that grows with the length."""


def equal(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """Equality; a tristate's number compares with a flag."""
    found: ColumnElement[bool] = column == value
    return found


def less(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """Smaller or earlier."""
    found: ColumnElement[bool] = column < value
    return found


def greater(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """Larger or later."""
    found: ColumnElement[bool] = column > value
    return found


def equal_ignoring_case(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """Equality of texts in any letter case."""
    same: ColumnElement[bool] = folded(column) == folded(value)
    return same


def like(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """A pattern with % and _, in the letter case given."""
    return column.like(_pattern(value), escape=NO_ESCAPE)


def like_ignoring_case(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """A pattern with % and _, in any letter case."""
    return folded(column).like(folded(_pattern(value)), escape=NO_ESCAPE)


def _pattern(value: Any) -> Any:
    """The text itself; raises Refused when it is too long to be a pattern."""
    if isinstance(value, str) and len(value) > LONGEST_PATTERN:
        raise because(f"A pattern can have {LONGEST_PATTERN} characters at most", kind=Kind.LIMIT)
    return value


def like_if_percent(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """A pattern where the text holds a %, else the whole text; in any letter case."""
    compare = like_ignoring_case if WILDCARD in value else equal_ignoring_case
    return compare(column, value)


def in_list(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """One of several numbers."""
    return column.in_(value)


def not_in_list(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """None of several numbers; an empty column is none of them."""
    return or_(column.not_in(value), column.is_(None))


def not_equal(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """Another value; an empty column is another."""
    return or_(column != value, column.is_(None))


def is_empty(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """Nothing is stored."""
    return column.is_(None)


COMPARISONS: dict[str, Comparison] = {
    "equals": equal,
    "equals_ignoring_case": equal_ignoring_case,
    "not_equals": not_equal,
    "like": like,
    "like_ignoring_case": like_ignoring_case,
    "like_if_percent": like_if_percent,
    "in_list": in_list,
    "not_in_list": not_in_list,
    "gt": greater,
    "gte": lambda column, value: column >= value,
    "lt": less,
    "lte": lambda column, value: column <= value,
    "is_empty": is_empty,
}
"""By the name that `match` and `how` of a schema give."""


def compared_column(selection: Selection, named: Named, one: Filter | None) -> ColumnElement[Any]:
    """The column that a filter or condition compares: `column`, or `path` through references."""
    if "path" in named.arguments:
        return reference_path(selection.scope, named.text("path"))
    name = one.column if one is not None and one.column is not None else named.text("column")
    return selection.scope.column(name)


def compared_columns(selection: Selection, named: Named) -> list[ColumnElement[Any]]:
    """The columns that the list `columns` names, each own or reached through references."""
    return [reference_path(selection.scope, path) for path in named.texts("columns")]


def yes_or_no(condition: ColumnElement[bool], value: Any) -> ColumnElement[bool]:
    """The condition for true, 1 or no value at all, and its opposite for false or 0.

    The condition must never be unknown: an empty column would then be neither.
    """
    return condition if value is None or value else not_(condition)


def database_value(column: ColumnElement[Any], one: Filter | None, value: Any) -> Any:
    """The value as a column has it: a tristate is a flag there, unless the column counts."""
    if one is not None and one.type.name == "tristate" and isinstance(column.type, Boolean):
        return bool(value)
    return value
