"""Answers to clients that do not read: kept within bounds, and sent when they do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from packetserver.errors import ServerBusy
from packetserver.http.body import Room
from packetserver.http.outgoing import Outgoing
from packetserver.protocols.front.spools import Spools
from packetserver.settings import Settings

SPOOLS = Spools.of(Settings())
LONG = bytes(number % 251 for number in range(8_000_000))


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection: the server's, and the client's."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    theirs.settimeout(60)
    with ours, theirs:
        yield ours, theirs


def read(theirs: socket.socket, size: int) -> threading.Thread:
    """A client that reads so much at last."""

    def reading() -> None:
        while len(found) < size:
            found.extend(theirs.recv(64 * 1024))

    found = bytearray()
    thread = threading.Thread(target=reading)
    thread.found = found  # type: ignore[attr-defined]
    thread.start()
    return thread


@pytest.mark.parametrize(("memory", "disk"), [(len(LONG), 0), (0, len(LONG))])
def test_what_a_client_does_not_take_is_kept_and_sent_later(line, memory: int, disk: int) -> None:
    room = Room(SPOOLS, disk, memory)
    ours, theirs = line
    outgoing = Outgoing(ours, room)
    outgoing.sendall(b"head")
    outgoing.sendall(LONG)
    assert not outgoing.flush()
    outgoing.hold()
    assert (room.in_memory > 0, room.on_disk > 0) == (memory > 0, disk > 0)
    outgoing.sendall(b"more")
    assert not outgoing.flush()
    reader = read(theirs, len(LONG) + 8)
    while not outgoing.flush():
        reader.join(0.001)
    reader.join()
    assert bytes(reader.found) == b"head" + LONG + b"more"  # type: ignore[attr-defined]
    assert (room.in_memory, room.on_disk) == (0, 0)


def test_without_room_it_is_not_kept(line) -> None:
    outgoing = Outgoing(line[0], Room(SPOOLS, 0, 0))
    outgoing.sendall(LONG)
    assert not outgoing.flush()
    with pytest.raises(ServerBusy):
        outgoing.hold()


def test_what_is_kept_for_a_client_that_goes_is_given_free(line) -> None:
    for room in (Room(SPOOLS, 0, len(LONG)), Room(SPOOLS, len(LONG), 0)):
        outgoing = Outgoing(line[0], room)
        outgoing.sendall(LONG)
        assert not outgoing.flush()
        outgoing.hold()
        outgoing.close()
        assert (room.in_memory, room.on_disk) == (0, 0)


def test_a_small_answer_waits_without_being_counted(line) -> None:
    ours, _ = line
    outgoing = Outgoing(ours, Room(SPOOLS, 0, 0))
    while outgoing.flush():
        outgoing.sendall(b"x" * 10_000)
    outgoing.hold()
