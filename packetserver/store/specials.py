"""What only the database can tell of a record: the conditions Special (catalogue/conditions)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, DateTime, false, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

from packetserver.catalogue.conditions import BELOW, ENDS_AFTER, HIDDEN
from packetserver.store import parameters
from packetserver.store.conditions import special
from packetserver.store.hiding import is_hidden
from packetserver.store.scope import Scope

USERS = "access"
WEEKS = "W"
"""The unit of terms that are not months."""


@special(BELOW)
def _below(
    scope: Scope, user: ColumnElement[Any], above: ColumnElement[Any] | None = None
) -> ColumnElement[bool]:
    """The user is another one, by default the reader, or somebody whom that manages, however far."""
    users, others = (scope.metadata.tables[USERS].alias() for _ in range(2))
    first = parameters.reader() if above is None else above
    below = select(users.c.user_id).where(users.c.user_id == first).cte(recursive=True)
    # UNION, not UNION ALL: users who manage each other in a circle must not go round for ever.
    below = below.union(select(others.c.user_id).where(others.c.manager_id == below.c.user_id))
    return user.in_(select(below.c.user_id))


@special(HIDDEN)
def _hidden(scope: Scope) -> ColumnElement[bool]:
    """The record has no trashed date, but belongs to a trashed one."""
    found = is_hidden(scope)
    return false() if found is None else found


@special(ENDS_AFTER)
def _ends_after(
    scope: Scope,
    start: ColumnElement[Any],
    terms: ColumnElement[Any],
    units: ColumnElement[Any],
    moment: ColumnElement[Any],
) -> ColumnElement[bool]:
    """A start is less than so many terms before a moment, counted in weeks, else in months."""
    return end_of_terms(start, terms, units == WEEKS) > moment


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
