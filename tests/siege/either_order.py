"""Clients whose packets change the same two records, each in its own order, as slowly as they may."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import load
import packets
import psycopg
from finding import Finding, Ground, at_most, exactly

CLIENTS, PACKETS = 8, 6
LONGEST_SECONDS = 10
BETWEEN_SECONDS = 0.2

SLOWLY = f"""
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep({BETWEEN_SECONDS}); RETURN NEW; END $$;
CREATE TRIGGER slowly AFTER UPDATE ON organization FOR EACH ROW EXECUTE FUNCTION slowly();
"""


def trial(ground: Ground) -> Iterator[Finding]:
    """All are done, one after the other; on PostgreSQL each change takes a while."""
    with ground.server() as (server, url):
        for _ in range(2):
            load.once(server.port, packets.account_insert())
        if ground.kind == "postgresql":
            with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
                connection.execute(SLOWLY)
        taken: list[float] = []
        together = threading.Barrier(CLIENTS)

        def client(number: int) -> int:
            together.wait()
            done = 0
            for place in range(PACKETS):
                keys = (1, 2) if (number + place) % 2 else (2, 1)
                begun = time.monotonic()
                done += _is_done(server.port, packets.account_updates(*keys))
                taken.append(time.monotonic() - begun)
            return done

        with ThreadPoolExecutor(CLIENTS) as pool:
            done = sum(pool.map(client, range(CLIENTS)))
        yield exactly("packets done", done, CLIENTS * PACKETS)
        yield at_most("the longest packet", max(taken), LONGEST_SECONDS, "s")
        yield at_most("the median packet", median(taken), LONGEST_SECONDS / 2, "s")


def _is_done(port: int, packet: bytes) -> bool:
    try:
        load.once(port, packet)
    except load.Refused:
        return False
    return True
