"""A packet read to its end, its answers, and where an item stands in it."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from packetserver.failures import Kind
from packetserver.protocols.packet.unheeded import Unheeded
from packetserver.security.credentials import Credentials


@dataclass(frozen=True, slots=True)
class Property:
    """One child element of an item; ``text`` is None when the element was empty."""

    name: str
    text: str | None
    lookup: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One element of a transaction: what is to be done, and with which values."""

    element: str
    attributes: Mapping[str, str]
    properties: tuple[Property, ...]
    nested: tuple[str, ...] = ()
    """The properties that have elements of their own, which nobody looks at."""

    @property
    def action(self) -> str | None:
        """The action asked for: `type` wins when it is not blank (PROTOCOL.md 4.2)."""
        for name in ("type", "action"):
            if self.attributes.get(name, "").strip():
                return self.attributes[name]
        return None


@dataclass(frozen=True, slots=True)
class Transaction:
    """Items that stand or fall together; ``meta`` names the fields of the records returned."""

    id: int | None
    meta: tuple[str, ...]
    items: tuple[Item, ...]
    misnamed_meta: tuple[str, ...] = ()
    """The elements of `meta` that name no field, for they are no `property`."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One request: who asks, and the transactions in their order."""

    credentials: Credentials | None
    transactions: tuple[Transaction, ...]


class CommitLevel(enum.Enum):
    """What is committed as a whole (DECISIONS.md, commit-level)."""

    PACKET = "packet"
    TRANSACTION = "transaction"


@dataclass(frozen=True, slots=True)
class Options:
    """The request headers that steer a packet (protocol page, HTTP Packet; docs/filters.md)."""

    commit_level: CommitLevel = CommitLevel.PACKET
    validate: bool = True
    strict: bool = False


class RecordSink(Protocol):
    """Takes records one by one while they stream from the database.

    Positions mark ranges of what was written, so that a response can name its records and a
    response that was undone simply leaves its range out.
    """

    def position(self) -> int:
        """The place where the next record will begin."""

    def cut(self, position: int) -> None:
        """Forget what was written from a place on."""

    def write(self, action: str, names: Sequence[str], texts: Sequence[str]) -> None:
        """Write one record: its action, its field names and their texts, in the same order."""


@dataclass(frozen=True, slots=True)
class RecordSet:
    """The records of one response: ``start`` and ``end`` are positions of the sink."""

    name: str
    count: int
    total: int | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to one transaction, or to a whole packet that was refused."""

    id: int | None
    errors: tuple[str, ...] = ()
    records: RecordSet | None = None
    kinds: tuple[Kind, ...] = ()
    """Those of all that failed, in its order."""
    unheeded: Unheeded | None = field(default=None, compare=False)
    """What of the transaction nothing heeded; it is not for the client."""

    @property
    def status(self) -> int:
        """0 or 1: the shipped clients know no other failure (PROTOCOL.md 4.4)."""
        return 1 if self.errors else 0


LONGEST_ELEMENT = 60
"""Characters of an element's name that are shown: anybody may send any name."""


@dataclass(frozen=True, slots=True)
class Place:
    """An item of a transaction, which has ``number`` 1 when it is the first."""

    number: int
    element: str
    is_only: bool
    """Whether the transaction has no other item."""

    def __str__(self) -> str:
        return f"item {self.number} ({self.element[:LONGEST_ELEMENT]})"

    def behind(self, message: str) -> list[str]:
        """A message of the protocol, which clients expect alone, and its place for those who ask."""
        return [message] if self.is_only else [message, str(self)]
