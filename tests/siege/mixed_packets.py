"""Packets of all sizes and kinds, tens of thousands of them: how much memory the workers keep."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import load
import packets
import stage
from finding import Finding, Ground, at_most, worker_memory
from stage import Server

MOST_MEGABYTES = 250
ABOVE_START_MEGABYTES = 60
"""What a worker may keep when it rests: what it compiled and remembers of the first packets."""

REST_SECONDS = 20
SAMPLE_SECONDS = 0.2
AT_A_TIME = 32
WARM = 40
LISTED = 2_000


def trial(ground: Ground) -> Iterator[Finding]:
    """Send the mixture over many connections at a time; look at the memory all the while."""
    with ground.server() as (server, url):
        stage.fill_contacts(url, server.port, LISTED)
        for packet in _mixture(url) * WARM:
            load.once(server.port, packet)
        start = max(worker_memory(server))
        with watched(server) as samples:
            _send(server, url, ground.options.mixed)
        yield at_most("a worker, at most", max(samples), MOST_MEGABYTES, "MB")
        time.sleep(REST_SECONDS)
        rest = max(worker_memory(server))
        yield at_most(
            "a worker at rest, above its start", rest - start, ABOVE_START_MEGABYTES, "MB"
        )


class watched:  # noqa: N801 - used like a function
    """Samples of the largest worker's memory, in megabytes, taken while the block runs."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.samples: list[float] = []

    def __enter__(self) -> list[float]:
        self._thread.start()
        return self.samples

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.samples.append(max(worker_memory(self._server)))
            if self._over.wait(SAMPLE_SECONDS):
                return


def _mixture(url: str) -> list[bytes]:
    """Small ones mostly, and longer ones among them."""
    key = stage.query(url, "SELECT max(org_id) FROM organization")[0][0]
    small = [packets.account_insert(), packets.account_select(key)]
    return [
        *(small * 10),
        _many(20),
        _many(100),
        packets.contact_list(),
    ]


def _many(count: int) -> bytes:
    """A packet that inserts so many accounts."""
    head, begun, rest = packets.account_insert().partition(b"<account ")
    item, ended, end = rest.partition(b"</account>")
    return head + (begun + item + ended) * count + end


def _send(server: Server, url: str, count: int) -> None:
    """Every connection is used for a few packets, and then closed."""
    mixture = _mixture(url)
    numbers = itertools.cycle(range(len(mixture)))
    chosen = [mixture[next(numbers)] for _ in range(count)]
    pieces = [chosen[begin : begin + 50] for begin in range(0, count, 50)]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for done in [pool.submit(_send_piece, server.port, each) for each in pieces]:
            done.result()


def _send_piece(port: int, piece: list[bytes]) -> None:
    exchange = None
    for packet in piece:
        exchange = load.Exchange(port, packet)
        exchange.send()
        while not exchange.take():
            pass
        exchange.socket.close()
