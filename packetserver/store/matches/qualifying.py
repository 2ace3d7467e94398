"""What every match understands besides its own arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, and_, not_, or_

from packetserver.catalogue.model import Filter, Named
from packetserver.store.filters import MATCHES, Match
from packetserver.store.scope import Selection, reference_path

Condition = ColumnElement[bool] | None

WIDENING: dict[str, Match] = {}
"""Matches whose records are listed besides those that all other conditions leave, by name."""


def qualify_all() -> None:
    """Let every registered match understand `inverted` and `where`, and make room for wider ones.

    `inverted` names a filter that turns the condition around while it is in force; `where` has
    values that columns of the record, or of those that it points to, must have too.
    """
    MATCHES.update({name: _qualified(function) for name, function in MATCHES.items()})
    MATCHES.update(dict.fromkeys(WIDENING, _nothing_by_itself))


def _qualified(function: Match) -> Match:
    def qualified(
        selection: Selection, named: Named, one: Filter | None, value: Any
    ) -> ColumnElement[bool] | None:
        found = function(selection, named, one, value)
        if found is None:
            return None
        if selection.in_force(named.texts("inverted")):
            found = not_(found)
        # (A or W) and (B or W) is the same as (A and B) or W.
        return or_(and_(found, *_where(selection, named)), *_wider(selection))

    return qualified


def _where(selection: Selection, named: Named) -> Iterator[ColumnElement[bool]]:
    for path, value in named.arguments.get("where", {}).items():
        yield reference_path(selection.scope, path) == value


def _wider(selection: Selection) -> Iterator[ColumnElement[bool]]:
    for name, value in selection.values.items():
        one = selection.scope.object.filters[name]
        if one.match.name in WIDENING:
            found = WIDENING[one.match.name](selection, one.match, one, value)
            if found is not None:
                yield found


def _nothing_by_itself(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    return None
