"""Slow clients harm nobody but themselves: a real server with hundreds of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from whole.served import Served, account, answer_on, head, is_open, packet, served

SLOW = 200
SMALL = packet("<meta><property>id</property></meta><account action='select'><id>0</id></account>")
BEGINNINGS = (
    b"",
    b"POST /ProcessPacket.do HTTP/1.1\r\nHost: local",
    head(len(SMALL)) + SMALL[:40],
    head(60_000_000) + SMALL[:40],
    b"POST /ProcessPacket.do HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<app>\r\n",
)
"""What a client may have sent when it stops: nothing, half its headers, half its body."""


@pytest.fixture
def server(databases) -> Iterator[Served]:
    with databases.prepared("sqlite") as url, served(url) as running:
        yield running


def test_slow_clients_do_not_starve_a_fast_one(server: Served) -> None:
    with ExitStack() as slow:
        connections = [slow.enter_context(server.connect()) for _ in range(SLOW)]
        for number, connection in enumerate(connections):
            connection.sendall(BEGINNINGS[number % len(BEGINNINGS)])
        for number in range(3):
            status, document = server.post(packet(account(f"Fast {number}")))
            assert (status, document.findtext("response/status")) == (200, "0")
        # Those of whom nothing has come may have been closed; all others wait for their turn.
        waiting = [each for number, each in enumerate(connections) if number % len(BEGINNINGS)]
        assert all(map(is_open, waiting))
        for number, connection in enumerate(connections):
            if number % len(BEGINNINGS) == 2:
                connection.sendall(SMALL[40:])
                assert answer_on(connection)[1].findtext("response/status") == "0"


@pytest.mark.parametrize("beginning", BEGINNINGS[2:], ids=["body", "long body", "chunked"])
def test_a_client_that_does_not_finish_is_told_so(databases, beginning: bytes) -> None:
    with (
        databases.prepared("sqlite") as url,
        served(url, slow_client_seconds="1") as server,
        server.connect() as connection,
    ):
        connection.sendall(beginning)
        status, document = answer_on(connection)
        assert status == 408
        assert document.findtext("response/status") == "1"
        assert document.findtext("response/errorText") == "Error: The packet arrives too slowly"
        assert connection.recv(1) == b""


def test_a_client_that_does_not_finish_its_headers_is_cut_off(databases) -> None:
    with databases.prepared("sqlite") as url, served(url, slow_client_seconds="1") as server:
        with server.connect() as connection:
            connection.sendall(BEGINNINGS[1])
            assert connection.recv(1) == b""
        # Nothing of that is an error of the server.
        assert "Traceback" not in server.logged()


def test_small_packets_pass_a_huge_one(databases) -> None:
    """On PostgreSQL: SQLite lets nobody write beside another."""
    huge = packet(
        "".join(account(f"Account {number}").split("</meta>")[1] for number in range(10_000))
    )
    with databases.prepared("postgresql") as url, served(url) as server:
        answers = []
        sender = threading.Thread(target=lambda: answers.append(server.post(huge)))
        sender.start()
        for _ in range(10):
            status, document = server.post(SMALL)
            assert (status, document.findtext("response/status")) == (200, "0")
        assert not answers
        sender.join()
        ((status, document),) = answers
        assert (status, document.findtext("response/status")) == (200, "0")
