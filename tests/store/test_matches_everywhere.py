"""Every filter of every object of the catalogue, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest

from packetserver.catalogue.model import Filter, ObjectType
from packetserver.failures import Refused
from packetserver.records.filters import (
    MATCHES,
    Filtering,
    chosen_order,
    demanded,
    secret_keys,
)
from packetserver.records.filters.comparing import COMPARISONS
from packetserver.store.lists import Selection

NOW = datetime(2026, 3, 4, 12, 30, 45, 678000)

PLAUSIBLE: dict[str, tuple[Any, ...]] = {
    "integer": (1, 0, -1, 2**31 - 1),
    "double": (1.5,),
    "boolean": (True, False),
    "text": ("a", "%Ä_", "a-view,b-edit", "'"),
    "timestamp": (NOW,),
    "date": (date(2026, 3, 4),),
    "tristate": (1, 0),
    "local-date": (datetime(2026, 3, 4),),
    "id-list": ((1,), (1, 2, -1)),
}
"""Values of each type of filter; those that mean no filter never get as far as a match."""


def values(one: Filter) -> Iterator[Any]:
    known = one.match.arguments.get("tables")
    candidates = tuple(known) if isinstance(known, dict) else PLAUSIBLE[one.type.name]
    return (value for value in candidates if not one.is_none(value))


def selectable(schema) -> list[ObjectType]:
    return [each for each in schema.catalogue.objects.values() if each.table is not None]


def run(world, described: ObjectType, filters: dict[str, Any], order: tuple[str, ...] = ()) -> None:
    """Count and list the records that the filters leave, which must agree."""
    scope = world.schema.scope(described)
    keys = secret_keys(world.records, scope, lambda stored, text: stored == text)
    filtering = Filtering(world.schema.catalogue, described, filters, NOW, secret_keys=keys)
    selection = Selection(scope, demanded(filtering), chosen_order(filtering, order))
    plan = world.schema.plan(described.element, ())
    rows = list(world.records.select(selection, plan))
    assert len(rows) == world.records.count(selection)


def test_every_filter_of_every_object_can_be_asked(world, schema):
    for described in selectable(schema):
        for one in described.filters.values():
            for value in values(one):
                if one.match.name == "refuse":
                    with pytest.raises(Refused):
                        run(world, described, {one.name: value})
                else:
                    run(world, described, {one.name: value})


def test_all_filters_of_an_object_can_be_asked_together(world, schema):
    for described in selectable(schema):
        offered = [one for one in described.filters.values() if one.match.name != "refuse"]
        for place in (0, -1):
            filters = {one.name: tuple(values(one))[place] for one in offered}
            run(world, described, filters, described.order)


def test_a_list_of_every_object_has_every_record_once(world, schema):
    for described in selectable(schema):
        if described.key is None:
            continue
        scope = schema.scope(described)
        plan = schema.plan(described.element, (described.key.name,))
        for order in (described.order, described.order_paged):
            rows = list(world.records.select(Selection(scope, order=order), plan))
            keys = [row[0] for row in rows]
            assert len(set(keys)) == len(keys), described.element


def test_every_match_that_is_there_is_used(schema):
    used = {
        named.name
        for described in schema.catalogue.objects.values()
        for named in (*described.always, *(one.match for one in described.filters.values()))
    }
    assert set(MATCHES) - set(COMPARISONS) <= used
    assert used <= set(MATCHES)
