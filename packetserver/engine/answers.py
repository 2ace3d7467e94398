"""What the engine answers, and where it puts the records on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from packetserver.engine.unheeded import Unheeded


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
    unheeded: Unheeded | None = field(default=None, compare=False)
    """What of the transaction nothing heeded; it is not for the client."""

    @property
    def status(self) -> int:
        """0 or 1: the shipped clients know no other failure (PROTOCOL.md 4.4)."""
        return 1 if self.errors else 0
