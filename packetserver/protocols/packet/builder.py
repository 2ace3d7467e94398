"""From the parser's events to a packet: what stands where, and what is left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from packetserver.catalogue.model import in_either_case
from packetserver.errors import PacketError
from packetserver.protocols.packet.packet import Item, Packet, Property, Transaction
from packetserver.security.credentials import Credentials

SECTION, ITEM, PROPERTY = 2, 3, 4
"""How deep elements stand: the packet itself is 1, what is deeper than a property is left out."""

AUTHENTICATION = "authentication"

MOST_NOTED = 1000
"""So many items are noted of a packet whose sender is looked for."""

INTEGER = re.compile(r"\s*[+-]?[0-9]{1,10}\s*", re.ASCII)


def read_integer(text: str) -> int | None:
    """An integer of 32 bits, as the original reads them; None for any other text."""
    if not INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if -(2**31) <= number < 2**31 else None


def _natural(text: str) -> int | None:
    number = read_integer(text)
    return number if number is not None and number >= 0 else None


def _stripped(text: str) -> str | None:
    return text.strip() or None


CREDENTIALS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "id": ("id", _stripped),
    "code": ("code", str),
    "systemId": ("system_id", read_integer),
    "clientId": ("client_id", _natural),
    "username": ("username", _stripped),
    "lastAnchor": ("last_anchor", _stripped),
    "nextAnchor": ("next_anchor", _stripped),
    "encoding": ("encoding", _stripped),
}
"""The children of `authentication` that mean something (PROTOCOL.md 2.1), and how each is read."""

KNOWN_CREDENTIALS = in_either_case(CREDENTIALS)
META_PROPERTIES = frozenset({"property", "Property"})
"""The first letter counts in either case, as it does in items."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a packet may hold: elements and attributes, levels, characters of one value."""

    elements: int = 1_000_000
    depth: int = 64
    characters: int = 10_000_000


class PacketBuilder:
    """Takes elements and texts in document order and makes the packet of them.

    Nothing is kept but what means something. A value is all text of its element before the first
    child element, untrimmed (DECISIONS.md, Encoding in).
    """

    def __init__(self, limits: Limits) -> None:
        self.credentials: dict[str, Any] = {}
        self._limits = limits
        self._elements = 0
        self._depth = 0
        self._section: str | None = None
        self._has_authentication = False
        self._value: list[str] = []
        self._value_length = 0
        self._in_value = False
        self._transactions: list[Transaction] = []
        self._transaction_id: int | None = None
        self._meta: list[str] = []
        self._misnamed_meta: list[str] = []
        self._nested: list[int] = []
        self._items: list[Item] = []
        self._item_attributes: dict[str, str] = {}
        self._properties: list[Property] = []
        self._lookup: str | None = None

    def packet(self) -> Packet:
        """The packet, once its last element has ended."""
        credentials = Credentials(**self.credentials) if self._has_authentication else None
        return Packet(credentials, tuple(self._transactions))

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins; its name is as written, a prefix included.

        Raises PacketError when the packet holds too much.
        """
        self._depth += 1
        self._in_value = False
        self._count(1 + len(attributes))
        if self._depth == SECTION:
            self._start_section(name, attributes)
        elif self._section is None:
            return
        elif self._depth == ITEM:
            self._start_item(name, attributes)
        elif self._depth == PROPERTY and self._section == "transaction":
            self._lookup = attributes.get("lookup") or None
            self._start_value()
        elif self._section == "transaction":
            self._nested.append(len(self._properties))

    def text(self, text: str) -> None:
        """A piece of text or of a CDATA section.

        Raises PacketError when a value is too long.
        """
        if self._in_value:
            self._value.append(text)
            self._value_length += len(text)
            if self._value_length > self._limits.characters:
                most = self._limits.characters
                raise PacketError(f"The packet has a value of more than {most} characters")

    def end(self, name: str) -> None:
        """An element ends."""
        if self._section is not None:
            if self._depth == SECTION:
                self._end_section()
            elif self._section == AUTHENTICATION:
                self._end_credential(name)
            elif self._depth == ITEM:
                self._end_item(name)
            elif self._depth == PROPERTY:
                self._properties.append(Property(name, self._end_value(), self._lookup))
        self._depth -= 1

    def _count(self, more: int) -> None:
        self._elements += more
        if self._elements > self._limits.elements:
            raise PacketError(f"The packet has more than {self._limits.elements} elements")
        if self._depth > self._limits.depth:
            raise PacketError(f"The packet is nested deeper than {self._limits.depth} elements")

    def _start_section(self, name: str, attributes: dict[str, str]) -> None:
        if name == "transaction":
            self._section = name
            self._transaction_id = _natural(attributes.get("id", ""))
            self._meta, self._items, self._misnamed_meta = [], [], []
        elif name == AUTHENTICATION and not self._has_authentication:
            self._section = name
            self._has_authentication = True

    def _end_section(self) -> None:
        if self._section == "transaction":
            meta = tuple(dict.fromkeys(self._meta))
            items, misnamed = tuple(self._items), tuple(self._misnamed_meta)
            self._transactions.append(Transaction(self._transaction_id, meta, items, misnamed))
        self._section = None

    def _start_item(self, _name: str, attributes: dict[str, str]) -> None:
        if self._section == AUTHENTICATION:
            self._start_value()
        else:
            self._item_attributes, self._properties, self._nested = attributes, [], []

    def _end_item(self, name: str) -> None:
        if name != "meta":
            sent = tuple(self._properties)
            nested: tuple[str, ...] = ()
            if self._nested:
                nested = tuple(dict.fromkeys(sent[place].name for place in self._nested))
            self._items.append(Item(name, self._item_attributes, sent, nested))
            return
        odd = (each.name for each in self._properties if each.name not in META_PROPERTIES)
        self._misnamed_meta.extend(odd)
        # The last of several counts (PROTOCOL.md 3.5).
        asked = (each.text for each in self._properties if each.name in META_PROPERTIES)
        self._meta = [text.strip() for text in asked if text and text.strip()]

    def _end_credential(self, name: str) -> None:
        if self._depth == ITEM and name in KNOWN_CREDENTIALS:
            text = self._end_value()
            if text is not None:
                field, read = KNOWN_CREDENTIALS[name]
                self.credentials[field] = read(text)

    def _start_value(self) -> None:
        self._value = []
        self._value_length = 0
        self._in_value = True

    def _end_value(self) -> str | None:
        self._in_value = False
        return "".join(self._value) or None


class SenderBuilder(PacketBuilder):
    """Takes of a packet only who sends it, and what its first items are about."""

    @property
    def is_known(self) -> bool:
        """Whether all that the packet says of its sender is there."""
        return self._has_authentication and self._section != AUTHENTICATION

    def packet(self) -> Packet:
        """The packet as far as it is known: in one transaction, and without values."""
        credentials = Credentials(**self.credentials) if self._has_authentication else None
        return Packet(credentials, (Transaction(None, (), tuple(self._items)),))

    def end(self, name: str) -> None:
        """An element ends."""
        if self._section == AUTHENTICATION:
            super().end(name)
            return
        if self._depth == SECTION:
            self._section = None
        self._depth -= 1

    def _start_section(self, name: str, attributes: dict[str, str]) -> None:
        items = self._items
        super()._start_section(name, attributes)
        self._items = items

    def _start_item(self, name: str, attributes: dict[str, str]) -> None:
        if self._section == AUTHENTICATION:
            self._start_value()
        elif name != "meta" and len(self._items) < MOST_NOTED:
            self._items.append(Item(name, attributes, ()))
