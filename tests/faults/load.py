"""The real server with several workers, and clients that note what it has acknowledged."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from defusedxml.ElementTree import ParseError, fromstring

COMMAND = "from packetserver.cli import main; main(prog_name='packetserver')"
PATIENCE_SECONDS = 60

PACKET = """<app><authentication><systemId>4</systemId><username>admin</username>
<code>21232f297a57a5a743894a0e4a801fc3</code><encoding>UTF-8</encoding></authentication>
<transaction id="1"><account action="insert" shareKey="true"><name>{name}</name></account>
<contact action="insert"><nameLast>{name}</nameLast><accessType>2</accessType>
<orgId>$C{{account.id}}</orgId></contact></transaction></app>"""


@dataclass
class Served:
    """`packetserver serve` in processes of its own."""

    process: subprocess.Popen[str]
    netloc: str

    def workers(self) -> list[int]:
        """The processes that answer."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(each) for each in children.read_text().split()]

    def ask(self, method: str, path: str, body: bytes | None = None) -> http.client.HTTPResponse:
        """The answer to a request, read to its end."""
        connection = http.client.HTTPConnection(self.netloc, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            answer = connection.getresponse()
            answer.content = answer.read()  # type: ignore[attr-defined]
            return answer


@contextlib.contextmanager
def serving(url: str, **settings: str) -> Iterator[Served]:
    """Serve a database with two workers."""
    given = {"database_url": url, "log_level": "error", **settings}
    environment = {f"PACKETSERVER_{name.upper()}": text for name, text in given.items()}
    options = ("--bind", "127.0.0.1:0", "--workers", "2", "--threads", "4")
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "serve", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | environment,
    )
    assert process.stdout is not None
    with process, process.stdout:
        try:
            line = process.stdout.readline()
            assert line, "the server does not start"
            yield Served(process, urlsplit(line.split()[-1]).netloc)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_SECONDS)
            finally:
                process.kill()


@dataclass
class Clients:
    """Threads that insert numbered accounts, each only once, and note the answers."""

    served: Served
    acknowledged: list[str] = field(default_factory=list)
    open_ended: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    news: threading.Condition = field(default_factory=threading.Condition)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, number: int) -> None:
        """Insert one after the other until it is enough."""
        count = 0
        while not self.stopped.is_set():
            count += 1
            name = f"Account {number}-{count}"
            outcome = self._insert(name)
            with self.news:
                self.statuses[outcome] += 1
                (self.acknowledged if outcome == "stored" else self.open_ended).append(name)
                self.news.notify_all()

    def _insert(self, name: str) -> str:
        try:
            answer = self.served.ask("POST", "/ProcessPacket.do", PACKET.format(name=name).encode())
            document = fromstring(answer.content)
        except (OSError, http.client.HTTPException):
            return "cut off"
        except ParseError:
            return "not understood"
        status = document.findtext("response/status")
        if answer.status == HTTPStatus.OK and status == "0":
            return "stored"
        is_later = answer.status == HTTPStatus.SERVICE_UNAVAILABLE and status == "1"
        is_later = is_later and answer.headers["Retry-After"] is not None
        return "later" if is_later else f"{answer.status}: {document.findtext('.//errorText')}"

    def until(self, outcome: str, more: int) -> None:
        """Wait until so many more answers were like this."""
        with self.news:
            wanted = self.statuses[outcome] + more
            assert self.news.wait_for(lambda: self.statuses[outcome] >= wanted, PATIENCE_SECONDS), (
                f"no answer {outcome!r}: {self.statuses}"
            )


@contextlib.contextmanager
def under_load(served: Served, threads: int = 4) -> Iterator[Clients]:
    """Clients that are at work meanwhile."""
    clients = Clients(served)
    running = [threading.Thread(target=clients.run, args=(n,)) for n in range(threads)]
    for each in running:
        each.start()
    try:
        yield clients
    finally:
        clients.stopped.set()
        for each in running:
            each.join(PATIENCE_SECONDS)


def kill_workers(served: Served, clients: Clients, kills: int, seed: int) -> None:
    """Kill a worker now and then, when the clients have been answered a few more times."""
    chance = random.Random(seed)
    for _ in range(kills):
        clients.until("stored", chance.randint(1, 20))
        # A moment within a packet, and not just behind an answer.
        time.sleep(chance.uniform(0, 0.02))
        alive = served.workers()
        if alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(alive), signal.SIGKILL)
    clients.until("stored", 20)


def check_stored(clients: Clients, accounts: list[str], contacts: list[str]) -> None:
    """What was acknowledged is there once, the rest whole or not at all, and nothing else."""
    found = Counter(accounts)
    assert Counter(contacts) == found
    assert set(found.values()) <= {1}
    assert set(clients.acknowledged) <= set(found) <= {*clients.acknowledged, *clients.open_ended}
