"""The log of requests that changed nothing, on SQLite: reading does not wait for a writer.

SQLite has one writer at a time, and a long one may write for seconds. What has only read is
answered then, and its lines of the log follow as soon as the writer is done. They are the one
thing that is told to a client and not yet stored; a server that is killed meanwhile loses them.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from packetserver.errors import StoreBusy, StoreUnavailable
from packetserver.store.database import Database
from packetserver.store.unit_of_work import UnitOfWork, unit_of_work

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.02
"""How long a request that only reads waits for its turn to write the log."""

MOST_WAITING = 10_000
"""Beyond so many requests the log is waited for, as others wait."""


Note = Callable[[UnitOfWork], None]
"""Writes something into a unit of work; who calls it commits."""


class LateLog:
    """Writes lines of the log at once, or a little later; safe to use from many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[Note] = deque()
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

    def write(self, note: Note) -> None:
        """Log a request; the note may be written more than once. Raises StoreUnavailable when the database is away."""
        if self._waiting and self._wait(note):
            return
        try:
            self._write([note], PATIENCE_SECONDS)
        except StoreBusy:
            if not self._wait(note):
                self._write([note], None)

    def settle(self) -> None:
        """Wait until nothing waits any longer, or the database is away."""
        with self._lock:
            self._begin_to_write()
            writer = self._writer
        if writer is not None:
            writer.join()

    def _wait(self, note: Note) -> bool:
        """Let a note wait; False when too many do."""
        with self._lock:
            has_room = len(self._waiting) < MOST_WAITING
            if has_room:
                self._waiting.append(note)
            self._begin_to_write()
            return has_room

    def _begin_to_write(self) -> None:
        if self._waiting and self._writer is None:
            # Not a daemon: a server that is stopped waits for it, and so loses nothing.
            self._writer = threading.Thread(target=self._write_waiting, name="late log")
            self._writer.start()

    def _write_waiting(self) -> None:
        while True:
            with self._lock:
                notes = list(self._waiting)
                if not notes:
                    self._writer = None
                    return
            try:
                self._write(notes, None)
            except StoreUnavailable as error:
                logger.warning("%d requests are not logged yet: %s", len(notes), error)
                with self._lock:
                    self._writer = None
                return
            except Exception:
                # What cannot be logged must not keep all that follows from being logged.
                logger.exception("%d requests are not logged", len(notes))
            for _ in notes:
                self._waiting.popleft()

    def _write(self, notes: Sequence[Note], patience: float | None) -> None:
        with unit_of_work(self._database, writes=True, patience=patience) as work:
            for note in notes:
                note(work)
            work.commit()
