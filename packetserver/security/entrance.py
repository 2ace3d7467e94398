"""Where senders of packets come in: failed logins are counted, refused ones are audited."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from packetserver.errors import LoginThrottled, NotAuthorized, StoreBusy, StoreUnavailable
from packetserver.security.audit import NOT_AUTHORIZED, THROTTLED, Audit, What, claimed
from packetserver.security.credentials import Credentials
from packetserver.security.throttle import (
    KNOWN_SECONDS,
    Attempt,
    Limits,
    Scope,
    count_failure,
    forget_old,
    note_welcome,
)
from packetserver.store.database import Database
from packetserver.store.unit_of_work import unit_of_work

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.02
"""How long somebody who has come in waits for that to be noted."""


class Entrance:
    """The entrance to one database; safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        limits: Limits | None,
        audit: Audit,
        clock: Callable[[], datetime],
    ) -> None:
        """Without ``limits`` no failure is counted; ``clock`` gives times that know their zone."""
        self._database = database
        self._limits = limits
        self._audit = audit
        self._clock = clock
        self._forgotten_at: float | None = None
        self._lock = threading.Lock()

    @contextmanager
    def attempt(
        self,
        credentials: Credentials | None,
        address: str,
        items: Callable[[], Sequence[What]],
    ) -> Iterator[Attempt]:
        """An attempt to log in, made within; ``items`` tells what the packet is about.

        What becomes of it is written in a unit of work of its own when this ends, so the caller's
        must have ended by then. NotAuthorized passes through.
        """
        attempt = Attempt(address, self._clock().timestamp(), self._limits)
        try:
            yield attempt
        except NotAuthorized as refusal:
            throttled = isinstance(refusal, LoginThrottled)
            if attempt.is_guess and self._limits is not None:
                self._count(attempt)
            outcome = THROTTLED if throttled else NOT_AUTHORIZED
            self._audit.record(outcome, address, claimed(credentials), items())
            raise
        kept = dict(self._news(attempt))
        if kept:
            self._note(kept, attempt.at)

    def _news(self, attempt: Attempt) -> Iterator[tuple[str, float]]:
        """What is worth noting of somebody who came in, and for how many seconds."""
        if attempt.is_news:
            yield attempt.subjects[Scope.PAIR], KNOWN_SECONDS
        if attempt.proof is not None:
            yield attempt.proof.subject, attempt.proof.seconds

    def _note(self, kept: Mapping[str, float], at: float) -> None:
        """Note that somebody came in; who can read need not wait for SQLite's writer for that."""

        def write(connection: Connection) -> None:
            note_welcome(connection, kept, at)
            if self._limits is not None and self._is_time_to_forget(at, self._limits.seconds):
                forget_old(connection, at)

        try:
            self._write(write, PATIENCE_SECONDS)
        except StoreBusy:
            logger.debug("A login is not noted: the next one is as good")

    def _count(self, attempt: Attempt) -> None:
        try:
            self._write(lambda connection: self._add(connection, attempt), None)
        except StoreBusy:
            logger.warning("A login could not be counted: the database is busy")

    def _write(self, statements: Callable[[Connection], None], patience: float | None) -> None:
        """Raises StoreBusy when others keep the database from it."""
        try:
            with unit_of_work(self._database, writes=True, patience=patience) as work:
                statements(work.connection)
                work.commit()
        except StoreBusy:
            raise
        except (StoreUnavailable, SQLAlchemyError):
            # The answer is the same: who was refused stays refused, who came in is in.
            logger.warning("A login could not be counted", exc_info=True)

    def _add(self, connection: Connection, attempt: Attempt) -> None:
        if self._limits is None:
            return
        count_failure(connection, attempt.subjects, self._limits, attempt.at)
        if self._is_time_to_forget(attempt.at, self._limits.seconds):
            forget_old(connection, attempt.at)

    def _is_time_to_forget(self, at: float, seconds: float) -> bool:
        with self._lock:
            before = self._forgotten_at
            if before is not None and abs(at - before) < seconds:
                return False
            self._forgotten_at = at
            return True
