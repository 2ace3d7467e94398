"""Crowds of slow clients, and more than a server hears: everybody else is served as ever."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from defusedxml.ElementTree import fromstring
from hostile.raw import answers_in
from whole.served import (
    IN_TIME,
    PATH,
    Served,
    account,
    answer_on,
    head,
    is_open,
    packet,
    read,
    served,
)

CROWD = 300
SMALL = packet("<meta><property>id</property></meta><account action='select'><id>0</id></account>")
MANNERS = {
    "headers": b"POST /ProcessPacket.do HTTP/1.1\r\nHost: local",
    "bodies": head(len(SMALL)) + SMALL[:40],
    "chunks": b"POST /ProcessPacket.do HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5",
}
"""How far a client has come that sends no more."""

TOO_MUCH = "Error: The server has too much to do. Please send the packet again later."


@contextmanager
def crowd(server: Served, beginning: bytes, number: int = CROWD) -> Iterator[list[socket.socket]]:
    """So many clients that have begun, and do not go on."""
    with ExitStack() as opened:
        connections = [opened.enter_context(server.connect()) for _ in range(number)]
        for each in connections:
            each.sendall(beginning)
        yield connections


def look(server: Served) -> int:
    """The status that somebody gets who looks whether all is well."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=IN_TIME)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    finally:
        connection.close()


def status_of(server: Served, content: bytes = SMALL) -> str | None:
    found, document = server.post(content)
    assert found == 200
    return document.findtext("response/status")


@pytest.mark.parametrize("manner", MANNERS)
def test_a_crowd_takes_none_of_a_few_threads(databases, manner: str) -> None:
    with (
        databases.prepared("sqlite") as url,
        served(url, "--threads", "2") as server,
        crowd(server, MANNERS[manner]) as connections,
    ):
        for number in range(3):
            assert status_of(server, packet(account(f"Beside {number}"))) == "0"
            assert look(server) == 200
        assert all(map(is_open, connections))
        if manner == "bodies":
            for each in connections[::50]:
                each.sendall(SMALL[40:])
                assert answer_on(each)[1].findtext("response/status") == "0"


def test_clients_that_do_not_read_take_none_of_a_few_threads(databases) -> None:
    """Their answers are longer than what the systems of both sides keep for them."""
    item = f"<account action='insert'><name>a</name><notes>{'x' * 4000}</notes></account>"
    asked = packet(
        "<meta><property>notes</property></meta><accountList action='select'></accountList>"
    )
    with (
        databases.prepared("sqlite") as url,
        served(url, "--threads", "2") as server,
        ExitStack() as opened,
    ):
        assert status_of(server, packet(item * 3000)) == "0"
        idle = [opened.enter_context(server.connect()) for _ in range(4)]
        for each in idle:
            each.sendall(head(len(asked)) + asked)
        for _ in range(3):
            assert status_of(server) == "0"
            assert look(server) == 200
        status, document = answer_on(idle[0])
        assert (status, document.findtext("response/status")) == (200, "0")
        assert len(document.findall("response/recordSet/record")) >= 3000


@pytest.mark.parametrize("manner", MANNERS)
def test_who_is_one_too_many_is_told_so_at_once(databases, manner: str) -> None:
    with (
        databases.prepared("sqlite") as url,
        served(url, connections="50") as server,
        crowd(server, MANNERS[manner], 50) as connections,
    ):
        assert look(server) == 200
        http_connection = http.client.HTTPConnection(server.host, server.port, timeout=IN_TIME)
        http_connection.request("POST", PATH, SMALL)
        response = http_connection.getresponse()
        if manner == "headers" and response.status == 200:
            # The slowest made room.
            assert not all(map(is_open, connections))
        else:
            assert int(response.headers["Retry-After"]) > 0
            status, document = read(response)
            assert (status, document.findtext("response/errorText")) == (503, TOO_MUCH)
        http_connection.close()
        for each in connections:
            each.close()
        # It takes the server a moment to hear that.
        pause = threading.Event()
        while server.post(SMALL)[0] == 503:
            pause.wait(0.05)
        assert status_of(server) == "0"


def test_many_more_than_are_heard_do_not_keep_others_from_being_told(databases) -> None:
    """The second crowd is beyond what is told in peace; it is told before it has asked."""
    with (
        databases.prepared("sqlite") as url,
        served(url, connections="20") as server,
        crowd(server, MANNERS["bodies"], 20),
        crowd(server, MANNERS["headers"], CROWD) as beyond,
    ):
        assert look(server) == 200
        assert server.post(SMALL)[0] == 503
        told = [each for each in beyond if not is_open(each)]
        assert len(told) >= 50


def test_connections_that_rest_make_room_for_others(databases) -> None:
    with (
        databases.prepared("sqlite") as url,
        served(url, connections="10", slow_client_seconds="60") as server,
        ExitStack() as opened,
    ):
        for _ in range(30):
            connection = opened.enter_context(server.connect())
            connection.sendall(head(len(SMALL)) + SMALL)
            status, _ = answer_on(connection)
            assert status in {200, 503}
        assert look(server) == 200


def test_what_is_too_long_is_told_before_it_is_sent_and_heard_to_its_end(databases) -> None:
    # No more than twice what is allowed: beyond that nobody is heard to the end.
    content = SMALL + b" " * 2_000_000
    with databases.prepared("sqlite") as url, served(url, max_body_bytes="1 MiB") as server:
        with server.connect() as connection:
            connection.sendall(head(len(content)) + content[:100_000])
            status, document = answer_on(connection)
            assert (status, document.findtext("response/status")) == (413, "1")
            connection.sendall(content[100_000:])
            assert connection.recv(1) == b""
        with server.connect() as connection:
            lines = head(len(content)).removesuffix(b"\r\n")
            connection.sendall(lines + b"Expect: 100-continue\r\n\r\n")
            status, document = answer_on(connection)
            assert (status, document.findtext("response/status")) == (413, "1")
        with server.connect() as connection:
            lines = head(len(SMALL)).removesuffix(b"\r\n")
            connection.sendall(lines + b"Expect: 100-continue\r\n\r\n")
            assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(SMALL)
            assert answer_on(connection)[0] == 200


def test_requests_that_come_at_once_on_a_connection_are_answered_in_their_order(databases) -> None:
    with databases.prepared("sqlite") as url, served(url) as server, server.connect() as connection:
        names = [f"Account {number}" for number in range(20)]
        contents = [packet(account(name).replace(">id<", ">name<")) for name in names]
        connection.sendall(b"".join(head(len(each)) + each for each in contents))
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(64 * 1024), b""))
        documents = [fromstring(body) for _, body in answers_in(received)]
        assert [each.findtext(".//name") for each in documents] == names


def test_a_worker_that_has_answered_enough_gives_way_and_nobody_notices(databases) -> None:
    """Gunicorn's `max_requests`: the worker ends after so many, and another one takes its place."""
    limit = "import gunicorn.config; gunicorn.config.MaxRequests.default = 5"
    with (
        databases.prepared("sqlite") as url,
        served(url, before=(limit,)) as server,
    ):
        assert [status_of(server) for _ in range(12)] == ["0"] * 12
        assert "Autorestarting worker" in server.logged()
