"""The connection to SQLite or PostgreSQL: how it is opened, begun and lost."""

from __future__ import annotations

import pathlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from packetserver.errors import SettingsError, StoreUnavailable

BUSY_SECONDS = 30
"""How long a writer of SQLite waits for another one."""


class Database:
    """One database and its pool of connections."""

    def __init__(self, url: str, time_zone: str | None = None) -> None:
        """``url`` is a SQLAlchemy URL; ``time_zone`` is what PostgreSQL's own clock shows."""
        self.url = _driver_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = self._open_sqlite() if self.is_sqlite else self._open_server(time_zone)

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
        return sqlalchemy.create_engine(
            self.url, pool_pre_ping=True, pool_size=16, max_overflow=16, connect_args=options
        )

    @contextmanager
    def connect(self, *, writes: bool = False) -> Iterator[Connection]:
        """A connection in a transaction that is rolled back unless its user commits.

        ``writes`` takes SQLite's write lock at the beginning, so that two writers queue instead
        of failing half way. Raises StoreUnavailable when the database is away.
        """
        with translated_errors(), self.engine.connect() as connection:
            connection.execution_options(packetserver_writes=writes)
            yield connection

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
