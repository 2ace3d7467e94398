"""Values that the database chooses while it stores a record, so that nobody has to ask it before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ScalarSelect, Table, func, select


class FirstEnabled(NamedTuple):
    """The key of the first row of a lookup's table that is enabled, by a column of numbers.

    Rows without a number count as 0, and equal ones come by their keys; without a row it is empty.
    """

    table: str
    key: str
    order: str

    def expression(self, tables: Mapping[str, Table]) -> ScalarSelect[Any]:
        """The value as a part of a statement."""
        target = tables[self.table]
        order = (func.coalesce(target.c[self.order], 0), target.c[self.key])
        enabled = select(target.c[self.key]).where(target.c.enabled.is_(True))
        return enabled.order_by(*order).limit(1).scalar_subquery()


Chosen: TypeAlias = tuple[tuple[str, FirstEnabled], ...]
"""By column, what the database chooses."""


def parted(values: Mapping[str, Any]) -> tuple[Mapping[str, Any], Chosen]:
    """The values that are given, and those that the database chooses."""
    if FirstEnabled not in map(type, values.values()):
        return values, ()
    chosen = tuple([item for item in values.items() if isinstance(item[1], FirstEnabled)])
    taken = dict(chosen)
    return {name: value for name, value in values.items() if name not in taken}, chosen
