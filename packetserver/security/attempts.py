"""An attempt to log in: what it may cost, and what has become of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from packetserver.errors import LoginThrottled
from packetserver.security.remembered import Proof
from packetserver.security.throttle import Count, Limits, Scope, is_noted, read_counts, subjects

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
    proof: Proof | None = None
    """What was found to be right by a slow hash, for other workers to know."""

    def begin_guess(self, connection: Connection, name: str, proof: Proof) -> float | None:
        """To be called before a slow hash is spent on whoever is called ``name``.

        Returns for how many seconds another worker still vouches for the ``proof``: then no hash
        need be spent. Raises LoginThrottled when it does not, and too many of these have failed.
        """
        if self.is_guess:
            return None
        if self.limits is not None:
            self.subjects = subjects(name, self.address)
            self.counts, proved_at = read_counts(connection, self.subjects, proof.subject)
            left = proof.seconds_left(proved_at, self.at)
            if left is not None:
                return left
            if self.limits.is_closed(self.counts, self.at):
                raise LoginThrottled(REFUSAL)
        self.is_guess = True
        return None

    def succeed(self, proof: Proof) -> None:
        """What was compared is right."""
        if self.limits is not None and proof.seconds > 0:
            self.proof = proof

    @property
    def is_news(self) -> bool:
        """Whether that this attempt succeeded is worth remembering."""
        is_counted = self.is_guess and self.limits is not None
        return is_counted and not is_noted(self.counts.get(Scope.PAIR), self.at)
