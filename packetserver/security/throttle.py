"""Throttling of failed logins (DECISIONS.md, Stored secrets): how many may fail, and what follows.

Three counters see every failure: that of the name from its address, that of the address over all
names, that of the name over all addresses. A counter falls by its limit in ``seconds``. From its
limit on, each failure closes the door for twice as long as the one before: one second, two, four,
up to ``seconds``. While it is closed nothing is verified and nothing is counted, so it opens by
itself.

A name that has logged in from an address within the last days is known there, and then only the
first counter closes the door: whoever fails elsewhere, or with other names, keeps nobody out.

The counters stand in a table that all servers of a database share.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    String,
    bindparam,
    case,
    column,
    delete,
    select,
    table,
)

from packetserver.errors import LoginThrottled
from packetserver.security.remembered import Proof
from packetserver.store.dialects import Upsert, upsert

IPV6_PREFIX = 64
"""What one customer is given at least: whoever has one address has all of these."""

KNOWN_SECONDS = 30 * 86_400
NOTED_SECONDS = 86_400
"""A login is noted this often: one write a day for a name and its address."""

MOST_DOUBLINGS = 17
"""A counter goes no higher above its limit; 2**17 seconds are more than any setting allows."""


class Scope(Enum):
    """What a counter is of, and how many times the limit of the setting it may hold."""

    PAIR = 1
    NAME = 5
    ADDRESS = 20


@dataclass(frozen=True, slots=True)
class Count:
    """A counter: ``level`` failures when it was last added to, at ``counted``; in seconds."""

    level: float
    counted: float
    welcomed: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """``failures`` of one name from one address within ``seconds`` cost no waiting."""

    failures: int
    seconds: float

    def limit(self, scope: Scope) -> int:
        """How many failures a counter holds before the door closes."""
        return self.failures * scope.value

    def highest(self, scope: Scope) -> float:
        """Where a counter stops."""
        return float(self.limit(scope) + MOST_DOUBLINGS)

    def fall(self, scope: Scope) -> float:
        """By how much a counter falls in a second."""
        return self.limit(scope) / self.seconds

    def longest_memory(self, scope: Scope) -> float:
        """After how many seconds the highest counter has fallen to nothing."""
        return self.highest(scope) / self.fall(scope)

    def is_closed(self, counts: Mapping[Scope, Count], at: float) -> bool:
        """Whether no login is verified at this time."""
        known = is_known(counts.get(Scope.PAIR), at)
        return any(
            self._closes(scope, count, at)
            for scope, count in counts.items()
            if scope is Scope.PAIR or not known
        )

    def _closes(self, scope: Scope, count: Count, at: float) -> bool:
        # A failure that is forgotten in part still is one.
        above = math.ceil(count.level) - self.limit(scope)
        if above < 0:
            return False
        # A clock that was set back must not close the door for longer.
        closed_for: float = min(2.0**above, self.seconds)
        return abs(at - count.counted) < closed_for


def is_known(pair: Count | None, at: float) -> bool:
    """Whether the name has logged in from the address within the last days."""
    return _is_within(KNOWN_SECONDS, pair, at)


def is_noted(pair: Count | None, at: float) -> bool:
    """Whether that it did needs no writing down today."""
    return _is_within(NOTED_SECONDS, pair, at)


def _is_within(seconds: float, pair: Count | None, at: float) -> bool:
    return pair is not None and pair.welcomed is not None and at - pair.welcomed < seconds


def subjects(name: str, address: str) -> dict[Scope, str]:
    """What the three counters are called in the table.

    Digests, because names of clients may be of any length and hold any character.
    """
    network = network_of(address)
    return {
        Scope.PAIR: _digest("pair", name, network),
        Scope.NAME: _digest("name", name),
        Scope.ADDRESS: _digest("address", network),
    }


def network_of(address: str) -> str:
    """The address as it counts: that of IPv4, the network of IPv6; any other text is itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found.packed, IPV6_PREFIX), strict=False))


def _digest(*parts: str) -> str:
    content = repr(parts).encode("utf-8", "backslashreplace")
    return hashlib.blake2b(content, digest_size=32).hexdigest()


_LOGIN = table(
    "packetserver_login",
    column("subject", String),
    column("level", Double),
    column("counted", Double),
    column("welcomed", Double),
    column("kept_until", Double),
)
_READ = select(_LOGIN.c.subject, _LOGIN.c.level, _LOGIN.c.counted, _LOGIN.c.welcomed).where(
    _LOGIN.c.subject.in_(bindparam("subjects", expanding=True))
)
_FORGET = delete(_LOGIN).where(_LOGIN.c.kept_until < bindparam("at", type_=Double))

Subjects = Mapping[Scope, str]


def read_counts(
    connection: Connection, subjects: Subjects, proof: str
) -> tuple[dict[Scope, Count], float | None]:
    """The counters that there are, and when the ``proof`` was noted, in one query."""
    rows = connection.execute(_READ, {"subjects": [*subjects.values(), proof]}).all()
    found = {row.subject: Count(row.level, row.counted, row.welcomed) for row in rows}
    counts = {scope: found[subject] for scope, subject in subjects.items() if subject in found}
    return counts, found[proof].welcomed if proof in found else None


def count_failure(connection: Connection, subjects: Subjects, limits: Limits, at: float) -> None:
    """Add a failure to each counter; those that others add at the same moment count, too."""
    rows = [
        {
            "subject": subject,
            "at": at,
            "fall": limits.fall(scope),
            "highest": limits.highest(scope),
            "until": at + limits.longest_memory(scope),
        }
        for scope, subject in subjects.items()
    ]
    # Always in one order: two failures then never wait for each other.
    rows.sort(key=lambda row: str(row["subject"]))
    connection.execute(_failure(connection), rows)


def note_welcome(connection: Connection, kept: Mapping[str, float], at: float) -> None:
    """Note by their subjects that a name has logged in from an address, or what has proved it.

    Each is kept for so many seconds; what failed there still counts.
    """
    rows = [
        {"subject": subject, "at": at, "until": at + seconds}
        # Always in one order: two that come in then never wait for each other.
        for subject, seconds in sorted(kept.items())
    ]
    connection.execute(_welcome(connection), rows)


def forget_old(connection: Connection, at: float) -> None:
    """Remove what says nothing more."""
    connection.execute(_FORGET, {"at": at})


def _number(name: str) -> ColumnElement[float]:
    return bindparam(name, type_=Double)


def _insert(connection: Connection, **values: Any) -> Upsert:
    common = {
        "subject": bindparam("subject", type_=String),
        "counted": _number("at"),
        "kept_until": _number("until"),
    }
    return upsert(connection, _LOGIN).values(common | values)


def _failure(connection: Connection) -> Upsert:
    known, statement = _LOGIN.c, _insert(connection, level=1.0)
    passed = _number("at") - known.counted
    left = known.level - _larger(passed, 0.0) * _number("fall")
    level = _larger(left, 0.0) + 1.0
    return statement.on_conflict_do_update(
        index_elements=["subject"],
        set_={
            "level": case((level > _number("highest"), _number("highest")), else_=level),
            # Not the larger one: a clock that was set back would keep the door open till then.
            "counted": _number("at"),
            "kept_until": _larger(known.kept_until, _number("until")),
        },
    )


def _welcome(connection: Connection) -> Upsert:
    return _insert(connection, level=0.0, welcomed=_number("at")).on_conflict_do_update(
        index_elements=["subject"],
        set_={
            "welcomed": _number("at"),
            "kept_until": _larger(_LOGIN.c.kept_until, _number("until")),
        },
    )


def _larger(
    first: ColumnElement[float], second: ColumnElement[float] | float
) -> ColumnElement[float]:
    # The two databases call this function by different names.
    return case((first > second, first), else_=second)


REFUSAL = "the credentials are refused"
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
