"""New connections: taken as they come, or told that there are too many."""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

from gunicorn.sock import ssl_context  # type: ignore[import-untyped]

from packetserver.http.connection import PIECE_BYTES

MOST_ACCEPTED = 64
"""So many new connections are taken before it is the turn of others."""

Welcome = Callable[[socket.socket, Any, Any], None]
"""Is given a connection, the address of its client, and ours."""


class Listening:
    """The sockets of a worker that new connections come to."""

    def __init__(self, worker: Any, selector: selectors.BaseSelector, welcome: Welcome) -> None:
        self._worker = worker
        self._selector = selector
        self._welcome = welcome
        self._tls = ssl_context(worker.cfg) if worker.cfg.is_ssl else None
        for each in worker.sockets:
            each.setblocking(False)  # noqa: FBT003
        self._paused = list(worker.sockets)

    def go_on(self) -> None:
        """Take new connections, if they are not taken already."""
        while self._paused:
            listener = self._paused.pop()
            self._selector.register(listener, selectors.EVENT_READ, partial(self._take, listener))

    def stop(self, most: int) -> None:
        """Take those that wait already, so many at most, and no others.

        Where no other process listens they are refused at once, rather than left waiting for the
        end of this one.
        """
        self.go_on()
        for each in self._worker.sockets:
            self._selector.unregister(each)
            self._take(each, most)
            each.close()

    def secured(self, accepted: socket.socket) -> socket.socket:
        """A connection that speaks TLS, where this server does."""
        if self._tls is None:
            return accepted
        return self._tls.wrap_socket(  # type: ignore[no-any-return]
            accepted,
            server_side=True,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=self._worker.cfg.suppress_ragged_eofs,
        )

    def _take(self, listener: Any, most: int = MOST_ACCEPTED) -> None:
        for _ in range(most):
            try:
                accepted, client = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE}:
                    self._worker.log.warning("No file is left for a connection: %s", error)
                    self._pause(listener)
                    return
                # The client has gone again.
                continue
            accepted.setblocking(False)  # noqa: FBT003
            with contextlib.suppress(OSError):
                self._welcome(accepted, client, listener.getsockname())

    def _pause(self, listener: Any) -> None:
        """Take none for a moment: those that wait would wake the loop all the time."""
        if listener.fileno() in self._selector.get_map():
            self._selector.unregister(listener)
            self._paused.append(listener)


def turn_away(connection: socket.socket, answer: bytes) -> None:
    """Give a client an answer before it has asked; it is too late for that where TLS is begun."""
    if isinstance(connection, ssl.SSLSocket):
        return
    # What is not read when a connection is closed would take the answer along.
    with contextlib.suppress(OSError):
        connection.recv(PIECE_BYTES)
    with contextlib.suppress(OSError):
        connection.send(answer)
        connection.shutdown(socket.SHUT_WR)
