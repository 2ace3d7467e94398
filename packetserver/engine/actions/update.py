"""`update`: changes what was sent and keeps the rest, unless the client has not seen the record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from packetserver.engine import effects
from packetserver.engine.actions.answering import answer_sent, answer_stored
from packetserver.engine.context import Call
from packetserver.engine.draft import Draft, read_draft, sent_fields
from packetserver.engine.identity import find_identity
from packetserver.engine.permissions import EDIT, demand
from packetserver.engine.sharing import share_key
from packetserver.engine.stamps import force_to_user, stamp_change
from packetserver.engine.storing import column_value
from packetserver.engine.validation import REQUIRED, Writing, validate
from packetserver.errors import TransactionFailure

PROCESSED, CONFLICT = "processed", "conflict"
TICK = timedelta(milliseconds=1)


def run(call: Call) -> None:
    """Carry out an update (DECISIONS.md, Update)."""
    if call.target.is_list or call.object.table is None:
        raise TransactionFailure.because(f"{call.item.element} cannot be updated")
    draft = read_draft(call)
    identity = find_identity(call, draft)
    stored = call.records.stored(call.object, identity, lock=True)
    if stored is None:
        demand(call, EDIT, draft.values)
        answer_sent(call, CONFLICT, draft)
        return
    demand(call, EDIT, stored)
    if _has_changed_since(call, draft, stored):
        answer_stored(call, CONFLICT, identity, draft)
        return
    change(Writing(call, draft, stored), identity)


def change(writing: Writing, identity: dict[str, Any]) -> None:
    """Store the change of a record that is there and locked, and answer it."""
    call, draft = writing.call, writing.draft
    force_to_user(call, draft, is_new=False)
    effects.before_update(writing)
    if call.transaction.packet.validate:
        validate(writing)
    stamp_change(call, draft)
    values = _columns(writing)
    if values:
        call.records.update(call.object, identity, values)
    effects.after_update(writing, identity)
    share_key(call, next(iter(identity.values())))
    answer_stored(call, PROCESSED, identity, draft)


def _has_changed_since(call: Call, draft: Draft, stored: dict[str, Any]) -> bool:
    """Whether the record is another than the one that the client has seen."""
    field = call.object.modified
    if field is None:
        return False
    if any(call.object.field(name) is field for name, _ in draft.complaints):
        # A time that cannot be read is a time that the client cannot have seen here.
        return not call.transaction.packet.validate
    seen, now = draft.values.get(field.name), stored[field.name]
    if seen is None:
        return False
    return bool(now is None or seen != now.replace(microsecond=now.microsecond // 1000 * 1000))


def _columns(writing: Writing) -> dict[str, Any]:
    """Column values of the change: what was sent, emptied where it was sent empty."""
    call, draft = writing.call, writing.draft
    values: dict[str, Any] = {}
    modified = call.object.modified
    for field in sent_fields(draft):
        if field.key or field is modified or not field.update:
            continue
        value = draft.values[field.name]
        if field.secret is not None and value is None:
            # It reads as empty, so a client that sends back what it read does not mean to clear it.
            continue
        if value is None and not field.nullable:
            value = _cleared(field.name, field.initial, field.default, field.type.name)
        values[field.column or ""] = column_value(field, value)
    if modified is not None:
        values[modified.column or ""] = _next_modified(writing, modified.name)
    return values


def _cleared(name: str, initial: Any, default: Any, type_name: str) -> Any:
    """What a column that may not be empty has once it is cleared."""
    if initial is not None:
        return initial
    if default is not None and default != "now":
        return default
    if type_name == "text":
        return ""
    raise TransactionFailure.because(f"{name}: {REQUIRED}")


def _next_modified(writing: Writing, name: str) -> Any:
    """The present, but always later than before: two changes in one millisecond are two."""
    now = writing.call.transaction.now()
    before = writing.stored[name] if writing.stored is not None else None
    return now if before is None else max(now, before + TICK)
