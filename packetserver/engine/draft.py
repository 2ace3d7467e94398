"""What a client sent of one record: its properties read as typed values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from packetserver.catalogue.model import Control, Field, ObjectType
from packetserver.catalogue.names import other_case
from packetserver.engine.context import Call
from packetserver.engine.guids import with_server_ids
from packetserver.engine.names import OWN_TABLE_INPUTS, known_names
from packetserver.engine.packet import Property
from packetserver.engine.shared_keys import substitute
from packetserver.engine.triples import plain_properties
from packetserver.engine.unheeded import FIELD, dropped, unknown
from packetserver.errors import TransactionFailure, ValueNotOfType
from packetserver.store.guid_columns import GUID

LENGTH_EXCEEDED = "Length limit exceeded"


@dataclass(slots=True)
class Draft:
    """A record as sent.

    ``values`` are typed values by field name, None where the element was sent empty; ``texts``
    are the sent texts by wire name; ``complaints`` are values that are not of their field's type,
    as (wire name, reason).
    """

    object: ObjectType
    values: dict[str, Any] = field(default_factory=dict)
    controls: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    complaints: list[tuple[str, str]] = field(default_factory=list)

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


def read_draft(call: Call) -> Draft:
    """Reads an item's properties into a draft (DECISIONS.md, Types and Shared keys).

    References by the client's ids are read as the server's. Raises TransactionFailure for one that
    is not mapped, for an unknown shared key, for a foreign table name, and, while validation is
    off, for a text that is too long.
    """
    draft = Draft(call.object)
    for each in with_server_ids(call, _properties(call)):
        text = each.text
        if text is not None:
            text = substitute(text, call.transaction.shared_keys)
        if each.name in OWN_TABLE_INPUTS and call.object.kind in {"lookup", "table"}:
            check_own_table(call, each.name, text)
        else:
            _take(call, draft, each.name, text)
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


def _take(call: Call, draft: Draft, name: str, text: str | None) -> None:
    draft.texts[name] = text or ""
    found = call.object.field(name)
    if found is not None and found.column is not None:
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
        draft.complaints.append((name, error.reason))
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
        draft.complaints.append((name, LENGTH_EXCEEDED))
    return value


def _take_control(call: Call, draft: Draft, control: Control, text: str) -> None:
    try:
        draft.controls[control.name] = control.type.read(text, call.preferences.zone)
    except ValueNotOfType as error:
        draft.complaints.append((control.name, error.reason))


def sent_fields(draft: Draft) -> Iterator[Field]:
    """The stored fields that the client sent, empty ones included."""
    return (each for each in draft.object.stored_fields if each.name in draft.values)
