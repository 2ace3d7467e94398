"""`insert`: a new record, and the record `processed` that shows what is stored."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import NOW, Field
from packetserver.engine import effects
from packetserver.engine.actions.answering import answer_sent, answer_stored
from packetserver.engine.actions.remembering import remember_new
from packetserver.engine.context import Call
from packetserver.engine.draft import Draft, read_draft
from packetserver.engine.identity import find_named, identity_as_named, identity_of
from packetserver.engine.named_inserts import NAMED_INSERTS
from packetserver.engine.permissions import ADD, DENIED, demand
from packetserver.engine.sharing import share_key
from packetserver.engine.stamps import force_to_user, stamp_new
from packetserver.engine.storing import column_value
from packetserver.engine.validation import REQUIRED, Writing, check_insert, validate
from packetserver.errors import ItemMessage, TransactionFailure
from packetserver.store.guid_columns import map_element

PROCESSED = "processed"
CLIENT_ELEMENT = "syncClient"


def run(call: Call) -> None:
    """Carry out an insert (DECISIONS.md, Insert)."""
    writing = _permitted(call)
    if not is_repeated(call, writing.draft):
        store(_completed(writing))


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
    return _completed(_permitted(call))


def _permitted(call: Call) -> Writing:
    if call.target.is_list or call.object.table is None:
        raise TransactionFailure.because(f"{call.item.element} cannot be inserted")
    draft = read_draft(call)
    force_to_user(call, draft, is_new=True)
    if call.object.element == CLIENT_ELEMENT and not _may_register(call):
        raise ItemMessage(DENIED)
    demand(call, ADD, draft.values)
    return Writing(call, draft, stored=None)


def _may_register(call: Call) -> bool:
    """Whether the principal may make a sync client; a setting keeps users from it."""
    return call.preferences.allow_client_registration or not call.principal.acts_as_user


def _completed(writing: Writing) -> Writing:
    effects.before_insert(writing)
    check = validate if writing.call.transaction.packet.validate else check_insert
    check(writing)
    return writing


def is_repeated(call: Call, draft: Draft) -> bool:
    """Whether the client has inserted the record before; then it is answered as it is now.

    The client may not have seen the answer. Nothing is stored again (DECISIONS.md, Sync).
    """
    named = find_named(call, draft)
    if named is None or named.mapped is None:
        return False
    element, record_id = map_element(call.object), named.mapped.record_id
    if named.mapped.is_free:
        call.guids.release(element, record_id)
        return False
    identity = identity_as_named(call, draft, named)
    share_key(call, record_id)
    if call.records.stored(call.object, identity) is not None:
        answer_stored(call, PROCESSED, identity, draft)
    else:
        draft.take_key(record_id)
        answer_sent(call, PROCESSED, draft)
    return True


def store(writing: Writing) -> dict[str, Any]:
    """Store a prepared record with all that belongs to it, and answer it; returns its identity."""
    call, draft = writing.call, writing.draft
    stamp_new(call, draft)
    values = _columns(call, draft)
    key = call.records.insert(call.object, values)
    identity = identity_of(call.object, key, draft.values)
    effects.after_insert(writing, key)
    remember_new(call, draft, identity)
    share_key(call, key)
    answer_stored(call, PROCESSED, identity, draft)
    return identity


def _columns(call: Call, draft: Draft) -> dict[str, Any]:
    """Column values of a new record: what was sent, and the defaults of the rest.

    Raises TransactionFailure for a column that may not be empty and has no value.
    """
    values: dict[str, Any] = {}
    for field in call.object.stored_fields:
        if field.key and field.type.name == "integer" and not _may_be_given(call, draft, field):
            continue
        value = draft.values.get(field.name) if field.insert else None
        if value is None:
            value = _default(call, field)
        if value is None and not field.nullable:
            raise TransactionFailure.because(f"{field.name}: {REQUIRED}")
        values[field.column or ""] = column_value(field, value)
    for column in call.records.schema.catalogue.tables[call.object.table or ""].columns.values():
        # Times that no field covers are this server's too: syncs go by them.
        if column.default == NOW and column.name not in values:
            values[column.name] = call.transaction.now()
    return values


def _may_be_given(call: Call, draft: Draft, field: Field) -> bool:
    """Whether the client chooses the key: where it may, and the key that it sent is one."""
    value = draft.values.get(field.name)
    return call.object.key_may_be_sent and isinstance(value, int) and value >= 0


def _default(call: Call, field: Field) -> Any:
    if field.initial is not None:
        return field.initial
    if field.default != NOW:
        return field.default
    now = call.transaction.now()
    return now.date() if field.type.name == "date" else now
