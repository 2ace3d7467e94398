"""Which record an item means: by the client's id, by its key, or by the fields that identify it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packetserver.catalogue.model import ObjectType
from packetserver.engine.context import Call
from packetserver.engine.draft import Draft
from packetserver.engine.guids import read_guid
from packetserver.errors import TransactionFailure
from packetserver.store.guid_columns import GUID, is_mappable, map_element
from packetserver.sync.guids import Mapped

Identity = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """A record as the client calls it; ``mapped`` is None when the server does not know it."""

    guid: int
    mapped: Mapped | None


def identity_of(described: ObjectType, key: Any, values: Mapping[str, Any]) -> Identity:
    """The columns and values that single out a record."""
    if described.key is not None:
        return {described.key.column or "": key}
    names = described.identified_by or tuple(each.name for each in described.stored_fields)
    fields = (described.field(name) for name in names)
    return {each.column or "": values.get(each.name) for each in fields if each is not None}


def sent_guid(call: Call, draft: Draft) -> int | None:
    """What a sync client calls the record; None when it does not say, or is none.

    Raises TransactionFailure for a guid that is no number.
    """
    if call.principal.client_id is None or not is_mappable(call.object):
        return None
    return read_guid(call, GUID, draft.guid)


def find_named(call: Call, draft: Draft) -> Named | None:
    """The record that a sync client names by its own id; None when it does not name it so."""
    guid = sent_guid(call, draft)
    return None if guid is None else Named(guid, call.guids.find(map_element(call.object), guid))


def find_identity(call: Call, draft: Draft) -> Identity:
    """The record that an update, a delete or a single select means.

    Raises TransactionFailure when the item does not say which.
    """
    return identity_as_named(call, draft, find_named(call, draft))


def identity_as_named(call: Call, draft: Draft, named: Named | None) -> Identity:
    """The same, once it is known how the client names the record.

    A guid that the server does not know gives an identity that no record has.
    """
    if named is not None:
        return identity_of(call.object, named.mapped.record_id if named.mapped else None, {})
    if call.object.key is not None:
        if draft.key is None:
            raise TransactionFailure.because(_why_missing(call, draft))
        return identity_of(call.object, draft.key, {})
    missing = [name for name in call.object.identified_by if draft.values.get(name) is None]
    if missing or not call.object.identified_by:
        raise TransactionFailure.because(f"{', '.join(missing) or 'The key'}: Required Field")
    return identity_of(call.object, None, draft.values)


def _why_missing(call: Call, draft: Draft) -> str:
    """A key that cannot be read is not the same as none."""
    for name, reason in draft.complaints:
        if call.object.field(name) is call.object.key:
            return f"{name}: {reason}"
    return "The key of the record is missing"
