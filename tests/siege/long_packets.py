"""Packets as long as they may be: strangers are told that they are not let in, users are served."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import load
import packets
from finding import Finding, Ground, at_most, exactly, worker_memory
from mixed_packets import ABOVE_START_MEGABYTES, MOST_MEGABYTES, REST_SECONDS, WARM, watched

AT_A_TIME = 4
PATIENCE_SECONDS = 300


def strangers(ground: Ground) -> Iterator[Finding]:
    """Several strangers at a time, each with hundreds of thousands of properties."""
    packet = _long(packets.account_insert(), ground.options.properties)
    head, _, rest = packet.partition(b"<code>")
    packet = head + b"<code>" + b"0" * 32 + b"</code>" + rest.partition(b"</code>")[2]
    yield from _trial(ground, packet, b"Not authorized")


def users(ground: Ground) -> Iterator[Finding]:
    """Users who are let in send the same: it is read as a whole, and carried out."""
    packet = _long(packets.account_insert(), ground.options.properties)
    yield from _trial(ground, packet, b"<status>0</status>")


def _trial(ground: Ground, packet: bytes, wanted: bytes) -> Iterator[Finding]:
    with ground.server() as (server, _):
        for _ in range(WARM):
            load.once(server.port, packets.account_insert())
        start = max(worker_memory(server))
        with watched(server) as samples, ThreadPoolExecutor(AT_A_TIME) as pool:
            sent = [pool.submit(_answered, server.port, packet) for _ in range(ground.options.long)]
            answered = sum(wanted in each.result() for each in sent)
        yield exactly(f"answers with {wanted.decode()}", answered, len(sent))
        yield at_most("a worker, at most", max(samples), MOST_MEGABYTES, "MB")
        time.sleep(REST_SECONDS)
        rest = max(worker_memory(server))
        yield at_most(
            "a worker at rest, above its start", rest - start, ABOVE_START_MEGABYTES, "MB"
        )


def _long(packet: bytes, properties: int) -> bytes:
    begin, _, end = packet.partition(b"<name>")
    return begin + b"<name>Harbour Works</name>" * properties + b"<name>" + end


def _answered(port: int, packet: bytes) -> bytes:
    connection = http.client.HTTPConnection(packets.HOST, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", "/ProcessPacket.do", packet)
        return connection.getresponse().read()
    finally:
        connection.close()
