"""The connection to SQLite or PostgreSQL: how it is opened, begun and lost."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import InvalidRequestError

from packetserver.errors import Outage, SettingsError, StoreBusy, StoreUnavailable
from packetserver.store.connections import USE, Limits, Use, open_server, open_sqlite
from packetserver.store.failures import translated_errors

NO_LIMITS = Limits()
READ_ONLY = sqlalchemy.text("SELECT current_setting('transaction_read_only')")
DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "sqlite+pysqlite": "sqlite",
}
"""How a URL may begin, and the driver that this means."""


class Database:
    """One database and its pool of connections."""

    def __init__(self, url: str, time_zone: str | None = None, limits: Limits = NO_LIMITS) -> None:
        """``url`` is a SQLAlchemy URL; ``time_zone`` is what PostgreSQL's own clock shows.

        Raises SettingsError for a URL that can lead to no database of this server.
        """
        self.url = _driver_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.limits = limits
        self.engine = (
            open_sqlite(self.url, limits)
            if self.is_sqlite
            else open_server(self.url, time_zone, limits)
        )
        self._turn = threading.RLock()

    @contextmanager
    def connect(
        self, *, writes: bool = False, patience: float | None = None
    ) -> Iterator[Connection]:
        """A connection in a transaction that is rolled back unless its user commits.

        ``writes`` takes SQLite's write lock at the beginning, so that two writers queue instead
        of failing half way; ``patience`` is how many seconds it waits for it, when not as long as
        the limits say. Raises StoreUnavailable when the database is away, and its kinds
        WorkUndone, StatementTooLong and StoreBusy.
        """
        waits = self.limits.lock_seconds if patience is None else patience
        turn = self._writers_turn(waits) if writes and self.is_sqlite else nullcontext()
        with translated_errors(), turn, self._taken() as connection:
            connection.info[USE] = Use(writes, patience)
            yield connection

    def _taken(self) -> Connection:
        """A connection of the pool."""
        try:
            return self.engine.connect()
        except InvalidRequestError as error:
            # Even new connections have died before they could be used.
            raise StoreUnavailable(outage=Outage.LOST) from error

    @contextmanager
    def _writers_turn(self, seconds: float) -> Iterator[None]:
        """Lets the writers of this process queue for SQLite's one lock.

        SQLite itself only looks again from time to time, and sleeps longer each time.
        """
        if not self._turn.acquire(timeout=seconds):
            raise StoreBusy("the database is in use by another writer")
        try:
            yield
        finally:
            self._turn.release()

    @property
    def is_server(self) -> bool:
        """Whether a server has the database.

        Then statements are round trips, rows are locked one by one, and a transaction that has only
        read may go on to write; SQLite's writers queue before they read.
        """
        return not self.is_sqlite

    @property
    def file(self) -> Path | None:
        """The file of SQLite; None where a server has the database."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    def can_be_written(self, connection: Connection) -> bool:
        """Whether this server may write the database of the connection."""
        if not self.is_sqlite:
            return connection.execute(READ_ONLY).scalar() != "on"
        # SQLite's log and its locks lie in the same folder as its file, whose name may be a URI.
        file = self.url.database or ""
        folder = os.path.dirname(os.path.abspath(file))  # noqa: PTH100, PTH120 - a name
        return os.access(file, os.W_OK) and os.access(folder, os.W_OK | os.X_OK)

    def ping(self) -> None:
        """Raises StoreUnavailable when the database does not answer."""
        with self.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def _driver_url(text: str) -> URL:
    """The URL with the driver that this server brings along."""
    try:
        url = make_url(text)
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        # The text itself is not told: it may hold a password.
        raise SettingsError("database_url is no database URL") from error
    if url.drivername not in DRIVERS:
        raise SettingsError(f"database_url must begin with one of {', '.join(DRIVERS)}")
    return url.set(drivername=DRIVERS[url.drivername])
