"""`insert`, `update` and `delete`, and the record that answers them (docs/protocol.md)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from packetserver.catalogue.model import Target
from packetserver.catalogue.types import TYPES
from packetserver.failures import Kind, Refused
from packetserver.protocols.packet.context import Call
from packetserver.protocols.packet.custom_fields import DEFINITIONS, MEANT
from packetserver.protocols.packet.failures import TransactionFailure
from packetserver.protocols.packet.heeding import heed_changed, heed_identity_alone, heed_new
from packetserver.protocols.packet.inputs import (
    Draft,
    Named,
    find_key,
    find_named,
    key_as_named,
    read_draft,
    sent_guid,
    share_key,
    shares_key,
)
from packetserver.records.additions import ADDITIONS
from packetserver.records.changing import last_change
from packetserver.records.creating import demand_creation, force_to_user
from packetserver.records.permissions import demand_any
from packetserver.records.ways import ADD
from packetserver.records.writing import Identity, Written, identity_of
from packetserver.store.guid_columns import is_mappable, map_element
from packetserver.sync.guids import Mapped, is_same_time
from packetserver.sync.packet_log import Conflict, log_conflict

INSERT = "insert"
PROCESSED, CONFLICT, DELETED = "processed", "conflict", "delete"


def insert(call: Call) -> None:
    """Carry out an insert; a plain one may mean a record of another object (MEANT)."""
    draft = _draft(call, "inserted")
    if call.item.action == INSERT and (meant := MEANT.get(call.object.element)) is not None:
        found = meant(call, draft)
        if found is not None:
            call = replace(call, target=Target(found.object, is_list=False))
            draft = found
    heed_new(call, draft)
    guid = sent_guid(call, draft)
    if guid is not None and _is_repeated(call, draft, guid):
        draft.heed(call)
        return
    wanted = call.output.wanted
    later = call.transaction.inserts_wait and not (wanted or shares_key(call) or guid is not None)
    show = call.plan.plan if wanted else None
    try:
        written = call.records.create(call.object.element, draft, call.how(later=later), show)
    finally:
        draft.heed(call)
    if written.waits:
        call.output.write(PROCESSED, (), ())
        return
    if guid is not None:
        changed = last_change(call.rows, call.object, written.identity)
        call.guids.add(map_element(call.object), written.key, guid, changed)
    share_key(call, written.key)
    _answer_stored(call, PROCESSED, written.found_by, draft)


def add(call: Call, name: str) -> None:
    """Carry out `insertXxx`: a named addition to a record that is there, or a plain insert."""
    element = call.object.element
    if (element, name) in DEFINITIONS and not call.target.is_list:
        insert(call)
        return
    if (element, name) not in ADDITIONS or call.target.is_list:
        raise TransactionFailure.because(f"{call.item.element} has no {name}")
    draft = read_draft(call)
    try:
        written = call.records.add(name, element, find_key(call, draft), draft, call.how())
    finally:
        draft.heed(call)
    share_key(call, written.key)
    _answer_stored(call, PROCESSED, written.identity, draft)


def update(call: Call) -> None:
    """Carry out an update: what was sent is changed, unless the client has not seen the record."""
    draft = _draft(call, "updated")
    named = find_named(call, draft)
    key = key_as_named(call, draft, named)
    identity = identity_of(call.object, key)
    try:
        written = call.records.change(
            call.object.element,
            key,
            draft,
            call.how(),
            lambda last: _has_seen(call, draft, last, named),
        )
        heed_changed(call, draft, written.stored or {})
    except Refused as refused:
        if refused.kind is Kind.MISSING:
            _refuse(call, named, identity, "there is none")
            _answer_sent(call, CONFLICT, draft)
        elif refused.kind is Kind.CONFLICT:
            times = (_time(refused.failures[0].facts["changed"]), _time(_seen(call, draft, named)))
            _refuse(call, named, identity, "it changed at {}, and was sent as of {}".format(*times))
            _answer_stored(call, CONFLICT, identity, draft)
        else:
            raise
        return
    finally:
        draft.heed(call)
    _remember_change(call, draft, named, written)
    share_key(call, written.key)
    _answer_stored(call, PROCESSED, identity, draft)


def delete(call: Call) -> None:
    """Carry out a delete: what is not there has gone already."""
    draft = _draft(call, "deleted")
    heed_identity_alone(call, draft)
    key = find_key(call, draft)
    plan = call.plan
    written = call.records.remove(call.object.element, key, draft, plan.plan)
    _remember_removal(call, written.identity)
    if written.stored is None:
        _answer_sent(call, DELETED, draft)
        return
    share_key(call, written.key)
    texts = [] if written.row is None else plan.texts(written.row, draft.guid or "")
    call.output.write(DELETED, list(call.transaction.elements), texts)


def _draft(call: Call, done: str) -> Draft:
    if call.target.is_list or call.object.table is None:
        reason = f"{call.item.element} cannot be {done}"
        raise TransactionFailure.because(reason, kind=Kind.UNSUPPORTED)
    return read_draft(call)


def _is_repeated(call: Call, draft: Draft, guid: int) -> bool:
    """Whether the client has inserted the record before; then it is answered as it is now.

    The client may not have seen the answer. Nothing is stored again (docs/synchronisation.md).
    """
    demand_creation(call.records, call.object)
    force_to_user(call.records, call.object, draft, is_new=True)
    element = map_element(call.object)
    mapped = call.guids.find(element, guid)
    if mapped is None:
        return False
    record_id = mapped.record_id
    if mapped.is_free:
        call.guids.release(element, record_id)
        return False
    identity = identity_of(call.object, record_id)
    share_key(call, record_id)
    opened = demand_any(call.records, call.object, ADD)
    if call.rows.judged(call.object, identity, opened)[1]:
        _answer_stored(call, PROCESSED, identity, draft)
    else:
        draft.take_key(record_id)
        _answer_sent(call, PROCESSED, draft)
    return True


def _refuse(call: Call, named: Named | None, identity: Identity, reason: str) -> None:
    """Log a change that is not made.

    The record `conflict` tells the client. Where its record is shown to nobody, as in a later item,
    it is an error: raises TransactionFailure, and what is logged outlives the transaction.
    """
    if call.place is None or call.place.number == 1:
        _remember_conflict(call, named, identity)
        return
    _remember_conflict(call, named, identity, outlives=True)
    name = f"{call.object.element} {_shown(named, identity)}"
    reason = f"{CONFLICT}: {name} is not changed: {reason}"
    raise TransactionFailure.because(reason, kind=Kind.CONFLICT)


def _shown(named: Named | None, identity: Identity) -> str:
    """What names the record: its key, or the guid of a client that nobody else knows."""
    if named is not None and named.mapped is None:
        return f"with guid {named.guid}"
    return ", ".join(str(each) for each in identity.values())


def _seen(call: Call, draft: Draft, named: Named | None) -> datetime | None:
    """When the record changed last for all that the client has seen; None when that is not known."""
    if named is not None and named.mapped is not None and named.mapped.seen is not None:
        return named.mapped.seen
    return _said_change(call, draft)


def _said_change(call: Call, draft: Draft) -> datetime | None:
    """When a record last changed as its sender says; None when it does not say."""
    field = call.object.modified
    said = None if field is None else draft.values.get(field.name)
    return said if isinstance(said, datetime) else None


def _time(moment: datetime | None) -> str:
    return "an unknown time" if moment is None else TYPES["timestamp"].write(moment)


def _has_seen(call: Call, draft: Draft, last: datetime | None, named: Named | None) -> bool:
    """Whether the record, which ``last`` changed then, is the one that the client has seen."""
    field, said = call.object.modified, _said_change(call, draft)
    if named is not None and named.mapped is not None:
        return _has(call, named.mapped, last, said)
    if field is not None and any(call.object.field(name) is field for name, _ in draft.unread):
        # A time that cannot be read is a time that the client cannot have seen here.
        return call.transaction.packet.validate
    return said is None or is_same_time(said, last)


def _has(call: Call, mapped: Mapped, last: datetime | None, said: datetime | None) -> bool:
    """Whether a client has the record as it ``last`` changed; ``said`` is the change it says it has.

    What a session has sent counts as seen by it at once, although it is sent again until the
    session has ended: pull, then push, is no conflict.
    """
    if mapped.has_proved(last, said):
        return True
    anchor, _ = call.transaction.packet.anchors
    element = map_element(call.object)
    return mapped.was_sent(last) and call.guids.counts_as_come(element, mapped, anchor)


def _remember_change(call: Call, draft: Draft, named: Named | None, written: Written) -> None:
    """A client has what it changed itself, if it had what was there before."""
    if call.principal.client_id is None or not is_mappable(call.object):
        return
    element, before = map_element(call.object), written.before
    after = last_change(call.rows, call.object, written.identity)
    mapped = None if named is None else named.mapped
    if mapped is not None and mapped.has_proved(before, _said_change(call, draft)):
        call.guids.see(element, written.key, after)
    else:
        call.guids.follow(element, written.key, before, after)


def _remember_removal(call: Call, identity: Identity) -> None:
    """A client has no record that it deleted itself, nor one that it was told is gone."""
    key = next(iter(identity.values()))
    if call.principal.client_id is not None and is_mappable(call.object) and key is not None:
        call.guids.remove(map_element(call.object), key)


def _remember_conflict(
    call: Call, named: Named | None, identity: Identity, *, outlives: bool = False
) -> None:
    """A client's change was refused: the log says so; users have no log.

    What ``outlives`` the transaction, which will be undone, is logged with the packet.
    """
    client_id = call.principal.client_id
    if client_id is None or call.target.is_list:
        return
    element = call.object.element if named is None else map_element(call.object)
    key = next(iter(identity.values())) if is_mappable(call.object) else None
    conflict = Conflict(client_id, element, key, call.transaction.now())
    if outlives:
        call.transaction.packet.log.conflicts.append(conflict)
    else:
        log_conflict(call.rows, conflict)


def _answer_stored(call: Call, action: str, identity: Identity, draft: Draft) -> None:
    """Write the record as it is stored now; nothing is read when nobody wants it."""
    texts: list[str] = []
    if call.output.wanted:
        plan = call.plan
        row = call.rows.read(call.object, plan.plan, identity)
        texts = [] if row is None else plan.texts(row, draft.guid or "")
    call.output.write(action, list(call.transaction.elements), texts)


def _answer_sent(call: Call, action: str, draft: Draft) -> None:
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
