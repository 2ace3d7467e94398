"""A replica of PostgreSQL, which packets that only read may go to.

A client reads what it has just written, whichever server took that: the replica is asked nothing
before it has replayed everything that the primary had at the beginning of the packet.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from packetserver.errors import SettingsError, SpoolRefused, StoreBusy, StoreUnavailable
from packetserver.store.database import Database
from packetserver.store.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

CATCH_UP_SECONDS = 0.5
"""How long a packet waits for the replica before the primary answers it."""

PAUSE_SECONDS = 0.005
REST_SECONDS = 10.0
"""How long the primary answers all packets after the replica was away or too far behind."""

POSITION = text("SELECT CAST(pg_current_wal_insert_lsn() AS varchar)")
HAS_REACHED = text("SELECT pg_last_wal_replay_lsn() >= CAST(:position AS pg_lsn)")


class Replica:
    """The replica of a database; safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """``clock`` gives seconds; raises SettingsError for another database than PostgreSQL."""
        if database.is_sqlite:
            raise SettingsError("replica_url: only PostgreSQL has replicas, SQLite has none")
        self.database = database
        self._clock = clock
        self._pause = pause
        self._rests_until = clock()

    def is_resting(self) -> bool:
        """Whether it failed a moment ago, so that it is not worth to be asked."""
        return self._clock() < self._rests_until

    @contextmanager
    def reading(self, position: str) -> Iterator[UnitOfWork]:
        """A unit of work that only reads, on a state that is not older than the primary's position.

        Raises StoreUnavailable when the replica is away, no replica, or too far behind, and for
        what goes wrong while it is read; it rests then.
        """
        try:
            with self.database.connect() as connection:
                self._wait_for(connection, position)
                yield UnitOfWork(connection, keeps_rest=True)
        except SpoolRefused:
            # It is not the replica that has no room.
            raise
        except StoreUnavailable as error:
            self._rests_until = self._clock() + REST_SECONDS
            logger.warning("The replica is left alone for %g s: %s", REST_SECONDS, error)
            raise

    def _wait_for(self, connection: Connection, position: str) -> None:
        until = self._clock() + CATCH_UP_SECONDS
        while True:
            reached = connection.execute(HAS_REACHED, {"position": position}).scalar()
            connection.rollback()
            if reached is None:
                raise StoreUnavailable("replica_url names a server that replays no other")
            if reached:
                return
            if self._clock() >= until:
                raise StoreBusy("it is too far behind the primary")
            self._pause(PAUSE_SECONDS)


def position_of(primary: Connection) -> str:
    """How far the primary has come: what is committed is before that."""
    return str(primary.execute(POSITION).scalar_one())
