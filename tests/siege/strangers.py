"""Strangers send packets as long as they may be: they are told that they are not let in."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import load
import packets
from finding import Finding, Ground, at_most, exactly, worker_memory
from mixed_packets import ABOVE_START_MEGABYTES, MOST_MEGABYTES, REST_SECONDS, WARM, watched

AT_A_TIME = 6
PATIENCE_SECONDS = 300


def trial(ground: Ground) -> Iterator[Finding]:
    """Several at a time, each with hundreds of thousands of properties."""
    packet = _packet(ground.options.properties)
    with ground.server() as (server, _):
        for _ in range(WARM):
            load.once(server.port, packets.account_insert())
        start = max(worker_memory(server))
        with watched(server) as samples, ThreadPoolExecutor(AT_A_TIME) as pool:
            sent = [
                pool.submit(_refused, server.port, packet) for _ in range(ground.options.strangers)
            ]
            refused = sum(each.result() for each in sent)
        yield exactly("strangers told that they are not authorized", refused, len(sent))
        yield at_most("a worker, at most", max(samples), MOST_MEGABYTES, "MB")
        time.sleep(REST_SECONDS)
        rest = max(worker_memory(server))
        yield at_most(
            "a worker at rest, above its start", rest - start, ABOVE_START_MEGABYTES, "MB"
        )


def _packet(properties: int) -> bytes:
    known = packets.account_insert()
    head, _, rest = known.partition(b"<code>")
    stranger = head + b"<code>" + b"0" * 32 + b"</code>" + rest.partition(b"</code>")[2]
    begin, _, end = stranger.partition(b"<name>")
    return begin + b"<name>Harbour Works</name>" * properties + b"<name>" + end


def _refused(port: int, packet: bytes) -> bool:
    connection = http.client.HTTPConnection(packets.HOST, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", "/ProcessPacket.do", packet)
        return b"Not authorized" in connection.getresponse().read()
    finally:
        connection.close()
