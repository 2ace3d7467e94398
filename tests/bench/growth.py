"""`make growth`: what a record costs in packets of ten and of a million, and who waits meanwhile.

For each size there is a fresh database and a fresh server; a small packet is sent again and again
beside each large one. See docs/performance.md for how to read the table.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import load
import packets
import stage
from bench import KINDS, MEGABYTE, table_line
from stage import Databases, Server, Serving

SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
MOST_INSERTED = 100_000
"""More records do not fit into the longest packet that the server is set to take here."""

LIMITS = {"MAX_BODY_BYTES": str(1024**3), "MAX_PACKET_ELEMENTS": "10000000"}
REPEATED_UNTIL_SECONDS = 1.0
SAMPLE_SECONDS = 0.05
HEAD = (
    *("work", "records", "µs a record", "memory above idle, MB"),
    *("small packet beside, ms (median)", "(longest)"),
)


@dataclass
class Beside:
    """What is seen while a large packet is carried out."""

    latencies: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


def main() -> None:
    """Measure, and print a table for each kind of database."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="packetserver-growth-") as folder:
        for kind in options.databases:
            with contextlib.closing(Databases(kind, Path(folder))) as databases:
                rows = [row for size in options.sizes for row in _measured(databases, kind, size)]
            lines = (HEAD, ["---"] * len(HEAD), *rows)
            sys.stdout.write(f"\n{kind}\n\n{chr(10).join(map(table_line, lines))}\n\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make growth", description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="records a packet")
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=KINDS)
    return parser.parse_args()


def _measured(databases: Databases, kind: str, size: int) -> Iterator[list[str]]:
    """The rows of one size: an insert of so many records, a list of them, a first sync of them."""
    url = databases.fresh()
    with stage.serving(url, Serving(1, 8, more=LIMITS)) as server:
        load.rate(server.port, packets.account_insert(), 1, 0.5)
        small = packets.account_select(
            stage.query(url, "SELECT max(org_id) FROM organization")[0][0]
        )
        if size <= MOST_INSERTED:
            inserts = packets.contact_inserts(stage.access_type(url), size)
            yield _row(kind, "insert", size, server, small, lambda: inserts)
        stage.query(url, "DELETE FROM contact WHERE namelast LIKE 'Miller%'")
        stage.fill_contacts(url, server.port, size)
        yield _row(kind, "list", size, server, small, packets.contact_list)
        yield _row(kind, "first sync", size, server, small, packets.client_first_sync, once=True)


def _row(
    kind: str,
    work: str,
    size: int,
    server: Server,
    small: bytes,
    packet: Callable[[], bytes],
    *,
    once: bool = False,
) -> list[str]:
    idle, beside, over = server.memory(), Beside(), threading.Event()
    watching = [
        threading.Thread(target=_send_small, args=(server, small, beside, over)),
        threading.Thread(target=_watch_memory, args=(server, beside, over)),
    ]
    for each in watching:
        each.start()
    try:
        seconds = _seconds(server, packet(), once=once)
    finally:
        over.set()
        for each in watching:
            each.join()
    cells = [
        *(work, f"{size:,}", f"{seconds / size * 1e6:.0f}"),
        f"{(max(beside.memory, default=idle) - idle) / MEGABYTE:.0f}",
        f"{statistics.median(beside.latencies) * 1e3:.0f}",
        f"{max(beside.latencies) * 1e3:.0f}",
    ]
    sys.stdout.write(f"  {kind}: {', '.join(cells)}\n")
    sys.stdout.flush()
    return cells


def _seconds(server: Server, packet: bytes, *, once: bool) -> float:
    """How long a packet takes; short ones are sent several times."""
    times: list[float] = []
    while not times or (not once and sum(times) < REPEATED_UNTIL_SECONDS):
        times.append(1 / load.once(server.port, packet))
    return statistics.median(times)


def _send_small(server: Server, packet: bytes, beside: Beside, over: threading.Event) -> None:
    while not over.wait(SAMPLE_SECONDS) or not beside.latencies:
        beside.latencies.append(1 / load.once(server.port, packet))


def _watch_memory(server: Server, beside: Beside, over: threading.Event) -> None:
    while not over.wait(SAMPLE_SECONDS):
        beside.memory.append(server.memory())


if __name__ == "__main__":
    main()
