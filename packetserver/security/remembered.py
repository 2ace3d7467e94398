"""Credentials that were verified, or refused, remembered so that not every packet costs a slow hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass, field

from packetserver.security.secrets import SecretKind

CAPACITY = 10_000
"""Credentials that one process remembers unless it is told otherwise."""

_OF_ALL_WORKERS = secrets.token_bytes(32)
"""Drawn before the first worker is forked, and so known to all that one server ever has."""

Key = tuple[SecretKind, int | str, bytes]


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody who says to be user or sync client ``id`` and sends ``wire`` to prove it.

    ``stored`` is what the database holds for that one at this moment. A name that no user has is
    in the place of the id.
    """

    kind: SecretKind
    id: int | str
    stored: str | None = field(repr=False)
    wire: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proof:
    """What all workers of a server call a claim; only they can tell which one it is.

    Once one of them has verified it, all may remember it for so many ``seconds``.
    """

    subject: str
    seconds: float

    def seconds_left(self, proved_at: float | None, at: float) -> float | None:
        """How much of that is left when it was verified at a time, None when nothing is."""
        if proved_at is None:
            return None
        left = self.seconds - abs(at - proved_at)
        return left if left > 0 else None


class RememberedCredentials:
    """The claims that were verified within the last ``seconds`` (DECISIONS.md, Stored secrets).

    An entry is bound to the stored secret: once that changes, the entry is never found again. Only
    digests under a random key of this process are kept. Safe to use from several threads.
    """

    def __init__(self, seconds: float, capacity: int = CAPACITY) -> None:
        """``seconds`` 0 remembers nothing; beyond ``capacity`` the oldest entry goes."""
        self._seconds = seconds
        self._capacity = capacity
        self._secret = secrets.token_bytes(32)
        # In the order in which they came, which is nearly that in which they expire: a hit does not
        # prolong an entry.
        self._entries: dict[Key, tuple[bytes, float]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many entries are held, those included that expired and were not yet dropped."""
        return len(self._entries)

    def recalls(self, claim: Claim, at: float) -> bool:
        """Whether this very claim was verified; ``at`` is a monotonic clock's time in seconds."""
        if claim.stored is None:
            return False
        key = self._key(claim, claim.stored)
        with self._lock:
            digest, until = self._entries.get(key, (b"", at))
        return at < until and hmac.compare_digest(digest, self._digest(claim.wire, b"wire"))

    def proof(self, claim: Claim) -> Proof:
        """What to call a claim in the database that all workers share.

        The key is in no database, so whoever has that alone can try no codes with it.
        """
        content = repr(("proof", claim.kind.value, claim.id, claim.stored, claim.wire))
        digest = hashlib.blake2b(
            content.encode("utf-8", "surrogatepass"), key=_OF_ALL_WORKERS, digest_size=32
        )
        return Proof(digest.hexdigest(), self._seconds)

    def remember(self, claim: Claim, at: float, seconds: float | None = None) -> None:
        """Keep a claim that was verified just now; ``at`` is as for `recalls`.

        ``seconds`` are for one that another worker has verified some time ago.
        """
        kept = self._seconds if seconds is None else seconds
        if claim.stored is None or kept <= 0:
            return
        key = self._key(claim, claim.stored)
        entry = (self._digest(claim.wire, b"wire"), at + kept)
        with self._lock:
            self._entries.pop(key, None)
            self._drop_expired(at)
            while len(self._entries) >= self._capacity:
                self._drop_oldest()
            self._entries[key] = entry

    def _drop_expired(self, at: float) -> None:
        while self._entries and next(iter(self._entries.values()))[1] <= at:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        del self._entries[next(iter(self._entries))]

    def _key(self, claim: Claim, stored: str) -> Key:
        # Digested as well, since a bare stored secret is what travels on the wire.
        return claim.kind, claim.id, self._digest(stored, b"stored")

    def _digest(self, text: str, purpose: bytes) -> bytes:
        content = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(content, key=self._secret, person=purpose, digest_size=32).digest()


class RefusedClaims:
    """The claims that were refused within the last ``seconds``: the same guess again is no new one.

    So a device that keeps sending an old code costs no slow hash, and counts as one failure. An
    entry is bound to the stored secret, and is kept as in `RememberedCredentials`, but a hit
    prolongs it. Safe to use from several threads.
    """

    def __init__(self, seconds: float, capacity: int = CAPACITY) -> None:
        """``seconds`` 0 remembers nothing; beyond ``capacity`` the one longest unused goes."""
        self._seconds = seconds
        self._capacity = capacity
        self._secret = secrets.token_bytes(32)
        self._entries: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def recalls(self, claim: Claim, at: float) -> bool:
        """Whether this very claim was refused; ``at`` is a monotonic clock's time in seconds."""
        key = self._key(claim)
        with self._lock:
            until = self._entries.pop(key, at)
            if until <= at:
                return False
            self._entries[key] = at + self._seconds
        return True

    def remember(self, claim: Claim, at: float) -> None:
        """Keep a claim that was refused just now; ``at`` is as for `recalls`."""
        if self._seconds <= 0:
            return
        key = self._key(claim)
        with self._lock:
            self._entries.pop(key, None)
            while len(self._entries) >= self._capacity:
                del self._entries[next(iter(self._entries))]
            self._entries[key] = at + self._seconds

    def _key(self, claim: Claim) -> bytes:
        content = repr((claim.kind.value, claim.id, claim.stored, claim.wire))
        found = hashlib.blake2b(
            content.encode("utf-8", "surrogatepass"),
            key=self._secret,
            person=b"refused",
            digest_size=32,
        )
        return found.digest()
