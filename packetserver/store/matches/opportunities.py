"""Matches of opportunities and their components."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, not_, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import DateTime

from packetserver.catalogue.model import Filter, Named
from packetserver.store.filters import match
from packetserver.store.matches.comparing import COMPARISONS, compared_column
from packetserver.store.matches.standing import public_access
from packetserver.store.scope import Selection

Condition = ColumnElement[bool] | None

WEEKS = "W"
"""The unit of terms that are not months."""


@match("owned_component")
def _owned_component(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """A component whose owner compares as `how`.

    Of one user: also what has no component yet, and that user for its manager. Of several: also
    what has a public access type, while the filter `hierarchy` is 0.
    """
    scope, how = selection.scope, named.text("how")
    components = scope.other("opportunity_component")
    having = select(components.c.opp_id).where(components.c.opp_id.is_not(None))
    owned = scope.key.in_(having.where(COMPARISONS[how](components.c.owner, value)))
    if how == "equals":
        return or_(owned, and_(not_(scope.key.in_(having)), scope.column("manager") == value))
    if selection.values.get(named.text("hierarchy")) == 0:
        return or_(owned, public_access(scope, "access_type"))
    return owned


@match("ends_in_future")
def _ends_in_future(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """The column's time is less than the `terms` ago, counted in `units`: weeks, else months."""
    column = compared_column(selection, named, one)
    terms, units = (selection.scope.column(named.text(name)) for name in ("terms", "units"))
    return end_of_terms(column, terms, units == WEEKS) > selection.now


class end_of_terms(FunctionElement[Any]):  # noqa: N801 - reads as the SQL function that it is
    """A time, so many months later; or weeks, where the third argument holds.

    A month more than January 31st is the end of February. Parts of a month count 30 days to one.
    """

    type = DateTime()
    inherit_cache = True


@compiles(end_of_terms)
def _postgresql_end(element: end_of_terms, compiler: SQLCompiler, **options: Any) -> str:
    time, terms, weeks = (compiler.process(each, **options) for each in element.clauses)
    return (
        f"({time} + {terms} * CASE WHEN {weeks} THEN INTERVAL '7 days' ELSE INTERVAL '1 month' END)"
    )


@compiles(end_of_terms, "sqlite")
def _sqlite_end(element: end_of_terms, compiler: SQLCompiler, **options: Any) -> str:
    time, terms, weeks = (compiler.process(each, **options) for each in element.clauses)
    whole = f"CAST({terms} AS INTEGER)"
    following = f"({whole} + 1) || ' months'"
    clock = f"'+' || strftime('%H:%M:%f', {time})"
    # SQLite lets a day that the month lacks run over into the next one: not past its last day.
    last_day = _sqlite_time(time, "'start of month'", following, "'-1 day'", clock)
    same_day = _sqlite_time(time, f"{whole} || ' months'")
    parts = f"(({terms} - {whole}) * 30) || ' days'"
    in_months = _sqlite_time(f"min({same_day}, {last_day})", parts)
    in_weeks = _sqlite_time(time, f"({terms} * 7) || ' days'")
    return f"CASE WHEN {weeks} THEN {in_weeks} ELSE {in_months} END"


def _sqlite_time(time: str, *modifiers: str) -> str:
    return f"strftime('%Y-%m-%d %H:%M:%f', {', '.join((time, *modifiers))})"
