"""The anchors of a sync: which records are new since, and which have changed (PROTOCOL.md 6.5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from packetserver.catalogue.types import TYPES
from packetserver.errors import ValueNotOfType


@dataclass(frozen=True, slots=True)
class Window:
    """From ``last``, which is outside, to ``next``, which is inside.

    A record gets its time before its transaction is committed, so it may appear with a time that
    lies before an anchor that was handed out meanwhile. ``overlap`` is how far before ``last``
    such records are looked for, among those that the client is known not to have.
    """

    last: datetime | None
    next: datetime | None
    overlap: timedelta = timedelta()

    @property
    def reach(self) -> datetime | None:
        """Where looking for late records begins; None when the window has no beginning."""
        if self.last is None:
            return None
        return self.last - min(self.overlap, self.last - datetime.min)


def read_anchor(text: str | None, zone: ZoneInfo) -> datetime | None:
    """The time of an anchor in any of its forms; None for what is no time, as in the original."""
    if text is None:
        return None
    try:
        found = TYPES["timestamp"].read(text, zone)
    except ValueNotOfType:
        return None
    return found if isinstance(found, datetime) else None


def is_same_anchor(one: datetime | None, other: datetime | None) -> bool:
    """Whether two anchors are the same to the second: legacy clients send no fraction."""
    if one is None or other is None:
        return one is other
    return one.replace(microsecond=0) == other.replace(microsecond=0)
