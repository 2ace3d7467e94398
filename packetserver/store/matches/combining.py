"""Matches that put together what other filters demand."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, or_

from packetserver.catalogue.model import Filter, Named
from packetserver.store.filters import MATCHES, match
from packetserver.store.scope import Selection

Condition = ColumnElement[bool] | None


@match("any_of")
def _any_of(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """What one of the `filters` demands; those that were not sent are left out."""
    described = selection.scope.object
    sent = [name for name in named.texts("filters") if name in selection.values]
    filters = [described.filters[name] for name in sent]
    found = [
        MATCHES[each.match.name](selection, each.match, each, selection.values[each.name])
        for each in filters
    ]
    demands = [each for each in found if each is not None]
    return or_(*demands) if demands else None
