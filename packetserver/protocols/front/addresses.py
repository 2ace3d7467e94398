"""What a protocol tells the edge of itself: where it is spoken, and its words when nothing is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from packetserver.protocols.front.concurrency import Concurrency
from packetserver.protocols.front.outcomes import Outcome
from packetserver.protocols.front.requests import Request, Response
from packetserver.protocols.front.spools import Spools
from packetserver.settings import Settings


@dataclass(frozen=True, slots=True)
class Edge:
    """What the protocols of a process share."""

    settings: Settings
    spools: Spools
    concurrency: Concurrency


class Exchange(Protocol):
    """One request and its answer."""

    def answer(self) -> Response:
        """Carry out the request. Any exception that it raises becomes an outcome."""

    def refuse(self, outcome: Outcome) -> Response:
        """The words of the protocol for a request that could not be carried out."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address: a rule of Flask, which takes every method.

    One that is ``found_by_name`` has a single segment, and is served whatever stands before that in
    the path; one that is ``followed_by_any``, whatever stands behind it, too. ``longest_body`` is in
    bytes.
    """

    rule: str
    exchange: Callable[[Request], Exchange]
    longest_body: int
    found_by_name: bool = False
    followed_by_any: bool = False


@dataclass(frozen=True, slots=True)
class WireProtocol:
    """A protocol, as the edge knows it.

    ``refuse`` has its words for a request that comes to none of its exchanges; it is also asked for
    what ends in ``suffix`` and is no address.
    """

    addresses: Sequence[Address]
    refuse: Callable[[Outcome], Response]
    suffix: str | None = None
