"""The answer to one request: made by the application in a thread, sent as its client reads it."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from gunicorn.http import wsgi  # type: ignore[import-untyped]

from packetserver.http.connection import Connection

SOCKET = "gunicorn.socket"


class Answer:
    """An answer that is being sent. Whatever thread goes on with it, its context is its own."""

    def __init__(self, worker: Any, connection: Connection) -> None:
        """Ask the application. Raises what it raises, before anything is sent."""
        self._worker = worker
        self._request = connection.request
        self._outgoing = connection.outgoing
        self._begun = time.monotonic()
        self._context = contextvars.Context()
        self._is_written = False
        self._close: Any = None
        self._response, self._environ = wsgi.create(
            connection.request,
            connection.outgoing,
            connection.client,
            connection.server,
            worker.cfg,
        )
        self._environ["wsgi.input"] = connection.body.stream()
        self._environ["wsgi.multithread"] = True
        # Nobody but the loop has to do with the socket.
        del self._environ[SOCKET]
        if worker.is_last(connection):
            self._response.force_close()
        pieces = self._context.run(worker.wsgi, self._environ, self._response.start_response)
        if not worker.alive:
            # It was told to stop meanwhile: who knows that sends its next request elsewhere.
            self._response.force_close()
        self._close = getattr(pieces, "close", None)
        self._pieces: Iterator[bytes] = self._context.run(iter, pieces)

    @property
    def closes(self) -> bool:
        """Whether the connection ends with it."""
        return bool(self._response.should_close())

    @property
    def is_begun(self) -> bool:
        """Whether the client may have something of it."""
        return bool(self._response.headers_sent)

    def go_on(self) -> bool:
        """Send what the client takes at once; whether that was all. Raises OSError when it is gone."""
        while self._outgoing.flush():
            if self._is_written:
                return True
            self._write_next()
        return False

    def _write_next(self) -> None:
        try:
            piece = self._context.run(next, self._pieces)
        except StopIteration:
            self._response.close()
            self._is_written = True
        else:
            self._response.write(piece)

    def close(self) -> None:
        """It is over, however it ended."""
        close, self._close = self._close, None
        if close is not None:
            self._context.run(close)
        if self._response is None:
            return
        response, self._response = self._response, None
        taken = timedelta(seconds=time.monotonic() - self._begun)
        self._worker.log.access(response, self._request, self._environ, taken)
        self._worker.cfg.post_request(self._worker, self._request, self._environ, response)
