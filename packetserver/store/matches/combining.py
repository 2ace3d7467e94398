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
    """What one of the `filters` demands; those that were not sent are left out.

    When none was sent, each has the user who asks for its value.
    """
    described, names = selection.scope.object, named.texts("filters")
    values = {name: selection.values[name] for name in names if name in selection.values}
    if not values and selection.user is not None:
        values = dict.fromkeys(names, selection.user)
    filters = [(described.filters[name], each) for name, each in values.items()]
    found = [MATCHES[each.match.name](selection, each.match, each, of) for each, of in filters]
    demands = [each for each in found if each is not None]
    return or_(*demands) if demands else None
