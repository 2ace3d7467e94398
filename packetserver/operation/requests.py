"""What is known of a request while it is carried out, for its line in the log and for the metrics."""

from __future__ import annotations

import re
import time
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field

from packetserver.protocols.front.requests import Summary, new_request_id
from packetserver.protocols.packet.unheeded import Unheeded

HEADER = "X-Request-Id"

PROBES = frozenset({"healthz", "readyz", "metrics"})
"""Addresses that programs ask all day long: they are no work, and hardly worth a line."""

_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
"""What may stand in a log, in a header and in a client's error text as it is."""

_UNSAFE = re.compile(r"[^\w.~-]", re.ASCII)
LONGEST_SHOWN = 64


def request_id(sent: str | None) -> str:
    """What a request is called: what its sender calls it, if that is short and plain, else a new id."""
    if sent is not None and _WELL_FORMED.fullmatch(sent):
        return sent
    return new_request_id()


def shown(text: str) -> str:
    """A word of a request, shortened, and without what could mean anything in a log."""
    return _UNSAFE.sub("?", text[:LONGEST_SHOWN])


@dataclass(slots=True)
class Principal:
    """Who has sent a packet: what it names, once that was not refused."""

    kind: str
    user: str | None = None
    client: int | None = None


@dataclass(slots=True)
class RequestFacts:
    """One request. Sizes are in bytes; ``action`` is the last segment of its path."""

    id: str
    method: str
    action: str
    address: str = ""
    began: float = field(default_factory=time.perf_counter)
    status: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    transactions: int = 0
    failed: int = 0
    items: int = 0
    outcome: str | None = None
    principal: Principal | None = None
    summary: Summary | None = None
    errors: Counter[str] = field(default_factory=Counter)
    unheeded: Unheeded = field(default_factory=Unheeded)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.perf_counter() - self.began


CURRENT: ContextVar[RequestFacts | None] = ContextVar("packetserver_request", default=None)
"""The request that this thread is carrying out."""
