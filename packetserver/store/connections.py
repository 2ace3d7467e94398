"""How connections to SQLite and to PostgreSQL are opened, kept, and known to be alive."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import re
import select
import socket
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, NamedTuple

import psycopg
import sqlalchemy
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.errors import ConnectionTimeout
from sqlalchemy import Engine, event
from sqlalchemy.engine import URL, Dialect, ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from packetserver.errors import Outage, SettingsError
from packetserver.settings import Settings
from packetserver.store.direct import kept_cursor, leave_out_rows
from packetserver.store.failures import NotConnected, outage_of_state
from packetserver.store.folding import define_functions, learn_folding

IDLE_TRANSACTION_SECONDS = 60
"""How long PostgreSQL waits for the next statement of a transaction of the server.

Between two statements there is only computing, so nothing but a process that hangs, or a machine
that is gone, takes so long; and meanwhile it would keep what it has locked.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds; 0 means without limit.

    A process may have twice ``pool_size`` connections for a moment, and keeps ``pool_size`` of
    them. ``lock_seconds`` is how long a statement waits for what another transaction has locked,
    ``statement_seconds`` how long it may take in all. The latter is only known to PostgreSQL, as
    is ``idle_transaction_seconds``.
    """

    pool_size: int = 8
    connect_seconds: int = 5
    lock_seconds: int = 30
    statement_seconds: int = 0
    idle_transaction_seconds: int = 0


def limits_of(settings: Settings) -> Limits:
    """The limits of a server; commands that are given by hand may take longer."""
    return Limits(
        pool_size=settings.pool_size or settings.threads,
        connect_seconds=settings.connect_timeout_seconds,
        lock_seconds=settings.lock_timeout_seconds,
        statement_seconds=settings.statement_timeout_seconds,
        idle_transaction_seconds=IDLE_TRANSACTION_SECONDS,
    )


REFUSED = re.compile(rb'^B\t\d+\tErrorResponse\t.*? C "([0-9A-Z]{5})"', re.MULTILINE)
"""A line of the trace: the server refuses the connection, with a code of SQL."""

OF_DRIVER = frozenset(
    {"autocommit", "context", "cursor_factory", "prepare_threshold", "row_factory"}
)
"""Options of a connection that are the driver's, and not libpq's."""

NOBODY_THERE = frozenset({errno.ECONNREFUSED, errno.ENOENT, errno.ENOTSOCK})
WAITING = {pq.PollingStatus.READING: select.POLLIN, pq.PollingStatus.WRITING: select.POLLOUT}
LONGEST_SECONDS = 5.0

MARKED = "the host or the database is given with an @; one within the password is written as %40"


def connect(dialect: Any, record: Any, arguments: Any, options: Any) -> Any:
    """A connection of the driver, as SQLAlchemy's event `do_connect` asks for one.

    Raises NotConnected.
    """
    try:
        return dialect.connect(*arguments, **options)
    except ConnectionTimeout as error:
        raise NotConnected(Outage.TOO_SLOW, str(error)) from error
    except psycopg.OperationalError as error:
        of_libpq = {name: value for name, value in options.items() if name not in OF_DRIVER}
        target = make_conninfo(*arguments, **of_libpq)
        # One in the password that is not written as %40 has moved a part of it into the name.
        has_mark = any("@" in str(of_libpq.get(name, "")) for name in ("host", "dbname"))
        raise NotConnected(_why(target), MARKED if has_mark else str(error)) from error


def _why(target: str) -> Outage:
    """Why PostgreSQL does not let the server connect, by the error's code, in whatever language.

    The driver keeps the code of an error that comes before a connection is there to itself. Its
    trace shows it, so whoever could not connect tries once more with a trace.
    """
    with tempfile.TemporaryFile() if not hasattr(os, "memfd_create") else _in_memory() as trace:
        connection = _tried(target, trace)
        try:
            trace.seek(0)
            codes = REFUSED.findall(trace.read())
            if codes:
                return outage_of_state(codes[-1].decode()) or Outage.NOT_LET_IN
            if connection.needs_password:
                return Outage.NO_PASSWORD
            return _why_unreachable(connection)
        finally:
            connection.finish()


def _in_memory() -> BinaryIO:
    # On the disk there may be no room: that may be just what is wrong.
    return os.fdopen(os.memfd_create("trace"), "w+b")


def _tried(target: str, trace: BinaryIO) -> pq.abc.PGconn:
    """A connection after an attempt, whose messages are in the trace."""
    connection = pq.PGconn.connect_start(target.encode())
    if connection.status == pq.ConnStatus.BAD:
        return connection
    connection.trace(trace.fileno())
    connection.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
    until = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < until:
        events = WAITING.get(pq.PollingStatus(connection.connect_poll()))
        if events is None:
            break
        watched = select.poll()
        watched.register(connection.socket, events)
        watched.poll(1000)
    connection.untrace()
    return connection


def _why_unreachable(connection: pq.abc.PGconn) -> Outage:
    """Why not even the machine answers, or nothing on it."""
    host, port = connection.hostaddr.decode() or connection.host.decode(), connection.port.decode()
    try:
        if host.startswith(("/", "@")):
            with socket.socket(socket.AF_UNIX) as tried:
                tried.settimeout(LONGEST_SECONDS)
                tried.connect(f"{host}/.s.PGSQL.{port}")
        else:
            socket.create_connection((host or "localhost", int(port)), LONGEST_SECONDS).close()
    except socket.gaierror:
        return Outage.HOST_UNKNOWN
    except TimeoutError:
        return Outage.TOO_SLOW
    except OSError as error:
        return Outage.NOT_LISTENING if error.errno in NOBODY_THERE else Outage.AWAY
    # It listens, and breaks off; or the two have no way of encryption in common.
    return Outage.AWAY


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
