"""From the XML of a client's package to items, one at a time.

A package is a document whose root, whatever it is called, holds `dataRecord` elements: directly, or
in elements `cfsdata`. A record holds `dataField` elements, and a field holds text. Whatever else
stands in it would be lost if it were passed over, so it is refused.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable, Iterator

from packetserver.errors import PacketError
from packetserver.protocols.packet.builder import Limits
from packetserver.protocols.packet.packet import Item, Property
from packetserver.protocols.packet.reader import parsed

RECORDS, RECORD_NAME, FIELD_NAME = "cfsdata", "dataRecord", "dataField"
XML_BLANKS = " \t\r\n"
LONGEST_SHOWN = 60
"""How much of a name that a client has chosen is repeated to it."""


class Place(enum.Enum):
    """What an open element is; the innermost one says what may stand in it."""

    ROOT = enum.auto()
    RECORDS = enum.auto()
    RECORD = enum.auto()
    FIELD = enum.auto()


def read_records(texts: Iterable[str], limits: Limits) -> Iterator[Item]:
    """The records of a package as items, while its text is read.

    Raises PacketError for what is no package, holds what is no record, or exceeds the limits;
    ``limits.elements`` counts from one record to the next. So nothing may be kept of what was done
    before the end.
    """
    builder = PackageBuilder(limits)
    for _ in parsed(texts, builder):
        yield from builder.taken()
    yield from builder.taken()


class PackageBuilder:
    """Takes elements and texts in document order, and makes items of them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: list[Place] = []
        self._number = 0
        self._elements = 0
        self._attributes: dict[str, str] = {}
        self._properties: list[Property] = []
        self._field: dict[str, str] = {}
        self._value: list[str] = []
        self._length = 0
        self._done: deque[Item] = deque()

    def taken(self) -> Iterator[Item]:
        """The records that are complete; each is given once."""
        while self._done:
            yield self._done.popleft()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins. Raises PacketError when it is out of place, or one too many."""
        place = self._place_of(name)
        if place is Place.RECORD:
            self._attributes, self._properties, self._elements = attributes, [], 0
            self._number += 1
        elif place is Place.FIELD:
            self._field, self._value, self._length = attributes, [], 0
        self._open.append(place)
        self._elements += 1 + len(attributes)
        if self._elements > self._limits.elements:
            most = self._limits.elements
            raise PacketError(f"{self._where()} has more than {most} elements for one record")

    def text(self, text: str) -> None:
        """A piece of text. Raises PacketError when it is out of place, or a value too long."""
        if self._open[-1] is not Place.FIELD:
            if text.strip(XML_BLANKS):
                raise PacketError(f"{self._where()} has text that is in no {FIELD_NAME}")
            return
        self._value.append(text)
        self._length += len(text)
        if self._length > self._limits.characters:
            most = self._limits.characters
            raise PacketError(f"The package has a value of more than {most} characters")

    def end(self, _name: str) -> None:
        """An element ends. Raises PacketError for a field without a name."""
        place = self._open.pop()
        if place is Place.FIELD:
            self._end_field(self._field)
        elif place is Place.RECORD:
            self._end_record(self._attributes)

    def _place_of(self, name: str) -> Place:
        around = self._open[-1] if self._open else None
        match around, name:
            case None, _:
                return Place.ROOT
            case Place.ROOT, _ if name == RECORDS:
                return Place.RECORDS
            case ((Place.ROOT | Place.RECORDS), _) if name == RECORD_NAME:
                return Place.RECORD
            case Place.RECORD, _ if name == FIELD_NAME:
                return Place.FIELD
        shown = name[:LONGEST_SHOWN]
        if around is Place.FIELD:
            raise PacketError(f"{self._where()} has an element {shown} within a {FIELD_NAME}")
        if around is Place.RECORD:
            raise PacketError(f"{self._where()} has an element {shown}, which is no {FIELD_NAME}")
        raise PacketError(
            f"No record was found in the element {shown}: the root of a package, and {RECORDS} in"
            f" it, hold {RECORD_NAME} elements"
        )

    def _where(self) -> str:
        if self._open[-1] in {Place.RECORD, Place.FIELD}:
            return f"Record {self._number} of the package"
        return "The package"

    def _end_field(self, attributes: dict[str, str]) -> None:
        """A field; an alias is its name, and a look-up tells whose id its value is."""
        name = attributes.get("alias") or attributes.get("name") or ""
        if not name:
            raise PacketError(f"{self._where()} has a {FIELD_NAME} without a name")
        lookup = attributes.get("valueLookup") or None
        self._properties.append(Property(name, "".join(self._value) or None, lookup))

    def _end_record(self, attributes: dict[str, str]) -> None:
        element = attributes.get("name", "")
        given = {name: text for name, text in attributes.items() if name in {"action", "shareKey"}}
        self._done.append(Item(element, given, tuple(self._properties)))
