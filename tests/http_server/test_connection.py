"""Bytes of a client, in whatever pieces, become the requests that gunicorn reads from them."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import LimitRequestHeaders, UnsupportedTransferCoding
from gunicorn.http.parser import RequestParser
from hypothesis import given
from hypothesis import strategies as st

from packetserver.errors import PacketError, PacketTooSlow, ServerBusy
from packetserver.http.body import Room
from packetserver.http.connection import (
    PIECE_BYTES,
    SURPLUS_SECONDS,
    Connection,
    Terms,
)
from packetserver.http.head import LONGEST_HEAD
from packetserver.http.states import State, Step
from packetserver.protocols.front.spools import Spools
from packetserver.settings import Settings

SPOOLS = Spools.of(Settings())
PATIENCE, LIMIT = 60.0, 1_000_000
CLIENT = ("127.0.0.1", 12345)
POST = b"POST /ProcessPacket.do HTTP/1.1\r\nHost: x\r\n"
REQUESTS = (
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    POST + b"Content-Length: 6\r\n\r\n<app/>",
    POST + b"Content-Length: 0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n<\r\n5\r\napp/>\r\n0\r\n\r\n",
    b"\r\n" + POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
)
NO_REQUESTS = (
    b"GET / HTTP/1.1\nHost: x\n\n",
    b"GET /\r\n\r\n",
    b"\r\n\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Expect: everything\r\n\r\n",
    b"G" * 100 + b" / HTTP/1.1\r\n\r\n",
    b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n",
)


@dataclass
class Ends:
    """Both ends of a connection: the server's, and the client's."""

    connection: Connection
    client: socket.socket
    now: list[float] = field(default_factory=lambda: [0.0])

    def sent(self, content: bytes) -> Step:
        """What is needed once the client has sent something."""
        self.client.sendall(content)
        return self.connection.receive()


Make = Callable[..., Ends]


@pytest.fixture
def make() -> Iterator[Make]:
    opened: list[Ends] = []

    def made(*, is_surplus: bool = False) -> Ends:
        ends = ends_of(is_surplus=is_surplus)
        opened.append(ends)
        return ends

    yield made
    for each in opened:
        each.client.close()
        each.connection.close()


def ends_of(*, is_surplus: bool = False) -> Ends:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    theirs.settimeout(10)
    now = [0.0]
    terms = Terms(
        configuration=Config(),
        patience=PATIENCE,
        room=Room(SPOOLS, LIMIT),
        longest_body=lambda _: LIMIT,
        is_probe=lambda path: path == "/healthz",
        clock=lambda: now[0],
    )
    connection = Connection(ours, CLIENT, CLIENT, terms, is_surplus=is_surplus)
    return Ends(connection, theirs, now)


def seen(request: object, body: bytes) -> tuple[object, ...]:
    names = ("method", "path", "query", "version", "headers")
    return (*(getattr(request, name) for name in names), body)


def requests_of(ends: Ends, pieces: list[bytes]) -> list[tuple[object, ...]]:
    """All requests that the pieces are taken for."""
    found: list[tuple[object, ...]] = []
    for piece in [*pieces, None]:
        if piece is None:
            ends.client.shutdown(socket.SHUT_WR)
            step = ends.connection.receive()
        else:
            step = ends.sent(piece)
        while step is Step.REQUEST:
            connection = ends.connection
            found.append(seen(connection.request, connection.body.stream().read()))
            connection.next(5)
            step = connection.receive()
        if step is Step.REFUSAL:
            return [*found, (type(ends.connection.error),)]
    return found


def gunicorns(content: bytes) -> list[tuple[object, ...]]:
    """The same, by gunicorn, which reads until there is nothing."""
    found: list[tuple[object, ...]] = []
    parser = RequestParser(Config(), iter([content]), CLIENT)
    try:
        found.extend(seen(each, each.body.read()) for each in parser)
    except Exception as error:  # noqa: BLE001 - whatever it has to say
        found.append((type(error),))
    return found


@given(
    st.lists(st.sampled_from(REQUESTS), max_size=4),
    st.sampled_from([b"", *NO_REQUESTS]),
    st.lists(st.integers(0), max_size=8),
)
def test_requests_are_those_that_gunicorn_reads(requests, end, cuts) -> None:
    # Gunicorn's own reader ends where a request closes the connection; so does the server.
    requests = [each for each in requests if b"HTTP/1.0" not in each]
    content = b"".join(requests) + end
    edges = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    pieces = [content[a:b] for a, b in itertools.pairwise(edges)]
    ends = ends_of()
    with ends.client:
        assert requests_of(ends, pieces) == gunicorns(content)
    ends.connection.close()


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_is_whole_with_its_last_byte_and_not_before(make: Make, request_: bytes) -> None:
    ends = make()
    for byte in request_[:-1]:
        assert ends.sent(bytes([byte])) is Step.MORE
    assert ends.sent(request_[-1:]) is Step.REQUEST


def test_endless_headers_are_refused(make: Make) -> None:
    ends = make()
    ends.sent(POST)
    for _ in range(LONGEST_HEAD // 1000 + 1):
        step = ends.sent(b"X: " + b"x" * 995 + b"\r\n")
    assert step is Step.REFUSAL
    assert isinstance(ends.connection.error, LimitRequestHeaders)


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"xchunked", b"identity, chunked"])
def test_other_codings_than_chunks_are_refused(make: Make, coding: bytes) -> None:
    ends = make()
    assert ends.sent(POST + b"Transfer-Encoding: " + coding + b"\r\n\r\n") is Step.REFUSAL
    assert isinstance(ends.connection.error, UnsupportedTransferCoding)


def test_who_asks_first_is_told_to_go_on(make: Make) -> None:
    ends = make()
    head = POST + b"Content-Length: 6\r\nExpect: 100-continue\r\n\r\n"
    assert ends.sent(head) is Step.MORE
    assert ends.client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert ends.sent(b"<app/>") is Step.REQUEST


@pytest.mark.parametrize("expect", [b"Expect: 100-continue\r\n\r\n", b"\r\n<app>"])
def test_what_is_too_long_is_answered_at_once(make: Make, expect: bytes) -> None:
    ends = make()
    assert ends.sent(POST + b"Content-Length: 1000001\r\n" + expect) is Step.REQUEST
    assert ends.connection.is_quick
    assert ends.connection.request.should_close()
    ends.client.settimeout(0)
    with pytest.raises(BlockingIOError):
        ends.client.recv(1)


def test_a_body_that_breaks_off_is_an_error_for_whoever_reads_it(make: Make) -> None:
    ends = make()
    ends.sent(POST + b"Content-Length: 100\r\n\r\n<app>")
    ends.client.shutdown(socket.SHUT_WR)
    assert ends.connection.receive() is Step.REQUEST
    stream = ends.connection.body.stream()
    assert stream.read(100) == b"<app>"
    with pytest.raises(PacketError):
        stream.read(100)


def test_a_client_has_so_long_for_its_headers_and_for_each_piece_of_its_body(make: Make) -> None:
    ends = make()
    assert ends.connection.deadline == PATIENCE
    ends.now[0] = 10
    ends.sent(b"POST ")
    assert ends.connection.deadline == 10 + PATIENCE
    ends.now[0] = 20
    ends.sent((POST + b"Content-Length: 900000\r\n\r\n").removeprefix(b"POST "))
    assert ends.connection.deadline == 20 + PATIENCE
    ends.now[0] = 30
    ends.sent(b"x" * (PIECE_BYTES - 1))
    assert ends.connection.deadline == 20 + PATIENCE
    ends.sent(b"x")
    assert ends.connection.deadline == 30 + PATIENCE
    ends.connection.give_up(PacketTooSlow("too slow"))
    assert ends.connection.state is State.WORKING
    assert ends.connection.request.should_close()


def test_bytes_now_and_then_in_the_headers_do_not_give_more_time(make: Make) -> None:
    ends = make()
    ends.sent(b"POST ")
    for _ in range(50):
        ends.now[0] += 1
        ends.sent(b"x")
    assert ends.connection.deadline == PATIENCE


def test_one_too_many_is_told_so_unless_it_looks_whether_all_is_well(make: Make) -> None:
    ends = make(is_surplus=True)
    assert ends.connection.deadline == SURPLUS_SECONDS
    assert ends.sent(POST + b"Content-Length: 100\r\n\r\n") is Step.REQUEST
    with pytest.raises(ServerBusy):
        ends.connection.body.stream().read(100)
    ends = make(is_surplus=True)
    assert ends.sent(REQUESTS[0]) is Step.REQUEST
    assert ends.connection.body.stream().read() == b""


def test_a_client_that_is_refused_is_heard_out_but_not_for_ever(make: Make) -> None:
    ends = make()
    ends.sent(POST + b"Content-Length: 99999999\r\n\r\n<app>")
    ends.connection.begin_closing(2, 1000)
    assert ends.connection.state is State.CLOSING
    assert ends.client.recv(1) == b""
    heard = 0
    while True:
        ends.client.sendall(b"x" * 50_000)
        heard += 50_000
        if not ends.connection.hear_out():
            break
    assert LIMIT < heard <= 2 * LIMIT
