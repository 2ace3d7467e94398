"""What is kept of a change for sync clients: what they call a record, and what they have seen."""

from __future__ import annotations

from datetime import datetime

from packetserver.catalogue.model import ObjectType
from packetserver.engine.context import Call
from packetserver.engine.draft import Draft
from packetserver.engine.identity import Identity, Named, sent_guid
from packetserver.store.guid_columns import is_mappable, map_element
from packetserver.sync.packet_log import Conflict, log_conflict, note_arrival


def last_change(call: Call, identity: Identity) -> datetime | None:
    """When a stored record last changed; None when it does not say."""
    column = change_column(call.object)
    found = call.records.value(call.object.table or "", column, identity) if column else None
    return found if isinstance(found, datetime) else None


def change_column(described: ObjectType) -> str | None:
    """The column that says when a record last changed, whether or not a field shows it."""
    modified = described.modified
    return described.sync_updated or (None if modified is None else modified.column)


def said_change(call: Call, draft: Draft) -> datetime | None:
    """When a record last changed as its sender says; None when it does not say."""
    field = call.object.modified
    said = None if field is None else draft.values.get(field.name)
    return said if isinstance(said, datetime) else None


def remember_new(call: Call, draft: Draft, identity: Identity) -> None:
    """A new record: its client calls it by its guid, and the others must get it, however old."""
    if not is_mappable(call.object):
        return
    element, key = map_element(call.object), next(iter(identity.values()))
    entered = call.object.sync_inserted
    if entered is not None and _is_past(call, draft, entered):
        note_arrival(call.records, element, key, call.transaction.now())
    guid = sent_guid(call, draft)
    if guid is not None:
        call.guids.add(element, key, guid, last_change(call, identity))


def needs_remembering(call: Call, draft: Draft) -> bool:
    """Whether `remember_new` has something to keep of a new record."""
    if not is_mappable(call.object):
        return False
    entered = call.object.sync_inserted
    is_late = entered is not None and _is_past(call, draft, entered)
    return is_late or sent_guid(call, draft) is not None


def remember_change(
    call: Call, draft: Draft, named: Named | None, identity: Identity, before: datetime | None
) -> None:
    """A client has what it changed itself, if it had what was there ``before``."""
    if call.principal.client_id is None or not is_mappable(call.object):
        return
    element, key = map_element(call.object), next(iter(identity.values()))
    after = last_change(call, identity)
    mapped = None if named is None else named.mapped
    if mapped is not None and mapped.has_proved(before, said_change(call, draft)):
        call.guids.see(element, key, after)
    else:
        call.guids.follow(element, key, before, after)


def remember_removal(call: Call, identity: Identity) -> None:
    """A client has no record that it deleted itself, nor one that it was told is gone."""
    key = next(iter(identity.values()))
    if call.principal.client_id is not None and is_mappable(call.object) and key is not None:
        call.guids.remove(map_element(call.object), key)


def remember_conflict(
    call: Call, named: Named | None, identity: Identity, *, outlives: bool = False
) -> None:
    """A client's change was refused: the log says so; users have no log (PROTOCOL.md 5.2).

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
        log_conflict(call.records, conflict)


def _is_past(call: Call, draft: Draft, column: str) -> bool:
    """Whether the client says that it entered the record before now."""
    field = call.object.stored_in(column)
    entered = None if field is None else draft.values.get(field.name)
    return isinstance(entered, datetime) and entered < call.transaction.now()
