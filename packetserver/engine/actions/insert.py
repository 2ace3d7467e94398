"""`insert`: a new record, and the record `processed` that shows what is stored."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import NOW, Field
from packetserver.engine import effects
from packetserver.engine.actions.answering import answer_stored
from packetserver.engine.context import Call
from packetserver.engine.draft import Draft, read_draft
from packetserver.engine.identity import identity_of
from packetserver.engine.named_inserts import NAMED_INSERTS
from packetserver.engine.permissions import ADD, demand
from packetserver.engine.sharing import share_key
from packetserver.engine.stamps import force_to_user, stamp_new
from packetserver.engine.storing import column_value
from packetserver.engine.validation import REQUIRED, Writing, validate
from packetserver.errors import TransactionFailure

PROCESSED = "processed"


def run(call: Call) -> None:
    """Carry out an insert (DECISIONS.md, Insert)."""
    writing = prepare(call)
    store(writing)


def run_named(call: Call, name: str) -> None:
    """Carry out `insertXxx`, where the object has it."""
    named = NAMED_INSERTS.get((call.object.element, name))
    if named is None or call.target.is_list:
        raise TransactionFailure.because(f"{call.item.element} has no {name}")
    named(call)


def prepare(call: Call) -> Writing:
    """What is to be stored: read, permitted, completed and validated.

    Raises ItemMessage when it is not permitted, TransactionFailure when it is not valid.
    """
    if call.target.is_list or call.object.table is None:
        raise TransactionFailure.because(f"{call.item.element} cannot be inserted")
    draft = read_draft(call)
    force_to_user(call, draft, is_new=True)
    demand(call, ADD, draft.values)
    writing = Writing(call, draft, stored=None)
    effects.before_insert(writing)
    if call.transaction.packet.validate:
        validate(writing)
    return writing


def store(writing: Writing) -> dict[str, Any]:
    """Store a prepared record with all that belongs to it, and answer it; returns its identity."""
    call, draft = writing.call, writing.draft
    stamp_new(call, draft)
    values = _columns(call, draft)
    key = call.records.insert(call.object, values)
    identity = identity_of(call.object, key, draft.values)
    effects.after_insert(writing, key)
    share_key(call, key)
    answer_stored(call, PROCESSED, identity, draft)
    return identity


def _columns(call: Call, draft: Draft) -> dict[str, Any]:
    """Column values of a new record: what was sent, and the defaults of the rest.

    Raises TransactionFailure for a column that may not be empty and has no value.
    """
    values: dict[str, Any] = {}
    for field in call.object.stored_fields:
        if field.key and not (call.object.key_may_be_sent and _is_usable_key(draft, field)):
            continue
        value = draft.values.get(field.name) if field.insert else None
        if value is None:
            value = _default(call, field)
        if value is None and not field.nullable:
            raise TransactionFailure.because(f"{field.name}: {REQUIRED}")
        values[field.column or ""] = column_value(field, value)
    return values


def _is_usable_key(draft: Draft, field: Field) -> bool:
    value = draft.values.get(field.name)
    return isinstance(value, int) and value >= 0


def _default(call: Call, field: Field) -> Any:
    if field.initial is not None:
        return field.initial
    if field.default != NOW:
        return field.default
    now = call.transaction.now()
    return now.date() if field.type.name == "date" else now
