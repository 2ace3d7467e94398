"""Records that a client names by its own ids: what an item means by them (docs/synchronisation.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from packetserver.catalogue.types import TYPES
from packetserver.errors import ValueNotOfType
from packetserver.failures import Kind
from packetserver.protocols.packet.context import Call
from packetserver.protocols.packet.failures import NOT_MAPPED, TransactionFailure
from packetserver.protocols.packet.names import MARKER
from packetserver.protocols.packet.packet import Property
from packetserver.protocols.packet.unheeded import ATTRIBUTE, dropped
from packetserver.store.guid_columns import GUID, list_of
from packetserver.sync.guids import Guid

NOTHING = -1
"""The guid that refers to nothing, as an empty one does."""

SUFFIX = "Guid"


@dataclass(frozen=True, slots=True)
class Reference:
    """A property that refers to a record by the client's id of it.

    ``name`` is the input that takes the server's id, ``element`` the list whose map is meant: None
    when there is no such list.
    """

    sent_as: str
    name: str
    element: str | None
    text: str | None

    @property
    def is_key(self) -> bool:
        """Whether it takes the key of an earlier item, which is the server's own id."""
        return self.text is not None and MARKER.search(self.text) is not None


def with_server_ids(call: Call, properties: Iterable[Property]) -> list[Property]:
    """The properties with the server's ids in place of the client's; one query finds all of them.

    Raises TransactionFailure for a reference that is not mapped, or is no number.
    """
    sent = list(properties)
    references = {i: one for i, each in enumerate(sent) if (one := _reference(call, each))}
    guids = {i: _guid(call, one) for i, one in references.items() if not one.is_key}
    wanted = {guid for guid in guids.values() if guid is not None}
    found = call.guids.record_ids(wanted) if wanted else {}
    if len(found) < len(wanted):
        raise TransactionFailure(*NOT_MAPPED, kind=Kind.REFERENCE)
    for i, one in references.items():
        guid = guids.get(i)
        text = one.text if one.is_key else None if guid is None else str(found[guid])
        sent[i] = Property(one.name, text)
    return sent


def with_filters_by_id(call: Call) -> Call:
    """The same call with the server's ids in its item, for lists whose properties are filters."""
    properties = tuple(with_server_ids(call, call.item.properties))
    return replace(call, item=replace(call.item, properties=properties))


def read_guid(call: Call, name: str, text: str | None) -> int | None:
    """What a client calls a record; None for what refers to nothing.

    Raises TransactionFailure for what is no number.
    """
    if text is None or not text.strip():
        return None
    try:
        number = TYPES["integer"].read(text, call.preferences.zone)
    except ValueNotOfType as error:
        raise TransactionFailure.because(f"{name}: {error.reason}") from error
    return number if isinstance(number, int) and number != NOTHING else None


def _guid(call: Call, reference: Reference) -> Guid | None:
    number = read_guid(call, reference.sent_as, reference.text)
    if number is None:
        return None
    if reference.element is None:
        raise TransactionFailure(*NOT_MAPPED, kind=Kind.REFERENCE)
    return reference.element, number


def _reference(call: Call, sent: Property) -> Reference | None:
    """What a property refers to by the client's id; None when it is an ordinary one."""
    catalogue = call.records.schema.catalogue
    if sent.lookup is not None and sent.name != GUID:
        element = list_of(catalogue, sent.lookup)
        if element is None:
            dropped(call, sent.name, f"its lookup, {sent.lookup[:64]}, names no list", ATTRIBUTE)
            return None
        return _looked_up(call, sent, element)
    name = sent.name.removesuffix(SUFFIX)
    if name in {"", sent.name} or _is_input(call, sent.name) or not _is_input(call, f"{name}Id"):
        return None
    return Reference(sent.name, f"{name}Id", list_of(catalogue, name), sent.text)


def _looked_up(call: Call, sent: Property, element: str) -> Reference | None:
    """The attribute `lookup`; a mapped table may say `column=guid` (PROTOCOL.md 6.3)."""
    name, text = sent.name, sent.text
    if call.object.kind == "table" and text is not None and "=" in text:
        name, _, text = text.partition("=")
    return Reference(name, name, element, text) if _is_input(call, name) else None


def _is_input(call: Call, name: str) -> bool:
    """Whether an item can set this: a filter of a list, a field or a control of a record."""
    if call.target.is_list:
        return call.object.filter(name) is not None
    found = call.object.field(name)
    return name in call.object.controls or (found is not None and found.column is not None)
