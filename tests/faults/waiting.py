"""Waits for what other sessions of PostgreSQL do."""

from __future__ import annotations

import time

import psycopg

PATIENCE_SECONDS = 30

WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def until_one_waits(url: str) -> None:
    """Return once a session of the database waits for a lock."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while not connection.execute(WAITING).fetchone()[0]:
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.005)


def libpq_url(url: str) -> str:
    """The URL as the driver itself takes it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
