"""`make bench`: what the server takes, as multiples of a floor that is measured beside it.

Floor and server have the same packets and the same database, and take turns in every round, so
that what else the machine does falls on both. See docs/performance.md for how to read the table.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import load
import packets
import stage
from stage import Databases, Server, Serving

FLOOR = Path(__file__).parent / "floor.py"
KINDS = ("sqlite", "postgresql")
MEGABYTE = 1024**2
SAMPLE_SECONDS = 0.05

INSERT, SELECT = "insert one account a packet", "select one account by id"
BULK, LIST = "one packet, {inserts} contact inserts", "list {listed} contacts, ten fields"
KEPT, SYNC = "insert, client with {mapped} mapped", "sync of nothing new, {mapped} mapped"
MEMORY = "memory, list of {memory} contacts"
WANTED = {
    INSERT: "rate >= 1.0",
    SELECT: "rate >= 1.0",
    BULK: "time <= 1.6",
    LIST: "time <= 1.4",
    KEPT: "rate >= 0.95",
    SYNC: "rate >= 0.95",
    MEMORY: "<= 32 MB",
}

CLIENTS = (packets.UNMAPPED, packets.MAPPED)

Rates = dict[tuple[str, str, str], list[float]]
"""Ratios, or megabytes, one a round: by work, kind of database and source tree."""


def main() -> None:
    """Measure, and print the table."""
    options = _options()
    found: Rates = defaultdict(list)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="packetserver-bench-") as folder:
        for kind in options.databases:
            with contextlib.closing(Databases(kind, Path(folder))) as databases:
                for run in (_small, _listed, _mapped, _memory):
                    Bench(options, kind, databases, found).stage(run)
    _say(f"measured in {time.monotonic() - begun:.0f} s\n\n{_table(options, found)}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="small sizes and few rounds: under two minutes")
    add("--rounds", type=int, help="how often everything is measured")
    add("--seconds", type=float, help="how long one rate is measured")
    add("--inserts", type=int, help="inserts of the large packet")
    add("--listed", type=int, help="contacts of the list")
    add("--mapped", type=int, help="records that the sync client has")
    add("--memory", type=int, help="contacts of the list that memory is measured with")
    add("--connections", type=int, default=8)
    add("--workers", type=int, help="processes of the server; else as its help advises")
    add("--threads", type=int, default=8)
    add("--databases", nargs="+", choices=KINDS, default=KINDS)
    add("--only", nargs="+", choices=STAGES, default=STAGES, help="a part of the table")
    add("--beside", type=Path, help="another source tree, measured in the same rounds")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    for name, value in sizes.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


FULL = {
    "rounds": 5,
    "seconds": 4.0,
    "inserts": 10_000,
    "listed": 50_000,
    "mapped": 200_000,
    "memory": 1_000_000,
}
QUICK = {
    "rounds": 3,
    "seconds": 0.7,
    "inserts": 1_000,
    "listed": 5_000,
    "mapped": 20_000,
    "memory": 50_000,
}


@dataclass
class Bench:
    """One kind of database being measured."""

    options: argparse.Namespace
    kind: str
    databases: Databases
    found: Rates

    @property
    def trees(self) -> dict[str, Path]:
        """The source trees that are measured, by their columns of the table."""
        beside = self.options.beside
        return {"server": stage.ROOT} | ({} if beside is None else {"beside": beside.resolve()})

    def stage(self, run: Callable[[Bench, str, dict[str, Server]], None]) -> None:
        """Run a part on a database of its own."""
        if run.__name__.removeprefix("_") not in self.options.only:
            return
        _say(f"{self.kind}: {run.__name__.removeprefix('_')}, preparing …\n")
        url = self.databases.fresh()
        with contextlib.ExitStack() as running:
            servers = {
                name: running.enter_context(stage.serving(url, self._serving(tree)))
                for name, tree in self.trees.items()
            }
            run(self, url, servers)

    def _serving(self, tree: Path) -> Serving:
        advised = 1 if self.kind == "sqlite" else os.cpu_count() or 1
        return Serving(self.options.workers or advised, self.options.threads, tree)

    def rounds(self) -> Iterator[int]:
        """The rounds, shown as they pass."""
        yield from range(self.options.rounds)

    def note(self, work: str, tree: str, value: float) -> None:
        """Keep and show one value of one round."""
        name = work.format(**vars(self.options))
        self.found[work, self.kind, tree].append(value)
        _say(f"  {self.kind:10} {name:40} {tree:7} {value:8.2f}\n")

    def floor(self, work: str, url: str, packet: bytes, seconds: float) -> float:
        """Packets a second of the bare process."""
        command = [sys.executable, str(FLOOR), work, url, str(seconds)]
        done = subprocess.run(command, input=packet, capture_output=True, check=True)
        return float(done.stdout)

    def rate(self, server: Server, packet: bytes) -> float:
        """Packets a second of a server over all connections."""
        return load.rate(server.port, packet, self.options.connections, self.options.seconds)


def _small(bench: Bench, url: str, servers: dict[str, Server]) -> None:
    """Packets of one item, and one of many."""
    bulk = packets.contact_inserts(stage.access_type(url), bench.options.inserts)
    for server in servers.values():
        bench.rate(server, packets.account_insert())
    key = stage.query(url, "SELECT max(org_id) FROM organization")[0][0]
    for _ in bench.rounds():
        for work, name, packet in (
            (INSERT, "insert_account", packets.account_insert()),
            (SELECT, "select_account", packets.account_select(key)),
        ):
            floor = bench.floor(name, url, packet, bench.options.seconds)
            for tree, server in servers.items():
                bench.note(work, tree, bench.rate(server, packet) / floor)
        _times(bench, BULK, ("insert_contacts", url, bulk), servers, 1)


def _listed(bench: Bench, url: str, servers: dict[str, Server]) -> None:
    """A long list."""
    stage.fill_contacts(url, next(iter(servers.values())).port, bench.options.listed)
    for server in servers.values():
        bench.rate(server, packets.account_insert())
    for _ in bench.rounds():
        work = ("list_contacts", url, packets.contact_list())
        _times(bench, LIST, work, servers, bench.options.listed + 1)


def _times(
    bench: Bench,
    work: str,
    floor: tuple[str, str, bytes],
    servers: dict[str, Server],
    records: int,
) -> None:
    bare = bench.floor(*floor, 0)
    for tree, server in servers.items():
        bench.note(work, tree, bare / load.once(server.port, floor[2], records))


def _mapped(bench: Bench, url: str, servers: dict[str, Server]) -> None:
    """A client that has many records, beside one that has none, in the same database."""
    stage.fill_contacts(url, next(iter(servers.values())).port, bench.options.mapped)
    stage.fill_map(url)
    access = stage.access_type(url)
    works: tuple[tuple[str, int, Callable[[int], bytes]], ...] = (
        (KEPT, bench.options.connections, lambda client: packets.client_insert(client, access)),
        (SYNC, 1, packets.client_sync),
    )
    for server in servers.values():
        for client in CLIENTS:
            bench.rate(server, packets.client_insert(client, access))
    for number in bench.rounds():
        # Whoever comes first has it easier or harder: they take turns.
        order = CLIENTS[:: 1 if number % 2 else -1]
        for work, connections, packet in works:
            for tree, server in servers.items():
                rates = {
                    client: load.rate(
                        server.port, packet(client), connections, bench.options.seconds
                    )
                    for client in order
                }
                bench.note(work, tree, rates[packets.MAPPED] / rates[packets.UNMAPPED])


def _memory(bench: Bench, url: str, servers: dict[str, Server]) -> None:
    """What a very long list takes of memory, above what the server has when it rests."""
    for server in servers.values():
        bench.rate(server, packets.account_insert())
        load.once(server.port, packets.contact_list())
    stage.fill_contacts(url, next(iter(servers.values())).port, bench.options.memory)
    for tree, server in servers.items():
        idle, peak = server.memory(), _peak(server, bench.options.memory + 1)
        bench.note(MEMORY, tree, (peak - idle) / MEGABYTE)


def _peak(server: Server, records: int) -> int:
    """The most memory that the server has while it answers a list."""
    samples, over = [server.memory()], threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            samples.append(server.memory())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        load.once(server.port, packets.contact_list(), records)
    finally:
        over.set()
        watching.join()
    return max(samples)


STAGES = tuple(each.__name__.removeprefix("_") for each in (_small, _listed, _mapped, _memory))


def _table(options: argparse.Namespace, found: Rates) -> str:
    """Medians, and in brackets the least and the most of the rounds."""
    columns = list(dict.fromkeys((kind, tree) for _, kind, tree in found))
    head = ["work", *(f"{kind} {tree}" for kind, tree in columns), "wanted"]
    rows = [
        [
            work.format(**vars(options)),
            *(_cell(found.get((work, kind, tree), [])) for kind, tree in columns),
            wanted,
        ]
        for work, wanted in WANTED.items()
    ]
    return "\n".join(table_line(each) for each in (head, ["---"] * len(head), *rows))


def _cell(values: Sequence[float]) -> str:
    if not values:
        return ""
    middle = statistics.median(values)
    return f"{middle:.2f} ({min(values):.2f} to {max(values):.2f})"


def table_line(cells: Sequence[str]) -> str:
    """A line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
