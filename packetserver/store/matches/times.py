"""Matches that compare times with the present, or with a time that another filter has."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_

from packetserver.catalogue.model import Filter, Named
from packetserver.store.filters import match
from packetserver.store.matches.comparing import compared_column, equal, greater, less, yes_or_no
from packetserver.store.scope import Selection

Condition = ColumnElement[bool] | None
Column = ColumnElement[Any]


def begun(start: Column, now: datetime) -> ColumnElement[bool]:
    """Whether a start is not ahead; none at all never is."""
    return or_(start.is_(None), start <= now)


def lasts(end: Column, now: datetime) -> ColumnElement[bool]:
    """Whether an end is still ahead; none at all always is."""
    return or_(end.is_(None), end > now)


@match("older_than")
def _older_than(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The time is at least so many of the `unit` (minutes, days) ago."""
    try:
        latest = selection.now - timedelta(**{named.text("unit"): value})
    except OverflowError:
        # Before the calendar begins there is nothing.
        return false()
    return compared_column(selection, named, one) <= latest


@match("before_or_after")
def _before_or_after(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """1: before the time that the filter `moment` has; 0: after it.

    While that is not sent, 1: before the present; 0: all others.
    """
    moment = selection.values.get(named.text("moment"))
    column = compared_column(selection, named, one)
    if moment is None:
        is_over = and_(column.is_not(None), column < selection.now)
        return yes_or_no(is_over, value)
    return less(column, moment) if value else greater(column, moment)


@match("equals_or_beside")
def _equals_or_beside(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """The time itself; before it while the filter `side` is 1, after it while that is 0."""
    column = compared_column(selection, named, one)
    side = selection.values.get(named.text("side"))
    if side is None:
        return equal(column, value)
    return less(column, value) if side else greater(column, value)


@match("is_past")
def _is_past(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """1: the time is over; 0: there is none."""
    column = compared_column(selection, named, one)
    return column < selection.now if value else column.is_(None)


@match("valid_at")
def _valid_at(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """1: from `start` to `end` comprises the time of the filter `moment`, or now; 0: it does not."""
    moment = selection.values.get(named.text("moment"), selection.now)
    start, end = (selection.scope.column(named.text(name)) for name in ("start", "end"))
    return yes_or_no(and_(begun(start, moment), lasts(end, moment)), value)


@match("enabled_or_started")
def _enabled_or_started(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """1: enabled, or the time in `start` has come; 0: neither."""
    start = selection.scope.column(named.text("start"))
    started = and_(start.is_not(None), start <= selection.now)
    return yes_or_no(or_(selection.scope.column("enabled").is_(True), started), value)
