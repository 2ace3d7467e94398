"""Which record an item means: by its key, or by the fields that identify a keyless object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packetserver.catalogue.model import ObjectType
from packetserver.engine.context import Call
from packetserver.engine.draft import Draft
from packetserver.errors import TransactionFailure

Identity = dict[str, Any]


def identity_of(described: ObjectType, key: Any, values: Mapping[str, Any]) -> Identity:
    """The columns and values that single out a record."""
    if described.key is not None:
        return {described.key.column or "": key}
    names = described.identified_by or tuple(each.name for each in described.stored_fields)
    fields = (described.field(name) for name in names)
    return {each.column or "": values.get(each.name) for each in fields if each is not None}


def find_identity(call: Call, draft: Draft) -> Identity:
    """The record that an update, a delete or a single select means.

    Raises TransactionFailure when the item does not say which.
    """
    if call.object.key is not None:
        if draft.key is None:
            raise TransactionFailure.because("The key of the record is missing")
        return identity_of(call.object, draft.key, {})
    missing = [name for name in call.object.identified_by if draft.values.get(name) is None]
    if missing or not call.object.identified_by:
        raise TransactionFailure.because(f"{', '.join(missing) or 'The key'}: Required Field")
    return identity_of(call.object, None, draft.values)
