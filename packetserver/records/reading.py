"""Reading records, as far as their reader may see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from packetserver.catalogue.conditions import EVERY
from packetserver.catalogue.model import ObjectType
from packetserver.records.permissions import demand_any, demand_of_stored, denied
from packetserver.records.ways import VIEW
from packetserver.records.writing import identity_of
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
