"""Thousands of clients that send a byte now and then, in their headers or in their bodies.

Others must not feel that: their packets and the looks of a load balancer are answered as ever.
Where the server is set to hear fewer clients at a time than there are slow ones, those who come
after them are told so at once.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import packets
from finding import WORKERS, Finding, Ground, at_most, exactly

CROWD = Path(__file__).parent / "crowd.py"
MANNERS = ("headers", "bodies")
MEDIAN_MILLISECONDS, LONGEST_MILLISECONDS = 50, 1000
PATIENCE_SECONDS = 90


def trial(ground: Ground) -> Iterator[Finding]:
    """A crowd that is heard, in either manner, and one of which only a part can be."""
    slow = ground.options.slow
    for manner in MANNERS:
        with ground.server() as (server, _):
            met = _met(server.port, slow, manner, ground.options.seconds)
        yield from met.findings(f"{slow:,} slow in {manner}")
        yield exactly(f"{slow:,} slow in {manner}: answers that were not 200", met.refused, 0)
    few = max(1, slow // (3 * WORKERS))
    for manner in MANNERS:
        with ground.server({"CONNECTIONS": str(few)}) as (server, _):
            met = _met(server.port, slow, manner, ground.options.seconds)
        name = f"{slow:,} slow in {manner} where each worker hears {few:,}"
        yield at_most(f"{name}: packet, 200 or 503, longest", met.longest, 1000, "ms")
        yield at_most(f"{name}: /healthz, longest", max(met.looks), LONGEST_MILLISECONDS, "ms")
        yield exactly(f"{name}: answers without Retry-After or document", met.wordless, 0)
        told = ", ".join(f"{status} {count:,}" for status, count in sorted(met.told.items()))
        yield Finding(f"{name}: what the slow ones were told", told, "", is_as_wanted=True)


@dataclass
class Met:
    """What others met beside the crowd; times in milliseconds."""

    times: list[float] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)
    refused: int = 0
    wordless: int = 0
    told: dict[str, int] = field(default_factory=dict)

    @property
    def longest(self) -> float:
        """The longest that a packet took."""
        return max(self.times)

    def findings(self, name: str) -> Iterator[Finding]:
        """What is said of the times."""
        median = statistics.median(self.times)
        yield at_most(f"{name}: packet, median", median, MEDIAN_MILLISECONDS, "ms")
        yield at_most(f"{name}: packet, longest", self.longest, LONGEST_MILLISECONDS, "ms")
        yield at_most(f"{name}: /healthz, longest", max(self.looks), LONGEST_MILLISECONDS, "ms")


def _met(port: int, count: int, manner: str, seconds: float) -> Met:
    met = Met()
    _look(port, met)
    _post(port, met)
    met.times.clear()
    met.looks.clear()
    with _crowd(port, count, manner) as crowd:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            _post(port, met)
            _look(port, met)
            time.sleep(0.02)
        assert crowd.stdout is not None
        assert crowd.stdin is not None
        crowd.stdin.close()
        met.told = json.loads(crowd.stdout.readline())
    return met


@contextlib.contextmanager
def _crowd(port: int, count: int, manner: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(CROWD), str(port), str(count), manner]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as crowd:
        assert crowd.stdout is not None
        try:
            assert crowd.stdout.readline().strip() == "there"
            yield crowd
        finally:
            crowd.terminate()


def _post(port: int, met: Met) -> None:
    """A packet on a connection of its own, as most clients send them."""
    status, milliseconds, answer = _asked(port, "POST", "/ProcessPacket.do")
    met.times.append(milliseconds)
    if status == 200 and b"<status>0</status>" in answer.body:
        return
    met.refused += 1
    if status != 503 or answer.retry is None or b"<aspcfs>" not in answer.readable:
        met.wordless += 1


def _look(port: int, met: Met) -> None:
    status, milliseconds, _ = _asked(port, "GET", "/healthz")
    met.looks.append(milliseconds if status == 200 else PATIENCE_SECONDS * 1000)


@dataclass(frozen=True)
class Answer:
    """An answer, as far as the trial looks at it."""

    body: bytes
    retry: str | None

    @property
    def readable(self) -> bytes:
        """The body without what UTF-16 has between letters."""
        return self.body.replace(b"\0", b"")


def _asked(port: int, method: str, path: str) -> tuple[int, float, Answer]:
    """The status, the milliseconds that it took, and the answer; 0 for a broken connection."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(packets.HOST, port, timeout=PATIENCE_SECONDS)
    try:
        body = packets.account_insert() if method == "POST" else None
        connection.request(method, path, body)
        response = connection.getresponse()
        answer = Answer(response.read(), response.headers["Retry-After"])
        return response.status, (time.perf_counter() - begun) * 1000, answer
    except (OSError, http.client.HTTPException):
        return 0, (time.perf_counter() - begun) * 1000, Answer(b"", None)
    finally:
        connection.close()
