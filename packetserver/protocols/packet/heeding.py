"""Looks at what an item says before it is carried out: names, attributes, meta properties.

What it finds that nothing would heed is noted, or an error (docs/filters.md, Strictness).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from packetserver.catalogue.model import ObjectType
from packetserver.protocols.packet.context import Call
from packetserver.protocols.packet.inputs import Draft
from packetserver.protocols.packet.meta import read_meta
from packetserver.protocols.packet.names import PAGES, PARTS, KnownNames, is_number, known_names
from packetserver.protocols.packet.packet import Property
from packetserver.protocols.packet.unheeded import (
    ATTRIBUTE,
    FIELD,
    FILTER,
    META,
    VALUE,
    dropped,
    unknown,
)
from packetserver.records.creating import OBJECTS_KEPT, counts_itself
from packetserver.store.guid_columns import GUID
from packetserver.store.schema import Schema

IDENTITY, SHARE_KEY = "identity", "shareKey"
ATTRIBUTES = frozenset({"type", "action", SHARE_KEY, IDENTITY, *PAGES})
PAGED = frozenset({"select", "sync", "syncDelete"})
OF_LISTS = {IDENTITY: frozenset({"sync"}), **dict.fromkeys(PAGES, PAGED)}
"""Attributes that only lists have, each with the actions that look at it."""

ANCHORED = frozenset({"sync", "syncStart", "syncEnd", "syncProcessed", "process", "status"})
"""Actions that go by the anchors of the packet."""

NOT_COMPARED = "can be read, but lists cannot be filtered by it"
NOT_LOOKED_AT = "nothing looks at it here"
SENT_AGAIN = "it is sent again with another value, and the last one counts"


def heed_item(call: Call, *, has_properties: bool, shows_records: bool) -> None:
    """Give the item's properties their own names, and note what the item cannot have.

    ``has_properties`` tells whether its action looks at any, ``shows_records`` whether it answers
    with the fields that meta names. Raises TransactionFailure where the packet asks for errors.
    """
    _properties(call, has_properties=has_properties)
    if call.item.attributes.keys() - {"action"}:
        _attributes(call)
    if call.item.action in ANCHORED:
        _anchors(call)
    if shows_records and call.output.wanted and call.object.table is not None:
        _meta(call)
    if call.transaction.packet.strict:
        call.transaction.packet.unheeded.check()


def _properties(call: Call, *, has_properties: bool) -> None:
    schema, described = call.records.schema, call.object
    known = known_names(schema, described.element, is_list=call.target.is_list)
    call.item, odd = known.spelt(call.item)
    for each in odd:
        _unknown_property(call, each, known)
    for name in call.item.nested:
        dropped(call, name, "what is nested in it is not looked at")
    if not has_properties:
        for each in call.item.properties:
            if each.text is not None and each not in odd:
                dropped(call, each.name, NOT_LOOKED_AT)
    elif len({each.name for each in call.item.properties}) < len(call.item.properties):
        _repeated(call, frozenset(each.name for each in odd))


def _repeated(call: Call, odd: frozenset[str]) -> None:
    """What was sent for a property before it was sent again; an empty filter takes nothing back."""
    is_list = call.target.is_list
    sent = [each for each in call.item.properties if each.text is not None or not is_list]
    last = {each.name: each.text for each in sent}
    several = odd | PARTS if call.object.kind == "table" else odd
    for each in sent:
        if each.text not in {None, last[each.name]} and each.name not in several:
            dropped(call, each.name, SENT_AGAIN, FILTER if is_list else VALUE)


def _unknown_property(call: Call, sent: Property, known: KnownNames) -> None:
    if call.object.kind == "table" and sent.lookup is not None and "=" in (sent.text or ""):
        # Its text names the column.
        return
    kind = FILTER if call.target.is_list else FIELD
    if call.target.is_list and call.object.field(sent.name) is not None:
        dropped(call, sent.name, NOT_COMPARED, FILTER)
    else:
        unknown(call, kind, sent.name, known.offered)


def _attributes(call: Call) -> None:
    """What attributes say that nobody understands, or that is not for this item."""
    for name, text in call.item.attributes.items():
        if name not in ATTRIBUTES:
            unknown(call, ATTRIBUTE, name, ATTRIBUTES)
        elif name in OF_LISTS and text:
            if not call.target.is_list or call.item.action not in OF_LISTS[name]:
                dropped(call, name, NOT_LOOKED_AT, ATTRIBUTE)
            elif not is_number(text):
                dropped(call, name, "not an integer", ATTRIBUTE)
        elif name == SHARE_KEY and text not in {"true", "false", ""}:
            dropped(call, name, "can only be true or false", ATTRIBUTE)


def _anchors(call: Call) -> None:
    """The anchors that were sent and are no times; a sync then looks at other windows."""
    sent, read = call.transaction.packet.packet.credentials, call.transaction.packet.anchors
    if sent is not None:
        texts = {"lastAnchor": sent.last_anchor, "nextAnchor": sent.next_anchor}
        for (name, text), anchor in zip(texts.items(), read, strict=True):
            if text and anchor is None:
                dropped(call, name, "not a time")


def _meta(call: Call) -> None:
    for name in call.transaction.misnamed_meta:
        unknown(call, META, name, ("property",))
    meta = read_meta(call.records.schema, call.object.element, call.transaction.meta)
    for name in meta.unknown:
        unknown(call, META, name, (*call.object.fields, *call.object.aliases, GUID))


def heed_new(call: Call, draft: Draft) -> None:
    """Note what was sent of a new record and is not for a client to set."""
    reasons = _not_for_new(call.records.schema, call.object.element)
    for name in draft.texts.keys() & reasons.keys():
        if draft.texts[name]:
            dropped(call, name, reasons[name])


def heed_changed(call: Call, draft: Draft, stored: Mapping[str, object]) -> None:
    """Note what an update does not change, unless it is sent as it is ``stored``."""
    reasons = _not_for_changed(call.records.schema, call.object.element)
    for name in draft.texts.keys() & reasons.keys():
        found = call.object.field(name)
        is_same = (
            found is not None
            and found.column
            and draft.values.get(found.name) == stored.get(found.name)
        )
        if draft.texts[name] and not is_same:
            dropped(call, name, reasons[name])


def heed_identity_alone(call: Call, draft: Draft) -> None:
    """Note what was sent beside the identity of a record that is read or deleted."""
    described = call.object
    looked_at = {described.field(name) for name in described.identified_by} | {described.key}
    for name, text in draft.texts.items():
        if text and name != GUID and described.field(name) not in looked_at - {None}:
            dropped(call, name, NOT_LOOKED_AT)


@lru_cache(maxsize=OBJECTS_KEPT)
def _not_for_new(schema: Schema, element: str) -> Mapping[str, str]:
    described = schema.catalogue.objects[element]
    found = dict(_derived(described))
    for each in described.stored_fields:
        if counts_itself(each) and not described.key_may_be_sent:
            found[each.name] = "the server gives new records their keys"
        elif not each.insert and not each.key:
            found[each.name] = "an insert does not store it"
    return _with_aliases(described, found)


@lru_cache(maxsize=OBJECTS_KEPT)
def _not_for_changed(schema: Schema, element: str) -> Mapping[str, str]:
    described = schema.catalogue.objects[element]
    found = dict(_derived(described))
    for each in described.stored_fields:
        if not each.update and not each.key and each is not described.modified:
            found[each.name] = "an update does not change it"
    return _with_aliases(described, found)


def _derived(described: ObjectType) -> Iterator[tuple[str, str]]:
    for each in described.fields.values():
        if each.column is None and each.name not in described.controls:
            yield each.name, "it is worked out, and cannot be set"


def _with_aliases(described: ObjectType, found: Mapping[str, str]) -> Mapping[str, str]:
    aliases: Iterable[tuple[str, str]] = described.aliases.items()
    return {**found, **{alias: found[name] for alias, name in aliases if name in found}}
