"""How long the database may take for something, and how many connections a process keeps to it."""

from __future__ import annotations

from dataclasses import dataclass

from packetserver.settings import Settings

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
