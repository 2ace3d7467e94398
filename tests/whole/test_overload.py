"""More than the server takes on: what it refuses, it refuses in a way that clients understand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from protocols.packet.exchanges import (
    PATH,
    UTF_8_PACKET,
    EchoEngine,
    client_of,
    error_of,
    name_in,
)
from werkzeug.test import TestResponse
from whole.served import account, answer_on, head, packet, served

from packetserver.protocols.packet.packet import Options, Packet, RecordSink, Response
from packetserver.security.credentials import Credentials
from packetserver.store.files import FileLibrary

IN_TIME = 60
"""Seconds after which a test has failed."""

TOO_MUCH = "Error: The server has too much to do. Please send the packet again later."


@dataclass
class HeldEngine(EchoEngine):
    """An engine that works on every packet until it is told to let go."""

    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    let_go: threading.Event = field(default_factory=threading.Event)
    library: FileLibrary = field(default_factory=lambda: FileLibrary(Path(), 1000))

    def process(
        self, packet: Packet, options: Options, host: str, address: str, sink: RecordSink
    ) -> tuple[Response, ...]:
        self.begun.release()
        assert self.let_go.wait(IN_TIME)
        return super().process(packet, options, host, address, sink)

    @property
    def documents(self) -> HeldEngine:
        return self

    @property
    def packages(self) -> HeldEngine:
        return self

    def find(self, credentials: Credentials | None, host: str, address: str) -> None:
        """No package is there for anybody."""


@pytest.fixture
def engine() -> Iterator[HeldEngine]:
    made = HeldEngine()
    yield made
    made.let_go.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


def post(client: FlaskClient, path: str = PATH) -> TestResponse:
    return client.post(path, data=UTF_8_PACKET, content_type="text/xml")


def busy(
    pool: ThreadPoolExecutor, engine: HeldEngine, client: FlaskClient, number: int
) -> list[Future[TestResponse]]:
    """So many packets that are being worked on."""
    sent = [pool.submit(post, client) for _ in range(number)]
    for _ in sent:
        assert engine.begun.acquire(timeout=IN_TIME)
    return sent


def test_what_comes_beyond_the_places_is_to_come_again_later(pool, engine: HeldEngine) -> None:
    client = client_of(engine, threads=2, max_waiting=0)
    sent = busy(pool, engine, client, 2)
    refused = post(client)
    assert error_of(refused, 503) == TOO_MUCH
    assert int(refused.headers["Retry-After"]) > 0
    assert not engine.calls
    engine.let_go.set()
    assert [name_in(each.result(IN_TIME)) for each in sent] == ["Zoë & Łódź"] * 2
    assert name_in(post(client)) == "Zoë & Łódź"


def test_what_waits_too_long_is_to_come_again_later(pool, engine: HeldEngine) -> None:
    client = client_of(engine, threads=1, wait_seconds=0)
    busy(pool, engine, client, 1)
    assert error_of(post(client), 503) == TOO_MUCH


def test_the_other_addresses_need_places_too(pool, engine: HeldEngine) -> None:
    client = client_of(engine, threads=1, max_waiting=0)
    (sent,) = busy(pool, engine, client, 1)
    response = post(client, "/ProcessSyncPackageDownload.do")
    assert (response.status_code, int(response.headers["Retry-After"]) > 0) == (503, True)
    assert client.get("/healthz").status_code == 200
    engine.let_go.set()
    assert name_in(sent.result(IN_TIME))
    assert post(client, "/ProcessSyncPackageDownload.do").status_code == 200


MIB = 1024 * 1024
LONG = packet(account("Long")) + b" " * MIB


def test_long_bodies_that_arrive_have_bounded_room(databases) -> None:
    longest = dict.fromkeys(("max_body_bytes", "max_file_bytes", "max_webservice_bytes"), "2 MiB")
    settings = {**longest, "max_arriving_bytes": "1"}
    with (
        databases.prepared("sqlite") as url,
        served(url, **settings) as server,
        ExitStack() as connections,
    ):
        # Of five MiB in all, each of these takes three quarters of one, and the last one more.
        begun = [connections.enter_context(server.connect()) for _ in range(8)]
        for each in begun:
            each.sendall(head(len(LONG)) + LONG[:MIB])
        # They are all as far when a small one that was sent after them is answered: it is.
        status, document = server.post(packet(account("Small")))
        assert (status, document.findtext("response/status")) == (200, "0")
        refused, kept = [], []
        for each in begun:
            each.sendall(LONG[MIB:])
            status, document = answer_on(each)
            (kept if status == 200 else refused).append((status, document))
        assert {status for status, _ in refused} == {503}
        assert {found.findtext("response/errorText") for _, found in refused} == {TOO_MUCH}
        assert {found.findtext("response/status") for _, found in kept} == {"0"}
        assert 1 <= len(kept) < len(begun)
        # All that room is free again.
        connection = connections.enter_context(server.connect())
        connection.sendall(head(len(LONG)) + LONG)
        assert answer_on(connection)[0] == 200
