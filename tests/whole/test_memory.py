"""A worker keeps no memory for strangers, and little for anybody once it rests."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from whole.served import IN_TIME, Served, account, packet, served

PROPERTIES = 300_000
"""As values they would take forty megabytes."""

BOUND_MEGABYTES = 60


def resident(server: Served) -> float:
    """Megabytes that the only worker has in memory."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    (worker,) = children.split()
    lines = Path(f"/proc/{worker}/status").read_text().splitlines()
    return next(int(each.split()[1]) for each in lines if each.startswith("VmRSS:")) / 1024


def test_strangers_with_long_packets_take_no_memory(databases) -> None:
    known = packet(account("a"))
    long = known.replace(b"<name>a</name>", b"<name>a</name>" * PROPERTIES)
    stranger = long.replace(b"<code>21232f29", b"<code>00000000")
    with databases.prepared("sqlite") as url, served(url) as server:
        for _ in range(5):
            assert server.post(known)[0] == 200
        before, most = resident(server), 0.0
        with ThreadPoolExecutor(6) as pool:
            sent = [pool.submit(server.post, stranger) for _ in range(12)]
            while not all(each.done() for each in sent):
                most = max(most, resident(server))
                time.sleep(0.02)
        for each in sent:
            status, document = each.result()
            assert (status, document.findtext("response/errorText")) == (200, "Not authorized")
        assert most - before < BOUND_MEGABYTES
        # A user's is read; what that took is given back when the worker rests.
        assert server.post(long)[1].findtext("response/status") == "0"
        until = time.monotonic() + IN_TIME
        while resident(server) - before > BOUND_MEGABYTES / 2:
            assert time.monotonic() < until
            time.sleep(0.1)
