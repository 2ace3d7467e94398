"""What a client sent of one record, read as typed values, and which record it means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from packetserver.catalogue.model import Control, Field, ObjectType, other_case
from packetserver.errors import ValueNotOfType
from packetserver.protocols.packet.context import Call
from packetserver.protocols.packet.failures import TransactionFailure
from packetserver.protocols.packet.guids import read_guid, with_server_ids
from packetserver.protocols.packet.names import (
    OWN_TABLE_INPUTS,
    known_names,
    plain_properties,
    substitute,
)
from packetserver.protocols.packet.packet import Property
from packetserver.protocols.packet.unheeded import FIELD, dropped, unknown
from packetserver.records.rules import REQUIRED
from packetserver.records.writing import LENGTH_EXCEEDED, Given
from packetserver.store.guid_columns import GUID, is_mappable, map_element
from packetserver.sync.guids import Mapped


@dataclass(slots=True)
class Draft(Given):
    """What is given of a record, as it was sent.

    ``texts`` are the sent texts by wire name; what is ``unread`` is named so, too.
    """

    object: ObjectType = field(kw_only=True)
    is_read: bool = True
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def guid(self) -> str | None:
        """The client's own id of the record, None when it sent none."""
        return self.texts.get(GUID) or None

    def text(self, name: str) -> str | None:
        """What was sent under a name, in either case of its first letter; None without it."""
        found = self.texts.get(name)
        return self.texts.get(other_case(name)) if found is None else found

    @property
    def key(self) -> Any:
        """The key that was sent, None when there is none."""
        return self.values.get(self.object.key.name) if self.object.key is not None else None

    def take_key(self, key: Any) -> None:
        """The record turns out to have this key, whatever was sent."""
        found = self.object.key
        if found is not None:
            self.values[found.name] = key
            names = [name for name in self.texts if self.object.field(name) is found]
            self.texts.update(dict.fromkeys(names, str(key)))

    def control(self, name: str) -> Any:
        """A control's value, or what it is when it was not sent."""
        return self.controls.get(name, self.object.controls[name].initial)

    def heed(self, call: Call) -> None:
        """Note what was sent and turned out not to count, once."""
        for name, reason in self.dropped:
            dropped(call, name, reason)
        self.dropped.clear()


def read_draft(call: Call) -> Draft:
    """Reads an item's properties into a draft (DECISIONS.md, Types and Shared keys).

    References by the client's ids are read as the server's. Raises TransactionFailure for one that
    is not mapped, for an unknown shared key, for a foreign table name, and, while validation is
    off, for a text that is too long.
    """
    draft = Draft(object=call.object)
    for each in with_server_ids(call, _properties(call)):
        text = each.text
        if text is not None:
            text = substitute(text, call.transaction.shared_keys)
        if each.name in OWN_TABLE_INPUTS and call.object.kind in {"lookup", "table"}:
            check_own_table(call, each.name, text)
        else:
            take(call, draft, each.name, text)
    if draft.guid is not None and call.principal.client_id is None:
        dropped(call, GUID, "only sync clients have ids of their own")
    return draft


def _properties(call: Call) -> Iterable[Property]:
    if call.object.kind != "table":
        return call.item.properties
    sent = plain_properties(call.object, call.item.properties, call.transaction.now())
    return _in_own_names(call, sent)


def _in_own_names(call: Call, properties: Iterable[Property]) -> Iterator[Property]:
    """What triples hold names columns, of which nothing was known before."""
    known = known_names(call.records.schema, call.object.element, is_list=False)
    looked_at = {each.name for each in call.item.properties}
    for each in properties:
        name = known.spellings.get(each.name)
        if name is None and each.name not in looked_at:
            unknown(call, FIELD, each.name, known.offered)
        yield each if name in {None, each.name} else replace(each, name=name or "")


def check_own_table(call: Call, name: str, text: str | None) -> None:
    """A lookup is read and written in its own table alone (DECISIONS.md, Lookups)."""
    key = call.object.key.column if call.object.key is not None else None
    own = key if name == "uniqueField" else call.object.table
    if text is not None and own is not None and text.strip() != own:
        raise TransactionFailure.because(f"{name} of {call.item.element} can only be {own}")


def take(call: Call, draft: Draft, name: str, text: str | None) -> None:
    """Read one property of a record into its draft."""
    draft.texts[name] = text or ""
    found = call.object.field(name)
    if found is not None and found.column is not None:
        if name != found.name:
            draft.names[found.name] = name
        _take_field(call, draft, name, found, text)
    control = call.object.controls.get(name)
    if control is not None and text is not None:
        _take_control(call, draft, control, text)


def _take_field(call: Call, draft: Draft, name: str, found: Field, text: str | None) -> None:
    if text is None:
        draft.values[found.name] = None
        return
    try:
        value = found.type.read(text, call.preferences.zone)
    except ValueNotOfType as error:
        draft.unread.append((name, error.reason))
        return
    if found.max_length is not None and isinstance(value, str):
        value = _fitted(call, draft, name, found, value)
    draft.values[found.name] = None if found.is_empty(value) else value


def _fitted(call: Call, draft: Draft, name: str, found: Field, value: str) -> str:
    if found.cut is not None and len(value) > found.cut:
        dropped(call, name, f"it is cut after {found.cut} characters")
        return value[: found.cut]
    if len(value) > (found.max_length or 0):
        if not call.transaction.packet.validate:
            raise TransactionFailure.because(f"{name}: {LENGTH_EXCEEDED}")
        draft.unread.append((name, LENGTH_EXCEEDED))
    return value


def _take_control(call: Call, draft: Draft, control: Control, text: str) -> None:
    try:
        draft.controls[control.name] = control.type.read(text, call.preferences.zone)
    except ValueNotOfType as error:
        draft.unread.append((control.name, error.reason))


@dataclass(frozen=True, slots=True)
class Named:
    """A record as the client calls it; ``mapped`` is None when the server does not know it."""

    guid: int
    mapped: Mapped | None


def sent_guid(call: Call, draft: Draft) -> int | None:
    """What a sync client calls the record; None when it does not say, or is none.

    Raises TransactionFailure for a guid that is no number.
    """
    if call.principal.client_id is None or not is_mappable(call.object):
        return None
    return read_guid(call, GUID, draft.guid)


def find_named(call: Call, draft: Draft) -> Named | None:
    """The record that a sync client names by its own id; None when it does not name it so."""
    guid = sent_guid(call, draft)
    return None if guid is None else Named(guid, call.guids.find(map_element(call.object), guid))


def find_key(call: Call, draft: Draft) -> Any:
    """The record that a delete or a single select means.

    Raises TransactionFailure when the item does not say which.
    """
    return key_as_named(call, draft, find_named(call, draft))


def key_as_named(call: Call, draft: Draft, named: Named | None) -> Any:
    """The key of a record, or the fields that identify it, once it is known how the client names it.

    A guid that the server does not know gives a key that no record has.
    """
    if named is not None:
        return named.mapped.record_id if named.mapped else None
    if call.object.key is not None:
        if draft.key is None:
            raise TransactionFailure.because(_why_missing(call, draft))
        return draft.key
    missing = [name for name in call.object.identified_by if draft.values.get(name) is None]
    if missing or not call.object.identified_by:
        raise TransactionFailure.because(f"{', '.join(missing) or 'The key'}: {REQUIRED}")
    return draft.values


def _why_missing(call: Call, draft: Draft) -> str:
    """A key that cannot be read is not the same as none."""
    for name, reason in draft.unread:
        if call.object.field(name) is call.object.key:
            return f"{name}: {reason}"
    return "The key of the record is missing"


def shares_key(call: Call) -> bool:
    """Whether an item's key is for others, too."""
    return call.item.attributes.get("shareKey") == "true"


def share_key(call: Call, key: Any) -> None:
    """Remember the key under the element's `id`, and under the key's own name."""
    if not shares_key(call) or key is None:
        return
    names = {"id"} | ({call.object.key.name} if call.object.key is not None else set())
    for name in names:
        call.transaction.shared_keys[f"{call.item.element}.{name}"] = str(key)
