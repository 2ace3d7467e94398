"""Gunicorn's worker for packets: what gunicorn expects of one, around the server of a process."""

from __future__ import annotations

import gc
import os
import sys
import time
from types import FrameType

from gunicorn.workers.base import Worker  # type: ignore[import-untyped]

from packetserver.errors import StoreUnavailable
from packetserver.http.connection import Connection
from packetserver.http.files import possible_connections
from packetserver.http.memory import bound_arenas
from packetserver.http.reception import Reception
from packetserver.http.server import Server
from packetserver.settings import Settings

RETRY_SECONDS = 1

SWITCH_SECONDS = 0.001
"""How long a thread may compute while another one waits: a small packet waits a dozen times."""

COLLECT_AFTER = (2000, 10, 500)
"""Python's cyclic garbage, of which there is little, is looked for less often than by itself:
every look at all objects stops all threads, half a second long where a huge packet is read."""


class PacketWorker(Worker):  # type: ignore[misc]
    """A worker whose clients wait in a loop of events, and not in threads."""

    settings = Settings()
    """What says how many clients are heard, and how long; `packetserver serve` sets its own."""

    server: Server | None = None
    alive: bool

    def init_process(self) -> None:
        """Begin to serve; what holds for the whole process is set before there are threads."""
        bound_arenas()
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

    def run(self) -> None:
        """Serve until gunicorn, or the number of requests that it allows, ends this."""
        connections = possible_connections(self.settings)
        self.server = Server(self, Reception.of(self.settings, connections, self.wsgi))
        self.server.run()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take no new connections; what has begun is finished (SIGTERM)."""
        super().handle_exit(sig, frame)
        if self.server is not None:
            self.server.wake()

    def is_parent_alive(self) -> bool:
        """Whether gunicorn's own process, which looks after this one, is still there."""
        if self.ppid == os.getppid():
            return True
        self.log.info("Parent changed, shutting down: %s", self)
        return False

    def is_last(self, _connection: Connection) -> bool:
        """Whether the request that is answered now is the last one on its connection."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        return not (self.alive and self.cfg.keepalive)
