"""Reading records, as far as their reader may see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from packetserver.catalogue.conditions import EVERY, All, AsSeen, Condition
from packetserver.catalogue.model import ObjectType
from packetserver.records.filters import Filtering, demanded
from packetserver.records.permissions import demand_any, demand_of_stored, denied
from packetserver.records.ways import VIEW
from packetserver.records.writing import identity_of
from packetserver.store.lists import FIELD, Page, Selection
from packetserver.store.plans import Plan, Row

if TYPE_CHECKING:
    from packetserver.records.records import Records


def retrieve(
    records: Records, described: ObjectType, key: Any, show: Plan, given: Mapping[str, Any]
) -> Row | None:
    """See Records.retrieve."""
    opened, identity = demand_any(records, described, VIEW), identity_of(described, key)
    trashed = described.trashed_column
    present = identity if trashed is None else {**identity, trashed: None}
    row = records.rows.read(described, show, present, opened)
    if row is None:
        # Whether it is there is for those alone who might see it.
        demand_of_stored(records, described, VIEW, identity, given)
    elif opened != EVERY and not row[-1]:
        raise denied(described, VIEW)
    return row


def selection(
    records: Records, described: ObjectType, where: Condition, order: tuple[str, ...] = ()
) -> Selection:
    """What the caller asks for, the object's own conditions, and what the principal may see."""
    rights = demand_any(records, described, VIEW)
    own = Filtering(records.schema.catalogue, described, {}, records.now(), rights)
    asked = AsSeen(where, described.element)
    ordered = tuple(
        f"{'-' * each.startswith('-')}{FIELD}{each.removeprefix('-')}" for each in order
    )
    found = Selection(
        records.schema.scope(described), All((asked, demanded(own))), ordered or described.order
    )
    return found.seen_by(records.rights.sight(records.schema.lists.looked_at(found)))


def find(
    records: Records,
    described: ObjectType,
    show: Plan,
    where: Condition,
    order: tuple[str, ...],
    page: Page,
) -> Iterator[Row]:
    """See Records.find."""
    return records.rows.select(selection(records, described, where, order), show, page)


def count(records: Records, described: ObjectType, where: Condition) -> int:
    """See Records.count."""
    return records.rows.count(selection(records, described, where))
