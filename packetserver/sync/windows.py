"""The anchors of a sync: which records are new since, and which have changed (PROTOCOL.md 6.5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """From ``last``, which is outside, to ``next``, which is inside.

    ``reach`` is where looking for records that the client does not have begins, None for the
    beginning of all. ``present`` is the server's time: times beyond it come from a clock that was
    wrong, and say nothing. It is None when the window is to be kept to the letter.
    """

    last: datetime | None
    next: datetime | None
    reach: datetime | None
    present: datetime | None = None


def exact_window(last: datetime | None, following: datetime | None) -> Window:
    """A window that is kept to the letter."""
    return Window(last, following, reach=last)


def known_window(
    last: datetime | None,
    following: datetime | None,
    overlap: timedelta,
    now: datetime,
    answered: datetime | None,
) -> Window:
    """A window of somebody of whom is remembered what it had at ``last``.

    A record gets its time before its transaction is committed, and clocks are set back, so it may
    appear with a time before an anchor that was handed out earlier: ``overlap`` is how far before
    ``last`` such records are looked for, and before the time when that was ``answered``, for the
    anchor may be a time of another clock. One that lies ahead was taken from a wrong clock; then
    only what is remembered can tell.
    """
    if last is None or max(last, answered or last) > now:
        return Window(last, following, reach=None, present=now)
    return Window(last, following, earlier(min(last, answered or last), overlap), now)


def earlier(moment: datetime, by: timedelta) -> datetime:
    """A time so much earlier, or the earliest there is."""
    return moment - min(by, moment - datetime.min)


def is_same_anchor(one: datetime | None, other: datetime | None) -> bool:
    """Whether two anchors are the same to the second: legacy clients send no fraction."""
    if one is None or other is None:
        return one is other
    return one.replace(microsecond=0) == other.replace(microsecond=0)
