"""A trashed date that is set or cleared: what belongs to the record follows it."""

from __future__ import annotations

from datetime import datetime

from packetserver.engine.context import Call
from packetserver.engine.identity import Identity
from packetserver.store.belonging import Belongings


def follow_trashed(
    call: Call, identity: Identity, before: datetime | None, after: datetime | None
) -> None:
    """Trash or restore what belongs to a record, whatever its sender may do to each part of it."""
    if (before is None) == (after is None):
        return
    key = next(iter(identity.values()))
    belongings = Belongings(call.records, call.object, key, call.guids.element_id)
    now = call.transaction.now()
    if after is not None:
        belongings.trash(after, now)
    else:
        belongings.restore(now)
