"""Gunicorn's worker with threads, which waits for no client for ever."""

from __future__ import annotations

import contextlib
import errno
import gc
import resource
import select
import socket
import sys
import time
from functools import partial
from typing import Any

from gunicorn.http.unreader import SocketUnreader  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

from packetserver.errors import StoreUnavailable
from packetserver.protocols.deadlines import Deadlines

FILES_FOR_CONNECTION = 3
"""A connection has a socket, perhaps a long body and a long answer on the disk."""

OTHER_FILES = 256
RETRY_SECONDS = 1

RECEIVED_BYTES = 64 * 1024
"""What is taken from a connection at a time: gunicorn holds it twice, for every client."""

NEXT_MILLISECONDS = 20
"""How long a thread waits for the next request on its connection before it turns to others."""

SWITCH_SECONDS = 0.001
"""How long a thread may compute while another one waits: a small packet waits a dozen times."""

COLLECT_AFTER = (2000, 10, 500)
"""Python's cyclic garbage, of which there is little, is looked for less often than by itself:
every look at all objects stops all threads, half a second long where a huge packet is read."""


class PacketWorker(ThreadWorker):  # type: ignore[misc]
    """A thread serves a connection from its first byte to the last one of the answer.

    So there are as many threads as connections, and gunicorn's own worker lets a client keep one
    as long as it likes. Here the headers have a deadline (gunicorn's `timeout` is for workers); for
    the body and the answer the application sets one (packetserver.protocols.slow_clients).
    """

    headers_seconds = 60.0
    """How long a client may take for its headers, the handshake of TLS included."""

    def init_process(self) -> None:
        """Begin to serve, with as many open files as the connections may need."""
        self._deadlines = Deadlines()
        allow_files(FILES_FOR_CONNECTION * self.cfg.worker_connections + OTHER_FILES)
        SocketUnreader.max_body_chunk = RECEIVED_BYTES
        sys.setswitchinterval(SWITCH_SECONDS)
        super().init_process()

    def load_wsgi(self) -> None:
        """Make the application, as soon as its database is there.

        A worker that cannot start would end the whole server, and the others with it.
        """
        while True:
            try:
                super().load_wsgi()
            except StoreUnavailable as failure:
                self.log.warning("A worker waits for the database: %s", failure)
                self.notify()
                time.sleep(RETRY_SECONDS)
                if not self.alive:
                    raise SystemExit(0) from failure
            else:
                break
        gc.collect()
        # What is there now stays: it need not be looked at ever again.
        gc.freeze()
        gc.set_threshold(*COLLECT_AFTER)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's signature
        """Take new connections or not; a stopping worker takes those that wait already."""
        if not (enabled or self.alive):
            for listener in self.sockets:
                listener.settimeout(0)
                self._accept_waiting(listener)
        super().set_accept_enabled(enabled)

    def _accept_waiting(self, listener: Any) -> None:
        before = -1
        while before < self.nr_conns < self.worker_connections:
            before = self.nr_conns
            self.accept(listener)

    def handle(self, conn: TConn) -> Any:
        """Read a request and answer it, and those that follow at once; in a thread.

        A client that has much to send does so packet by packet. To give its connection back to
        the main thread each time, which waits for it and wakes another one, costs both of them.
        """
        while True:
            stays_open = self._handle_one(conn)
            if stays_open is not True or not (self.alive and _goes_on(conn)):
                return stays_open

    def _handle_one(self, conn: TConn) -> Any:
        self._deadlines.set(conn, self.headers_seconds, partial(_end, conn))
        try:
            return super().handle(conn)
        finally:
            self._deadlines.forget(conn)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer a request whose headers are there."""
        if self._deadlines.forget(conn):
            # It was too late by a moment, and the connection is at its end.
            raise ConnectionResetError(errno.ECONNRESET, "The headers came too slowly")
        return super().handle_request(req, conn)


def _goes_on(conn: TConn) -> bool:
    """Whether the next request is there, or comes in a moment; gunicorn waits for later ones."""
    if conn.parser.unreader.buf.getvalue():
        return True
    watched = select.poll()
    watched.register(conn.sock, select.POLLIN)
    return bool(watched.poll(NEXT_MILLISECONDS))


def _end(conn: TConn) -> None:
    with contextlib.suppress(OSError):
        # TLS itself is not told: another thread is at work with it.
        socket.socket.shutdown(conn.sock, socket.SHUT_RDWR)


def allow_files(number: int) -> None:
    """Raise the soft limit of open files, as far as the hard one lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
