"""An attempt to log in: what it may cost, and what has become of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from packetserver.errors import LoginThrottled
from packetserver.security.login_counts import read_counts
from packetserver.security.throttle import Count, Limits, Scope, is_noted, subjects

REFUSAL = "Not authorized"
"""The one text of every refusal, so that none tells which names and clients exist."""


@dataclass(slots=True)
class Attempt:
    """An attempt from an address, at a time in seconds since 1970.

    Without ``limits`` none is throttled. ``bases`` are permissions that will be asked about.
    """

    address: str
    at: float
    limits: Limits | None = None
    bases: Sequence[str] = ()
    is_guess: bool = False
    """Whether a code was compared with what is stored: only then is a failure counted."""
    subjects: dict[Scope, str] = field(default_factory=dict)
    counts: dict[Scope, Count] = field(default_factory=dict)

    def begin_guess(self, connection: Connection, name: str) -> None:
        """To be called before a slow hash is spent on whoever is called ``name``.

        Raises LoginThrottled when too many of these have failed.
        """
        if self.is_guess:
            return
        if self.limits is not None:
            self.subjects = subjects(name, self.address)
            self.counts = read_counts(connection, self.subjects)
            if self.limits.is_closed(self.counts, self.at):
                raise LoginThrottled(REFUSAL)
        self.is_guess = True

    @property
    def is_news(self) -> bool:
        """Whether that this attempt succeeded is worth remembering."""
        is_counted = self.is_guess and self.limits is not None
        return is_counted and not is_noted(self.counts.get(Scope.PAIR), self.at)
