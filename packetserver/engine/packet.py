"""A packet as the engine sees it: read to its end, and nothing of it has run yet."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

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
