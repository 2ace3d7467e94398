"""`insert`: a new record, and the record `processed` that shows what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packetserver.catalogue.model import Field
from packetserver.engine import effects
from packetserver.engine.actions.answering import answer_sent, answer_stored
from packetserver.engine.actions.remembering import needs_remembering, remember_new
from packetserver.engine.context import Call
from packetserver.engine.draft import Draft, read_draft
from packetserver.engine.heeding import heed_new
from packetserver.engine.identity import find_named, identity_as_named, identity_of
from packetserver.engine.named_inserts import NAMED_INSERTS
from packetserver.engine.new_rows import counts_itself, new_row
from packetserver.engine.permissions import (
    DENIED,
    demand_any,
    demand_as_added,
)
from packetserver.engine.references import check_references
from packetserver.engine.sharing import share_key, shares_key
from packetserver.engine.stamps import force_to_user, stamp_new
from packetserver.engine.storing import column_value
from packetserver.engine.validation import REQUIRED, Writing, check_insert, validate
from packetserver.engine.ways import ADD
from packetserver.errors import ItemMessage, TransactionFailure
from packetserver.store.guid_columns import map_element
from packetserver.store.new_keys import LARGEST_CHOSEN, TOO_LARGE
from packetserver.store.plans import Plan

PROCESSED = "processed"
CLIENT_ELEMENT = "syncClient"


def run(call: Call) -> None:
    """Carry out an insert (DECISIONS.md, Insert)."""
    writing = _permitted(call)
    if is_repeated(call, writing.draft):
        return
    completed = _completed(writing)
    if _may_wait(completed):
        _store_later(completed)
    else:
        store(completed)


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
    heed_new(call, draft)
    force_to_user(call, draft, is_new=True)
    if call.object.element == CLIENT_ELEMENT and not _may_register(call):
        raise ItemMessage(DENIED)
    demand_any(call, ADD)
    return Writing(call, draft, stored=None)


def _may_register(call: Call) -> bool:
    """Whether the principal may make a sync client; a setting keeps users and theirs from it."""
    return call.preferences.allow_client_registration or call.principal.unrestricted


def _completed(writing: Writing) -> Writing:
    effects.before_insert(writing)
    demand_as_added(writing)
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
    if _is_shown(call, identity):
        answer_stored(call, PROCESSED, identity, draft)
    else:
        draft.take_key(record_id)
        answer_sent(call, PROCESSED, draft)
    return True


def _is_shown(call: Call, identity: dict[str, Any]) -> bool:
    """Whether a record that was inserted before is there, and still one that may be added."""
    return call.records.judged(call.object, identity, demand_any(call, ADD))[1]


def store(writing: Writing) -> dict[str, Any]:
    """Store a prepared record with all that belongs to it, and answer it; returns its identity."""
    call, draft = writing.call, writing.draft
    stamp_new(call, draft)
    values = _columns(call, draft)
    check_references(call, values)
    key = call.records.insert(call.object, _without_empty(call, values), _shown(call))
    identity = identity_of(call.object, key, draft.values)
    effects.after_insert(writing, key)
    remember_new(call, draft, identity)
    share_key(call, key)
    answer_stored(call, PROCESSED, _singled_out(call, identity, values), draft)
    return identity


def _without_empty(call: Call, values: dict[str, Any]) -> dict[str, Any]:
    """The values that a statement must name: most columns of most new records stay empty."""
    empty = new_row(call.records.schema, call.object.element).empty
    return {name: each for name, each in values.items() if each is not None or name not in empty}


def _shown(call: Call) -> Plan | None:
    """What the answer will tell of the record; None when nobody wants it."""
    if not call.output.wanted:
        return None
    return call.plan


def _singled_out(call: Call, identity: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """What no other record answers to: one without a key may share its identity with others."""
    is_shared = call.object.key is None and call.output.wanted
    # A column of the original's may have rounded a value, and then is not equal to it.
    if is_shared and call.records.exists(call.object.table or "", values):
        return values
    return identity


def _may_wait(writing: Writing) -> bool:
    """Whether nobody needs the record's key, so that it may be stored together with others."""
    call, draft = writing.call, writing.draft
    return (
        call.transaction.inserts_wait
        and not call.output.wanted
        and not call.object.key_may_be_sent
        and not shares_key(call)
        and not effects.has_after_insert(call.object)
        and not needs_remembering(call, draft)
    )


def _store_later(writing: Writing) -> None:
    call, draft = writing.call, writing.draft
    stamp_new(call, draft)
    values = _columns(call, draft)
    check_references(call, values)
    if _refers_to_own_table(call, values):
        # It must not find a record that is only stored after it.
        call.records.settle()
        call.records.insert(call.object, values)
    else:
        call.records.insert_later(call.object, values, origin=call.place)
    call.output.write(PROCESSED, (), ())


def _refers_to_own_table(call: Call, values: Mapping[str, Any]) -> bool:
    own = new_row(call.records.schema, call.object.element).own
    return any(values.get(column) is not None for column in own)


def _columns(call: Call, draft: Draft) -> dict[str, Any]:
    """Column values of a new record: what was sent, and the defaults of the rest.

    Raises TransactionFailure for a column that may not be empty and has no value.
    """
    row, now = new_row(call.records.schema, call.object.element), call.transaction.now()
    values = {**row.columns, **dict.fromkeys(row.times, now)}
    if row.dates:
        values.update(dict.fromkeys(row.dates, now.date()))
    for name, value in draft.values.items():
        field = row.taken.get(name)
        if field is not None and value is not None:
            values[field.column or ""] = value
    key = call.object.key
    if key is not None and counts_itself(key) and _may_be_given(call, draft, key):
        values[key.column or ""] = _chosen_key(draft, key)
    for field in row.checked:
        column = field.column or ""
        if values[column] is None and not field.nullable:
            raise TransactionFailure.because(f"{field.name}: {REQUIRED}")
        values[column] = column_value(field, values[column])
    return values


def _chosen_key(draft: Draft, field: Field) -> int:
    """The key that the client chose. Raises TransactionFailure for one that leaves too few."""
    value: int = draft.values[field.name]
    if value > LARGEST_CHOSEN:
        name = next((each for each in draft.texts if draft.object.field(each) is field), field.name)
        raise TransactionFailure.because(f"{name}: {TOO_LARGE}")
    return value


def _may_be_given(call: Call, draft: Draft, field: Field) -> bool:
    """Whether the client chooses the key: where it may, and the key that it sent is one."""
    value = draft.values.get(field.name)
    return call.object.key_may_be_sent and isinstance(value, int) and value >= 0
