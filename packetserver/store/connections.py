"""How connections to SQLite and to PostgreSQL are opened, kept, and known to be alive."""

from __future__ import annotations

import contextlib
import os
import pathlib
import select
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import psycopg
import sqlalchemy
from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine, event
from sqlalchemy.engine import URL, Dialect, ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from packetserver.errors import SettingsError
from packetserver.store.connecting import connect
from packetserver.store.direct import kept_cursor, leave_out_rows
from packetserver.store.folding import define_functions, learn_folding
from packetserver.store.limits import Limits

POOL_SECONDS = 10
"""How long a packet waits for a connection: less than the patience of most clients."""

TRUSTED_SECONDS = 30
"""How long a pooled connection of PostgreSQL may have rested without being asked if it lives."""

USE = "packetserver_use"
"""Where a connection keeps what it is used for."""

NOTICING_A_DEAD_HOST: Mapping[str, int] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Options of libpq: a server whose machine is gone is noticed after half a minute or a whole one.

What is sent to it must be confirmed within 30,000 ms; while nothing is sent, it is asked.
"""


class Use(NamedTuple):
    """Whether a connection will write, and how many seconds it waits for that, else as usual."""

    writes: bool = False
    patience: float | None = None


READING = Use()


def open_sqlite(url: URL, limits: Limits) -> Engine:
    """An engine on a file, whose folder is made, or on a database in memory."""
    in_memory = not url.database or url.database == ":memory:"
    if not in_memory:
        pathlib.Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    arguments = {"timeout": limits.lock_seconds, "check_same_thread": False}
    pool = {} if in_memory else _pool(limits)
    engine = sqlalchemy.create_engine(url, connect_args=arguments, hide_parameters=True, **pool)
    if not in_memory and "uri" not in url.query:
        event.listen(engine, "do_connect", partial(_make_private, url.database or ""))
    event.listen(engine, "connect", _prepare_sqlite)
    _begin_by(engine, partial(_begin_sqlite, limits.lock_seconds))
    return engine


def open_server(url: URL, time_zone: str | None, limits: Limits) -> Engine:
    """An engine on PostgreSQL."""
    arguments = _server_arguments(url, time_zone, limits)
    _check_options(url)
    engine = sqlalchemy.create_engine(
        url, connect_args=arguments, hide_parameters=True, **_pool(limits)
    )
    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", _prepare_server)
    event.listen(engine, "connect", partial(_learn_letters, engine.dialect, once=threading.Event()))
    _begin_by(engine, _begin_server)
    event.listen(engine, "handle_error", _leave_out_rows)
    event.listen(engine, "checkin", _note_rest)
    event.listen(engine, "checkout", partial(_check_alive, engine.dialect))
    return engine


def _prepare_server(connection: psycopg.Connection[Any], record: Any) -> None:
    # The driver must not begin transactions by itself: what only reads needs none.
    connection.autocommit = True


def _learn_letters(
    dialect: Dialect, connection: psycopg.Connection[Any], record: Any, once: threading.Event
) -> None:
    """Look how the database tells letters in the first connection; it does not change."""
    if not once.is_set():
        learn_folding(dialect, connection)
        once.set()


def _begin_by(engine: Engine, begin: Callable[[Dialect, PoolProxiedConnection], None]) -> None:
    """Have SQLAlchemy begin transactions in this way.

    Its event `begin` is no place for that: a connection on which it fails is never begun again.
    """
    engine.dialect.do_begin = partial(begin, engine.dialect)  # type: ignore[method-assign]


def _begin_server(dialect: Dialect, connection: PoolProxiedConnection) -> None:
    dialect.do_execute(kept_cursor(dialect, connection, "BEGIN"), "BEGIN", None)


def _leave_out_rows(context: ExceptionContext) -> None:
    original, ours = context.original_exception, context.sqlalchemy_exception
    if leave_out_rows(original) and ours is not None:
        ours.args = original.args


def _check_options(url: URL) -> None:
    """Raises SettingsError for an option of the URL that libpq does not know."""
    try:
        make_conninfo(**{name: str(value) for name, value in url.query.items()})
    except psycopg.ProgrammingError as error:
        names = ", ".join(url.query)
        raise SettingsError(f"database_url has an option that is none: {names}") from error


def _pool(limits: Limits) -> dict[str, Any]:
    return {
        "pool_size": limits.pool_size,
        "max_overflow": limits.pool_size,
        "pool_timeout": POOL_SECONDS,
    }


def _server_arguments(url: URL, time_zone: str | None, limits: Limits) -> dict[str, Any]:
    """The options of libpq. What the URL says itself wins."""
    options = " ".join(f"-c {name}={value}" for name, value in _parameters(time_zone, limits))
    said = url.query.get("options")
    both = [options, *([said] if isinstance(said, str) else said or ())]
    ours = {"connect_timeout": limits.connect_seconds, **NOTICING_A_DEAD_HOST}
    return {
        **{name: value for name, value in ours.items() if name not in url.query},
        "options": " ".join(both),
    }


def _parameters(time_zone: str | None, limits: Limits) -> Iterator[tuple[str, str]]:
    """The parameters of PostgreSQL for a session."""
    if time_zone is not None:
        yield "timezone", time_zone
    for name, seconds in (
        ("lock_timeout", limits.lock_seconds),
        ("statement_timeout", limits.statement_seconds),
        ("idle_in_transaction_session_timeout", limits.idle_transaction_seconds),
    ):
        if seconds:
            yield name, f"{seconds}s"


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


def _make_private(file: str, *_: Any) -> None:
    """Make a file that is not there yet readable by its owner alone: it will hold secrets."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


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
    define_functions(connection)


def _begin_sqlite(usual: float, dialect: Dialect, connection: PoolProxiedConnection) -> None:
    """Begin as the connection is to be used; a writer waits its turn at once."""
    use: Use = connection.info.get(USE, READING)
    cursor = connection.cursor()
    if not use.writes:
        dialect.do_execute(cursor, "BEGIN", ())
        return
    if use.patience is not None:
        _wait_for_writers(dialect, cursor, use.patience)
    try:
        dialect.do_execute(cursor, "BEGIN IMMEDIATE", ())
    finally:
        if use.patience is not None:
            _wait_for_writers(dialect, cursor, usual)


def _wait_for_writers(dialect: Dialect, cursor: Any, seconds: float) -> None:
    """Lets the statements that follow wait so long for another writer."""
    dialect.do_execute(cursor, f"PRAGMA busy_timeout = {int(seconds * 1000)}", ())
    cursor.fetchall()
