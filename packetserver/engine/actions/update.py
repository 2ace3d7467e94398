"""`update`: changes what was sent and keeps the rest, unless the client has not seen the record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from packetserver.catalogue.types import TYPES
from packetserver.engine import effects
from packetserver.engine.actions.answering import answer_sent, answer_stored
from packetserver.engine.actions.remembering import (
    change_column,
    last_change,
    remember_change,
    remember_conflict,
    said_change,
)
from packetserver.engine.actions.trashing import follow_trashed
from packetserver.engine.context import Call
from packetserver.engine.draft import Draft, read_draft, sent_fields
from packetserver.engine.heeding import heed_changed
from packetserver.engine.identity import Identity, Named, find_named, identity_as_named
from packetserver.engine.permissions import demand_as_changed, demand_of_stored
from packetserver.engine.references import check_references
from packetserver.engine.sharing import share_key
from packetserver.engine.stamps import force_to_user, stamp_change
from packetserver.engine.storing import column_value
from packetserver.engine.validation import (
    REQUIRED,
    Writing,
    check_names,
    drop_complaints,
    validate,
)
from packetserver.engine.ways import EDIT
from packetserver.errors import TransactionFailure
from packetserver.store.guid_columns import map_element
from packetserver.store.row_locks import Strength
from packetserver.sync.guids import Mapped, is_same_time

PROCESSED, CONFLICT = "processed", "conflict"
TICK = timedelta(milliseconds=1)


def run(call: Call) -> None:
    """Carry out an update (DECISIONS.md, Update)."""
    if call.target.is_list or call.object.table is None:
        raise TransactionFailure.because(f"{call.item.element} cannot be updated")
    draft = read_draft(call)
    named = find_named(call, draft)
    identity = identity_as_named(call, draft, named)
    stored = demand_of_stored(call, EDIT, identity, draft.values, lock=Strength.CHANGE)
    if stored is None:
        _refuse(call, named, identity, "there is none")
        answer_sent(call, CONFLICT, draft)
        return
    before = last_change(call, identity)
    if _has_changed_since(call, draft, before, named):
        times = (_time(before), _time(_seen(call, draft, named)))
        _refuse(call, named, identity, "it changed at {}, and was sent as of {}".format(*times))
        answer_stored(call, CONFLICT, identity, draft)
        return
    _change(Writing(call, draft, stored), identity, before)
    remember_change(call, draft, named, identity, before)


def _refuse(call: Call, named: Named | None, identity: Identity, reason: str) -> None:
    """Log a change that is not made.

    The record `conflict` tells the client. Where its record is shown to nobody, as in a later item,
    it is an error: raises TransactionFailure, and what is logged outlives the transaction.
    """
    if call.place is None or call.place.number == 1:
        remember_conflict(call, named, identity)
        return
    remember_conflict(call, named, identity, outlives=True)
    name = f"{call.object.element} {_shown(named, identity)}"
    raise TransactionFailure.because(f"{CONFLICT}: {name} is not changed: {reason}")


def _shown(named: Named | None, identity: Identity) -> str:
    """What names the record: its key, or the guid of a client that nobody else knows."""
    if named is not None and named.mapped is None:
        return f"with guid {named.guid}"
    return ", ".join(str(each) for each in identity.values())


def _seen(call: Call, draft: Draft, named: Named | None) -> datetime | None:
    """When the record changed last for all that the client has seen; None when that is not known."""
    if named is not None and named.mapped is not None and named.mapped.seen is not None:
        return named.mapped.seen
    field = call.object.modified
    return None if field is None else draft.values.get(field.name)


def _time(moment: datetime | None) -> str:
    return "an unknown time" if moment is None else TYPES["timestamp"].write(moment)


def _change(writing: Writing, identity: Identity, before: datetime | None) -> None:
    """Store the change of a record that is there and locked, and answer it."""
    call, draft = writing.call, writing.draft
    force_to_user(call, draft, is_new=False)
    effects.before_update(writing)
    demand_as_changed(writing)
    if call.transaction.packet.validate:
        validate(writing)
    else:
        drop_complaints(writing)
        check_names(writing)
    heed_changed(writing)
    stamp_change(call, draft)
    values = _columns(writing)
    check_references(call, values, writing.stored)
    changed = change_column(call.object)
    if changed is not None:
        values[changed] = _next_change(call, before)
    if values:
        call.records.update(call.object, identity, values)
    trashed = call.object.trashed_column
    if trashed in values:
        before_it = None if writing.stored is None else writing.stored["trashedDate"]
        follow_trashed(call, identity, before_it, values[trashed])
    effects.after_update(writing, identity)
    share_key(call, next(iter(identity.values())))
    answer_stored(call, PROCESSED, identity, draft)


def _has_changed_since(
    call: Call, draft: Draft, last: datetime | None, named: Named | None
) -> bool:
    """Whether the record, ``last`` changed then, is another than the one that the client has seen."""
    if change_column(call.object) is None:
        return False
    field, said = call.object.modified, said_change(call, draft)
    if named is not None and named.mapped is not None:
        return not _has_seen(call, named.mapped, last, said)
    if field is not None and any(call.object.field(name) is field for name, _ in draft.complaints):
        # A time that cannot be read is a time that the client cannot have seen here.
        return not call.transaction.packet.validate
    return said is not None and not is_same_time(said, last)


def _has_seen(call: Call, mapped: Mapped, last: datetime | None, said: datetime | None) -> bool:
    """Whether a client has the record as it ``last`` changed; ``said`` is the change it says it has.

    What a session has sent counts as seen by it at once, although it is sent again until the
    session has ended: pull, then push, is no conflict.
    """
    if mapped.has_proved(last, said):
        return True
    anchor, _ = call.transaction.packet.anchors
    element = map_element(call.object)
    return mapped.was_sent(last) and call.guids.counts_as_come(element, mapped, anchor)


def _columns(writing: Writing) -> dict[str, Any]:
    """Column values of the change: what was sent, emptied where it was sent empty."""
    call, draft = writing.call, writing.draft
    values: dict[str, Any] = {}
    for field in sent_fields(draft):
        if field.key or field is call.object.modified or not field.update:
            continue
        value = draft.values[field.name]
        if field.secret is not None and value is None:
            # It reads as empty, so a client that sends back what it read does not mean to clear it.
            continue
        if value is None and not field.nullable:
            value = _cleared(field.name, field.initial, field.default, field.type.name)
        values[field.column or ""] = column_value(field, value)
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


def _next_change(call: Call, before: datetime | None) -> datetime:
    """The present, but always later than before: two changes in one millisecond are two."""
    now = call.transaction.now()
    return now if before is None else max(now, before + TICK)
