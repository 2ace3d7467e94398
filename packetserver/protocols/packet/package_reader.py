"""From the XML of a client's package to items, one at a time (PROTOCOL.md 6.8)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from packetserver.engine.packet import Item, Property
from packetserver.errors import PacketError
from packetserver.protocols.packet.builder import Limits
from packetserver.protocols.packet.reader import parsed

CONTENT, RECORD, FIELD = 2, 3, 4
"""How deep elements stand: the document itself is 1."""

RECORDS, RECORD_NAME, FIELD_NAME = "cfsdata", "dataRecord", "dataField"


def read_records(texts: Iterable[str], limits: Limits) -> Iterator[Item]:
    """The records of a package as items, while its text is read.

    Raises PacketError for what is no package, or exceeds the limits; ``limits.elements`` counts
    for one record. So nothing may be kept of what was done before the end.
    """
    builder = PackageBuilder(limits)
    for _ in parsed(texts, builder):
        yield from builder.taken()
    yield from builder.taken()


class PackageBuilder:
    """Takes elements and texts in document order, and makes items of them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._depth = 0
        self._elements = 0
        self._is_content = False
        self._attributes: dict[str, str] | None = None
        self._properties: list[Property] = []
        self._field: dict[str, str] | None = None
        self._value: list[str] = []
        self._length = 0
        self._done: deque[Item] = deque()

    def taken(self) -> Iterator[Item]:
        """The records that are complete; each is given once."""
        while self._done:
            yield self._done.popleft()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins. Raises PacketError when there is too much of it."""
        self._depth += 1
        if self._depth > self._limits.depth:
            raise PacketError(f"The package is nested deeper than {self._limits.depth} elements")
        if self._depth == CONTENT:
            self._is_content = name == RECORDS
        elif self._depth == RECORD and self._is_content and name == RECORD_NAME:
            self._attributes, self._properties, self._elements = attributes, [], 0
        elif self._depth == FIELD and self._attributes is not None and name == FIELD_NAME:
            self._field, self._value, self._length = attributes, [], 0
        self._elements += 1 + len(attributes)
        if self._attributes is not None and self._elements > self._limits.elements:
            most = self._limits.elements
            raise PacketError(f"A record of the package has more than {most} elements")

    def text(self, text: str) -> None:
        """A piece of text. Raises PacketError when a value is too long."""
        if self._field is None or self._depth != FIELD:
            return
        self._value.append(text)
        self._length += len(text)
        if self._length > self._limits.characters:
            most = self._limits.characters
            raise PacketError(f"The package has a value of more than {most} characters")

    def end(self, _name: str) -> None:
        """An element ends."""
        if self._depth == FIELD and self._field is not None:
            self._end_field(self._field)
        elif self._depth == RECORD and self._attributes is not None:
            self._end_record(self._attributes)
        self._depth -= 1

    def _end_field(self, attributes: dict[str, str]) -> None:
        """A field; an alias is its name, and a look-up tells whose id its value is."""
        self._field = None
        name = attributes.get("alias") or attributes.get("name") or ""
        lookup = attributes.get("valueLookup") or None
        self._properties.append(Property(name, "".join(self._value) or None, lookup))

    def _end_record(self, attributes: dict[str, str]) -> None:
        self._attributes = None
        element = attributes.get("name", "")
        given = {name: text for name, text in attributes.items() if name in {"action", "shareKey"}}
        self._done.append(Item(element, given, tuple(self._properties)))
