"""Why PostgreSQL does not let the server connect: by the codes of errors, in whatever language.

The driver keeps the code of an error that comes before a connection is there to itself. Its trace
shows it, so whoever could not connect tries once more with a trace.
"""

from __future__ import annotations

import errno
import os
import re
import select
import socket
import tempfile
import time
from typing import Any, BinaryIO

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.errors import ConnectionTimeout

from packetserver.errors import Outage
from packetserver.store.outages import outage_of_state

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


class NotConnected(psycopg.OperationalError):
    """No connection could be made; ``outage`` says why."""

    def __init__(self, outage: Outage, words: str) -> None:
        super().__init__(words)
        self.outage = outage


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
