"""Matches of products."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, select

from packetserver.catalogue.model import Filter, Named
from packetserver.store.filters import match
from packetserver.store.matches.comparing import yes_or_no
from packetserver.store.matches.times import begun, lasts
from packetserver.store.scope import Selection

Condition = ColumnElement[bool] | None


@match("active_product")
def _active_product(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """1: the product is active and on sale now, at a price that holds now; 0: it is not."""
    scope = selection.scope
    prices = scope.other("product_catalog_pricing")
    priced = select(prices.c.product_id).where(
        prices.c.product_id.is_not(None),
        prices.c.enabled.is_(True),
        _holds(selection, prices),
    )
    active = scope.column("active").is_(True)
    return yes_or_no(and_(active, _holds(selection, scope.table), scope.key.in_(priced)), value)


def _holds(selection: Selection, table: FromClause) -> ColumnElement[bool]:
    now = selection.now
    return and_(begun(table.c.start_date, now), lasts(table.c.expiration_date, now))
