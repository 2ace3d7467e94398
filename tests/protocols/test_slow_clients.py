"""Connections with a deadline, and the room for bodies that arrive."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from packetserver.errors import PacketTooSlow, ServerBusy
from packetserver.protocols.deadlines import Deadlines
from packetserver.protocols.slow_clients import (
    FREE_BYTES,
    PIECE_BYTES,
    SOCKET,
    Room,
    SlowClients,
)

SECONDS = 10
IN_TIME = 30
"""Seconds after which a test has failed."""


class Clock:
    """A clock that goes only when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Announced(Deadlines):
    """Deadlines that nobody watches; they say when one has been set."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._watching = True
        self.were_set = threading.Semaphore(0)

    def set(self, *args: Any) -> None:
        super().set(*args)
        self.were_set.release()

    def wait_until_set(self) -> None:
        assert self.were_set.acquire(timeout=IN_TIME)


class Stream:
    """The body of a request as gunicorn reads it: until it has what is asked for, or the end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self, size: int, /) -> bytes:
        found = b""
        while len(found) < size and (piece := self._connection.recv(size - len(found))):
            found += piece
        return found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deadlines(clock: Clock) -> Announced:
    return Announced(clock)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection: the server's, and the client's."""
    server, client = socket.socketpair()
    with server, client:
        yield server, client


def test_a_connection_is_ended_at_its_deadline_and_not_before(clock, deadlines) -> None:
    ended: list[str] = []
    deadlines.set("early", 5, lambda: ended.append("early"))
    deadlines.set("late", 6, lambda: ended.append("late"))
    for now, expected in ((4.9, []), (5.0, ["early"]), (5.9, ["early"]), (7.0, ["early", "late"])):
        clock.now = now
        deadlines.end_late()
        assert ended == expected
    assert deadlines.forget("early") is True
    assert deadlines.forget("early") is False


def test_a_deadline_that_is_forgotten_or_set_anew_does_not_end_it(clock, deadlines) -> None:
    ended: list[str] = []
    deadlines.set("done", 5, lambda: ended.append("done"))
    deadlines.set("prolonged", 5, lambda: ended.append("prolonged"))
    clock.now = 4
    assert deadlines.forget("done") is False
    deadlines.set("prolonged", 5, lambda: ended.append("prolonged"))
    clock.now = 8
    deadlines.end_late()
    assert ended == []


def test_connections_are_watched_from_the_first_one_on() -> None:
    ended = threading.Event()
    deadlines = Deadlines()
    deadlines.set("late", 0, ended.set)
    assert ended.wait(IN_TIME)


def reading(environ: dict[str, Any], _start: Any) -> Iterable[bytes]:
    """An application that reads the body, as much as it gets at a time, and answers with it."""
    found = []
    while piece := environ["wsgi.input"].read(10 * PIECE_BYTES):
        found.append(piece)
    return found


def asked(
    pool: ThreadPoolExecutor, application: SlowClients, server: socket.socket
) -> Future[list[bytes]]:
    environ = {"wsgi.input": Stream(server), SOCKET: server}
    return pool.submit(lambda: list(application(environ, lambda *_: lambda _: None)))


def test_a_client_that_falls_silent_is_cut_off(pool, line, clock, deadlines) -> None:
    server, client = line
    answer = asked(pool, SlowClients(reading, SECONDS, Room(0), deadlines), server)
    client.sendall(b"x" * PIECE_BYTES + b"and no more")
    deadlines.wait_until_set()
    deadlines.wait_until_set()
    clock.now = SECONDS
    deadlines.end_late()
    with pytest.raises(PacketTooSlow):
        answer.result(IN_TIME)
    # It can still be told so.
    server.sendall(b"408")
    assert client.recv(3) == b"408"


def test_a_client_that_trickles_is_cut_off(pool, line, clock, deadlines) -> None:
    server, client = line
    answer = asked(pool, SlowClients(reading, SECONDS, Room(0), deadlines), server)
    deadlines.wait_until_set()
    for _ in range(SECONDS):
        client.sendall(b"x")
        clock.now += 1
        deadlines.end_late()
    with pytest.raises(PacketTooSlow):
        answer.result(IN_TIME)


def test_a_client_that_sends_piece_by_piece_in_time_is_heard(pool, line, clock, deadlines) -> None:
    server, client = line
    answer = asked(pool, SlowClients(reading, SECONDS, Room(0), deadlines), server)
    for _ in range(3):
        deadlines.wait_until_set()
        clock.now += SECONDS - 1
        deadlines.end_late()
        client.sendall(b"x" * PIECE_BYTES)
    deadlines.wait_until_set()
    client.shutdown(socket.SHUT_WR)
    assert b"".join(answer.result(IN_TIME)) == b"x" * 3 * PIECE_BYTES


class Answer:
    """The pieces of an answer, which must be closed whatever happens."""

    closed = False

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        self.closed = True


def answering(
    content: Answer, deadlines: Deadlines, server: socket.socket | None
) -> Iterable[bytes]:
    environ = {"wsgi.input": io.BytesIO(), SOCKET: server}
    application = SlowClients(lambda *_: content, SECONDS, Room(0), deadlines)
    return application(environ, lambda *_: lambda _: None)


def send(server: socket.socket, pieces: Iterable[bytes]) -> None:
    """Send an answer, as gunicorn does."""
    try:
        for piece in pieces:
            server.sendall(piece)
    finally:
        pieces.close()  # type: ignore[attr-defined]


def test_a_client_that_does_not_read_is_cut_off(pool, line, clock, deadlines) -> None:
    server, _client = line
    content = Answer(b"x" * 10_000_000)
    sending = pool.submit(send, server, answering(content, deadlines, server))
    deadlines.wait_until_set()
    clock.now = SECONDS * (10_000_000 // PIECE_BYTES)
    deadlines.end_late()
    assert not sending.done()
    clock.now += SECONDS
    deadlines.end_late()
    with pytest.raises(BrokenPipeError):
        sending.result(IN_TIME)
    assert content.closed


def test_every_piece_of_an_answer_has_its_time(line, clock, deadlines) -> None:
    server, client = line
    answer = answering(Answer(b"one", b"two"), deadlines, server)
    for piece in answer:
        clock.now += SECONDS - 1
        deadlines.end_late()
        server.sendall(piece)
    answer.close()  # type: ignore[attr-defined]
    clock.now += 10 * SECONDS
    deadlines.end_late()
    assert client.recv(10) == b"onetwo"
    server.sendall(b"the next answer")


def test_an_answer_without_a_socket_is_handed_on_as_it_is(deadlines) -> None:
    content = Answer(b"one")
    assert answering(content, deadlines, None) is content


def reader_of(room: Room) -> Callable[[int], int]:
    """A function that reads a body of some bytes, and returns how much room that took."""

    def application(environ: dict[str, Any], _start: Any) -> Iterable[bytes]:
        while environ["wsgi.input"].read(PIECE_BYTES):
            pass
        taken.append(room.taken)
        return []

    taken: list[int] = []
    clients = SlowClients(application, SECONDS, room)

    def read(size: int) -> int:
        clients({"wsgi.input": io.BytesIO(b"x" * size)}, lambda *_: lambda _: None)
        return taken[-1]

    return read


def test_a_small_body_takes_no_room() -> None:
    assert reader_of(Room(0))(FREE_BYTES) == 0


def test_a_long_body_takes_room_until_it_is_answered() -> None:
    room = Room(1000)
    assert reader_of(room)(FREE_BYTES + 1000) == 1000
    assert room.taken == 0


def test_a_body_without_room_is_refused_and_what_it_took_is_free_again() -> None:
    room = Room(1_000_000)
    room.take(900_000)
    read = reader_of(room)
    with pytest.raises(ServerBusy):
        read(FREE_BYTES + 100_001)
    assert room.taken == 900_000
    assert read(FREE_BYTES + 100_000) == 1_000_000


def test_what_follows_in_a_refused_body_is_read_and_takes_no_room() -> None:
    """Otherwise the client could not send it to its end, and would not read why it was refused."""
    room, rest = Room(1000), []

    def application(environ: dict[str, Any], _start: Any) -> Iterable[bytes]:
        with pytest.raises(ServerBusy):
            environ["wsgi.input"].read(FREE_BYTES + 1001)
        rest.append(len(environ["wsgi.input"].read()))
        assert room.taken == 0
        return []

    body = io.BytesIO(b"x" * (FREE_BYTES + 1001 + 500_000))
    SlowClients(application, SECONDS, room)({"wsgi.input": body}, lambda *_: lambda _: None)
    assert rest == [500_000]


def test_all_of_a_body_can_be_read_at_once() -> None:
    found = []

    def application(environ: dict[str, Any], _start: Any) -> Iterable[bytes]:
        found.append(environ["wsgi.input"].read())
        return []

    environ = {"wsgi.input": io.BytesIO(b"x" * 200_000)}
    SlowClients(application, SECONDS, Room(0))(environ, lambda *_: lambda _: None)
    assert found == [b"x" * 200_000]
