"""Who entered a record and who changed it (DECISIONS.md, Insert)."""

from __future__ import annotations

from packetserver.catalogue.model import Field, ObjectType
from packetserver.engine.context import Call
from packetserver.engine.draft import Draft
from packetserver.engine.unheeded import dropped

CREATION = ("enteredBy", "modifiedBy")
CHANGE = ("modifiedBy",)


def force_to_user(call: Call, draft: Draft, *, is_new: bool) -> None:
    """Set the fields that the object forces to the user, whatever was sent (PROTOCOL.md 3.3)."""
    if not call.principal.acts_as_user:
        return
    for name in call.object.forced_to_user:
        found = call.object.field(name)
        if found is not None and (is_new or found.update):
            if draft.values.get(found.name) not in {None, call.principal.user_id}:
                dropped(call, found.name, "it is always the user who asks")
            draft.values[found.name] = call.principal.user_id


def stamp_new(call: Call, draft: Draft) -> None:
    """Name the principal where nobody was named as the one who entered the record."""
    _stamp(call, draft, CREATION)


def stamp_change(call: Call, draft: Draft) -> None:
    """Name the principal where nobody was named as the one who changed the record."""
    _stamp(call, draft, CHANGE)


def _stamp(call: Call, draft: Draft, names: tuple[str, ...]) -> None:
    for found in _user_fields(call.object, names):
        if draft.values.get(found.name) is None:
            draft.values[found.name] = call.principal.entered_by


def _user_fields(described: ObjectType, names: tuple[str, ...]) -> list[Field]:
    fields = (described.field(name) for name in names)
    return [each for each in fields if each is not None and each.column is not None]
