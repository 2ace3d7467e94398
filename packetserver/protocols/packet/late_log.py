"""The log of packets that changed nothing, on SQLite: reading does not wait for a writer.

SQLite has one writer at a time, and a long packet may write for seconds. What has only read is
answered then, and its lines of the log follow as soon as the writer is done. They are the one
thing that is told to a client and not yet stored; a server that is killed meanwhile loses them.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from packetserver.errors import StoreBusy, StoreUnavailable
from packetserver.store.database import Database
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema
from packetserver.store.unit_of_work import unit_of_work
from packetserver.sync.packet_log import LoggedTransaction, PacketLog

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.02
"""How long a packet that only reads waits for its turn to write the log."""

MOST_WAITING = 10_000
"""Beyond so many packets the log is waited for, as others wait."""


@dataclass(frozen=True, slots=True)
class LoggedPacket:
    """A packet that changed nothing, when it came, and its transactions."""

    log: PacketLog
    entered: datetime
    transactions: Sequence[LoggedTransaction]


class LateLog:
    """Writes lines of the log at once, or a little later; safe to use from many threads."""

    def __init__(self, database: Database, schema: Schema) -> None:
        self._database = database
        self._schema = schema
        self._waiting: deque[LoggedPacket] = deque()
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

    def write(self, packet: LoggedPacket) -> None:
        """Log a packet. Raises StoreUnavailable when the database is away."""
        if self._waiting and self._wait(packet):
            return
        try:
            self._write([packet], PATIENCE_SECONDS)
        except StoreBusy:
            if not self._wait(packet):
                self._write([packet], None)

    def settle(self) -> None:
        """Wait until nothing waits any longer, or the database is away."""
        with self._lock:
            self._begin_to_write()
            writer = self._writer
        if writer is not None:
            writer.join()

    def _wait(self, packet: LoggedPacket) -> bool:
        """Let a packet wait; False when too many do."""
        with self._lock:
            has_room = len(self._waiting) < MOST_WAITING
            if has_room:
                self._waiting.append(packet)
            self._begin_to_write()
            return has_room

    def _begin_to_write(self) -> None:
        if self._waiting and self._writer is None:
            # Not a daemon: a server that is stopped waits for it, and so loses nothing.
            self._writer = threading.Thread(target=self._write_waiting, name="late log")
            self._writer.start()

    def _write_waiting(self) -> None:
        while True:
            with self._lock:
                packets = list(self._waiting)
                if not packets:
                    self._writer = None
                    return
            try:
                self._write(packets, None)
            except StoreUnavailable as error:
                logger.warning("%d packets are not logged yet: %s", len(packets), error)
                with self._lock:
                    self._writer = None
                return
            except Exception:
                # What cannot be logged must not keep all that follows from being logged.
                logger.exception("%d packets are not logged", len(packets))
            for _ in packets:
                self._waiting.popleft()

    def _write(self, packets: Sequence[LoggedPacket], patience: float | None) -> None:
        with unit_of_work(self._database, writes=True, patience=patience) as work:
            records = Rows(self._schema, work.connection)
            for each in packets:
                # What an attempt that was undone has logged is not there.
                each.log.copy().write(records, each.entered, each.transactions)
            work.commit()
