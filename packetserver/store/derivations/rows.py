"""Fields that are worked out from the rows of other tables that belong to the record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from packetserver.catalogue.model import Field, Named
from packetserver.store.derivations.linked import Rows, linked_rows
from packetserver.store.derived import Derived, derivation, present
from packetserver.store.scope import Scope


@derivation("first_of")
def _first_of(scope: Scope, field: Field, named: Named) -> Derived:
    """Column `reads` of the first row; rows whose flag `first` is true come before the others."""
    rows = linked_rows(scope, named)
    first = rows.first(named.text("reads"), named.text("first"), *_wanted(rows, named))
    return Derived((first,))


@derivation("joined_rows")
def _joined_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """Column `reads` of all rows in the order of `sorted`, with `separator` between them."""
    rows = linked_rows(scope, named)
    order = [rows.column(path) for path in named.texts("sorted")]
    if rows.key is not None:
        order.append(rows.key)
    texts = rows.select(rows.column(named.text("reads")).label("text")).order_by(*order).subquery()
    # The aggregate takes the rows as they come; an ORDER BY of its own is too new for SQLite 3.40.
    whole = func.aggregate_strings(texts.c.text, named.text("separator", ", "))
    return Derived((select(whole).select_from(texts).scalar_subquery(),))


@derivation("count_rows")
def _count_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """How many rows there are, of the table and of the one that `plus` adds, `table.column`."""
    rows = linked_rows(scope, named)
    counted: ColumnElement[int] = _count(rows, *_wanted(rows, named))
    if "plus" in named.arguments:
        table, _, link = named.text("plus").partition(".")
        other = Named(named.name, {"table": table, "link": link})
        counted = counted + _count(linked_rows(scope, other))
    return Derived((counted,))


@derivation("percent_of_rows", shaped=True)
def _percent_of_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """The wanted ones among the rows, in whole percent; 0 when there is no row."""
    rows, every = linked_rows(scope, named), linked_rows(scope, named)

    def show(wanted: int, total: int) -> int:
        return wanted * 100 // total if total else 0

    return Derived((_count(rows, *_wanted(rows, named)), _count(every)), show)


@derivation("sum_rows")
def _sum_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """The sum of column `reads`; the sum of nothing is 0."""
    return _aggregate(scope, named, lambda column: func.coalesce(func.sum(column), 0))


@derivation("lowest_of_rows")
def _lowest_of_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """The least value of column `reads`."""
    return _aggregate(scope, named, func.min)


@derivation("highest_of_rows")
def _highest_of_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """The greatest value of column `reads`."""
    return _aggregate(scope, named, func.max)


@derivation("any_rows")
def _any_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """Whether one of the `tables` has such a row."""
    found = (linked_rows(scope, named, table).exist() for table in named.texts("tables"))
    return Derived((or_(*found),))


def _aggregate(scope: Scope, named: Named, function: Any) -> Derived:
    rows = linked_rows(scope, named)
    found = rows.select(function(rows.column(named.text("reads")))).where(*_wanted(rows, named))
    return Derived((found.scalar_subquery(),))


def _count(rows: Rows, *wanted: ColumnElement[bool]) -> ColumnElement[int]:
    return rows.select(func.count()).where(*wanted).scalar_subquery()


def _wanted(rows: Rows, named: Named) -> Iterator[ColumnElement[bool]]:
    """What the rows must be like to count.

    `where` and `where_not` have values of columns, `same` pairs of a column of theirs and one of
    the record; the columns of `set` are filled, those of `not_set` empty; the time in `past` is over,
    that in `not_past` empty or to come; `current` is a start and an end around the present.
    """
    for path, value in named.arguments.get("where", {}).items():
        yield rows.column(path) == value
    for path, value in named.arguments.get("where_not", {}).items():
        yield or_(rows.column(path) != value, rows.column(path).is_(None))
    for theirs, own in named.arguments.get("same", {}).items():
        yield rows.column(theirs) == rows.scope.column(own)
    yield from (rows.column(path).is_not(None) for path in named.texts("set"))
    yield from (rows.column(path).is_(None) for path in named.texts("not_set"))
    yield from (rows.column(path) < present() for path in named.texts("past"))
    yield from (_not_before(rows.column(path)) for path in named.texts("not_past"))
    if "current" in named.arguments:
        start, end = (rows.column(path) for path in named.texts("current"))
        yield or_(start.is_(None), start <= present())
        yield or_(end.is_(None), end > present())


def _not_before(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(column.is_(None), column >= present())
