"""Matches of news articles: which ones are to be read, were, or will be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from packetserver.catalogue.model import Filter, Named
from packetserver.store.filters import match
from packetserver.store.matches.times import begun, lasts
from packetserver.store.scope import Selection

Condition = ColumnElement[bool] | None

DRAFT, PUBLISHED = 1, 2


def _current(selection: Selection) -> ColumnElement[bool]:
    start, end = _span(selection)
    return and_(_published(selection), begun(start, selection.now), lasts(end, selection.now))


def _archived(selection: Selection) -> ColumnElement[bool]:
    _, end = _span(selection)
    return and_(_published(selection), end <= selection.now)


def _unreleased(selection: Selection) -> ColumnElement[bool]:
    start, _ = _span(selection)
    return and_(_published(selection), start > selection.now)


def _incomplete(selection: Selection) -> ColumnElement[bool]:
    status = selection.scope.column("status")
    return or_(status.is_(None), status == DRAFT)


def _overview(selection: Selection) -> ColumnElement[bool]:
    return or_(_current(selection), _unreleased(selection), _incomplete(selection))


STATES: Mapping[str, Callable[[Selection], ColumnElement[bool]]] = {
    "current": _current,
    "archived": _archived,
    "unreleased": _unreleased,
    "incomplete": _incomplete,
    "overview": _overview,
}
"""By the name that `state` of a schema gives."""


@match("news_state")
def _news_state(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """True or 1: the article is in the `state`; 0 asks nothing."""
    return STATES[named.text("state")](selection) if value else None


def _published(selection: Selection) -> ColumnElement[bool]:
    return selection.scope.column("status") == PUBLISHED


def _span(selection: Selection) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return selection.scope.column("start_date"), selection.scope.column("end_date")
