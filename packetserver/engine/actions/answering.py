"""The record that answers a change: as it is stored, or as it was sent when nothing is."""

from __future__ import annotations

from typing import Any

from packetserver.engine.context import Call
from packetserver.engine.draft import Draft


def answer_stored(call: Call, action: str, identity: dict[str, Any], draft: Draft) -> None:
    """Write the record as it is stored now; nothing is read when nobody wants it."""
    texts = read_stored(call, identity, draft) if call.output.wanted else []
    call.output.write(action, list(call.transaction.elements), texts)


def read_stored(call: Call, identity: dict[str, Any], draft: Draft) -> list[str]:
    """The texts of a stored record in the order of the meta properties."""
    plan = call.plan
    row = call.records.read(call.object, plan, identity)
    return [] if row is None else plan.texts(row, draft.guid or "")


def answer_sent(call: Call, action: str, draft: Draft) -> None:
    """Write the record as the client sent it: there is none in the database."""
    elements = call.transaction.elements
    call.output.write(action, list(elements), [_sent(draft, each) for each in elements.values()])


def _sent(draft: Draft, name: str) -> str:
    found, text = draft.object.field(name), draft.text(name)
    if text is not None:
        return "" if found is not None and found.secret else text
    if found is None or draft.values.get(found.name) is None or found.secret:
        return ""
    return found.type.write(draft.values[found.name])
