"""The connection to SQLite or PostgreSQL: how it is opened, begun and lost."""

from __future__ import annotations

import pathlib
import select
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from packetserver.errors import SettingsError, StoreUnavailable

BUSY_SECONDS = 30
"""How long a writer of SQLite waits for another one."""

TRUSTED_SECONDS = 30
"""How long a pooled connection of PostgreSQL may have rested without being asked if it lives."""


class Database:
    """One database and its pool of connections."""

    def __init__(self, url: str, time_zone: str | None = None) -> None:
        """``url`` is a SQLAlchemy URL; ``time_zone`` is what PostgreSQL's own clock shows."""
        self.url = _driver_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = self._open_sqlite() if self.is_sqlite else self._open_server(time_zone)
        self._turn = threading.RLock()

    def _open_sqlite(self) -> Engine:
        if self.url.database and self.url.database != ":memory:":
            pathlib.Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        arguments = {"timeout": BUSY_SECONDS, "check_same_thread": False}
        engine = sqlalchemy.create_engine(self.url, connect_args=arguments)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _open_server(self, time_zone: str | None) -> Engine:
        options = {"options": f"-c timezone={time_zone}"} if time_zone else {}
        engine = sqlalchemy.create_engine(
            self.url, pool_size=16, max_overflow=16, connect_args=options
        )
        event.listen(engine, "checkin", _note_rest)
        event.listen(engine, "checkout", partial(_check_alive, engine.dialect))
        return engine

    @contextmanager
    def connect(self, *, writes: bool = False) -> Iterator[Connection]:
        """A connection in a transaction that is rolled back unless its user commits.

        ``writes`` takes SQLite's write lock at the beginning, so that two writers queue instead
        of failing half way. Raises StoreUnavailable when the database is away.
        """
        turn = self._writers_turn(writes=writes)
        with translated_errors(), turn, self.engine.connect() as connection:
            connection.execution_options(packetserver_writes=writes)
            yield connection

    @contextmanager
    def _writers_turn(self, *, writes: bool) -> Iterator[None]:
        """Lets the writers of this process queue for SQLite's one lock.

        SQLite itself only looks again from time to time, and sleeps longer each time.
        """
        if not (writes and self.is_sqlite):
            yield
            return
        if not self._turn.acquire(timeout=BUSY_SECONDS):
            raise StoreUnavailable("the database is in use by another writer")
        try:
            yield
        finally:
            self._turn.release()

    def ping(self) -> None:
        """Raises StoreUnavailable when the database does not answer."""
        with self.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turns the loss of the database into StoreUnavailable; other errors pass."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailable("every connection to the database is in use") from error
    except DBAPIError as error:
        if _is_lost(error):
            raise StoreUnavailable("the database does not answer") from error
        raise


def _is_lost(error: DBAPIError) -> bool:
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    if isinstance(error.orig, sqlite3.OperationalError):
        # SQLITE_ERROR is a statement that is wrong; all other codes are a file that is.
        return error.orig.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR
    # PostgreSQL's classes 08 (connection) and 57 (operator intervention), or no answer at all.
    state = getattr(error.orig, "sqlstate", None)
    return state is None or state[:2] in {"08", "57", "53"}


def _driver_url(text: str) -> URL:
    """The URL with the driver that this server brings along."""
    try:
        url = make_url(text)
    except sqlalchemy.exc.ArgumentError as error:
        raise SettingsError(f"database_url: not a database URL: {error}") from error
    if url.drivername in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    return url


def _note_rest(connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["rests_since"] = time.monotonic()


def _check_alive(
    dialect: Dialect, connection: Any, record: ConnectionPoolEntry, proxy: Any
) -> None:
    """Asks a pooled connection whether it lives, when there is a reason to doubt it.

    Something to read on a resting connection is the news of its end, or its end itself. A round
    trip for every packet would cost more than many of them need otherwise.
    """
    rested = time.monotonic() - record.info.get("rests_since", 0)
    if rested < TRUSTED_SECONDS and not connection.closed and not _has_news(connection):
        return
    try:
        dialect.do_ping(connection)
    except dialect.dbapi.Error as error:  # type: ignore[union-attr]
        raise InvalidatePoolError from error


def _has_news(connection: Any) -> bool:
    watched = select.poll()
    watched.register(connection.fileno(), select.POLLIN)
    return bool(watched.poll(0))


def _prepare_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    # The driver must not begin transactions by itself: then savepoints and snapshots work.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "case_sensitive_like = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
    # SQLite's own lower() knows ASCII alone, PostgreSQL's knows every letter.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("packetserver_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
