"""Bodies that arrive in pieces: whole, refused, in memory and on disk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from gunicorn.http.body import ChunkedReader
from gunicorn.http.unreader import IterUnreader
from hypothesis import given
from hypothesis import strategies as st

from packetserver.errors import PacketTooSlow, ServerBusy, SpoolRefused
from packetserver.http.body import FIRST_BYTES, FREE_BYTES, MOST_IN_MEMORY, ArrivingBody, Room
from packetserver.protocols.front.spools import SpoolFile, Spools
from packetserver.settings import Settings

SPOOLS = Spools.of(Settings())
LIMIT = 10 * MOST_IN_MEMORY
REST = b"GET / HTTP/1.1\r\n"


@pytest.fixture
def room() -> Room:
    return Room(SPOOLS, disk=LIMIT, memory=LIMIT)


def pieces_of(content: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    edges = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    return (content[start:end] for start, end in itertools.pairwise(edges))


def fed(body: ArrivingBody, pieces: Iterator[bytes]) -> bytes:
    """What is left over after a body has been fed to its end."""
    return b"".join(piece if body.is_over else body.feed(piece) for piece in pieces)


@given(st.binary(), st.lists(st.integers(0)))
def test_a_body_is_whole_when_its_length_is_there(content: bytes, cuts: list[int]) -> None:
    body = ArrivingBody(len(content), LIMIT, Room(SPOOLS, 0, 0))
    assert fed(body, pieces_of(content + REST, cuts)) == REST
    assert (body.is_whole, body.is_refused, body.size) == (True, False, len(content))
    assert body.stream().read() == content


@given(st.lists(st.binary(min_size=1)), st.sampled_from(["", ";a=b", ' ; c="d e"']), st.data())
def test_chunks_are_what_gunicorn_reads_from_a_connection(chunks, extension, data) -> None:
    lines = [b"%X%s\r\n%s\r\n" % (len(each), extension.encode(), each) for each in chunks]
    sent = b"".join(lines) + b"0\r\n" + data.draw(st.sampled_from([b"", b"A: b\r\n"])) + b"\r\n"
    body = ArrivingBody(None, LIMIT, Room(SPOOLS, 0, 0))
    assert fed(body, pieces_of(sent + REST, data.draw(st.lists(st.integers(0))))) == REST
    request = SimpleNamespace(parse_headers=lambda *_, **__: [])
    expected = ChunkedReader(request, IterUnreader(iter([sent])))
    assert body.stream().read() == expected.read(len(sent)) == b"".join(chunks)


@pytest.mark.parametrize(
    "sent", [b"zz\r\n", b"-6\r\n", b"2\r\n<app/>\r\n", b"0\r\nHost: x\r\n\r\n"]
)
def test_what_are_no_chunks_is_an_error_for_whoever_reads_them(sent: bytes, room: Room) -> None:
    body = ArrivingBody(None, LIMIT, room)
    body.feed(b"3\r\n<a>\r\n" + sent)
    assert body.is_refused
    stream = body.stream()
    assert stream.read(100).startswith(b"<a>")
    with pytest.raises(Exception):  # noqa: B017 - gunicorn's, which the protocols translate
        stream.read(100)


@pytest.mark.parametrize("size", [FREE_BYTES, MOST_IN_MEMORY, MOST_IN_MEMORY + 1, LIMIT])
def test_a_long_body_is_on_disk_and_nothing_of_it_stays(room: Room, size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    body = ArrivingBody(size, LIMIT, room)
    for piece in pieces_of(content, range(0, size, 50_000)):
        body.feed(piece)
    assert room.on_disk == (size if size > MOST_IN_MEMORY else 0)
    assert room.in_memory == max(0, min(size, MOST_IN_MEMORY) - FREE_BYTES) or room.on_disk
    assert body.stream().read() == content
    body.close()
    assert (room.on_disk, room.in_memory) == (0, 0)


def test_a_body_goes_to_the_disk_when_others_have_the_memory() -> None:
    room = Room(SPOOLS, disk=LIMIT, memory=1000)
    content = b"x" * (FREE_BYTES + 1001)
    body = ArrivingBody(len(content), LIMIT, room)
    body.feed(content)
    assert (room.on_disk, room.in_memory) == (len(content), 0)
    assert body.stream().read() == content
    body.close()
    small = ArrivingBody(FREE_BYTES, LIMIT, Room(SPOOLS, 0, 0))
    small.feed(b"x" * FREE_BYTES)
    assert small.is_whole


def test_a_body_without_room_is_refused_at_once_and_its_beginning_is_kept() -> None:
    room = Room(SPOOLS, disk=MOST_IN_MEMORY + 1000, memory=LIMIT)
    body = ArrivingBody(LIMIT, LIMIT, room)
    while not body.is_over:
        body.feed(b"<app/>" + b"x" * 50_000)
    assert body.size < LIMIT
    stream = body.stream()
    assert stream.read(64 * 1024)[:6] == b"<app/>"
    with pytest.raises(ServerBusy):
        stream.read(64 * 1024)
    assert (room.on_disk, room.in_memory) == (0, 0)
    # Its client is heard out.
    assert body.unheard == LIMIT - body.size


def test_a_body_that_says_to_be_too_long_is_not_waited_for(room: Room) -> None:
    body = ArrivingBody(LIMIT + 1, LIMIT, room)
    assert not body.is_over
    body.feed(b"<app>" + b"x" * MOST_IN_MEMORY)
    assert body.is_refused
    assert body.stream().read(10**9)[:5] == b"<app>"
    assert (room.on_disk, room.in_memory) == (0, 0)
    assert ArrivingBody(10**30, LIMIT, room).unheard == 2 * LIMIT


def test_chunks_are_taken_until_they_are_too_many() -> None:
    body = ArrivingBody(None, 1000, Room(SPOOLS, 0, 0))
    body.feed(b"3E8\r\n" + b"x" * 1000 + b"\r\n")
    assert not body.is_over
    body.feed(b"1\r\nx\r\n")
    assert body.is_refused
    # Whoever reads it finds that out.
    assert len(body.stream().read()) == 1001


def test_whoever_reads_what_was_given_up_hears_why(room: Room) -> None:
    body = ArrivingBody(LIMIT, LIMIT, room)
    body.feed(b"x" * (FIRST_BYTES + 5))
    body.refuse(PacketTooSlow("too slow"))
    stream = body.stream()
    assert stream.read(64 * 1024) == b"x" * FIRST_BYTES
    with pytest.raises(PacketTooSlow, match="too slow"):
        stream.read(1)


def test_a_body_that_finds_no_room_among_all_spools_is_refused(tmp_path: Path) -> None:
    spools = Spools(tmp_path / "spools", 2 * MOST_IN_MEMORY)
    room = Room(spools, LIMIT, 0)
    first, second = (ArrivingBody(LIMIT, LIMIT, room) for _ in range(2))
    first.feed(b"<first/>" + b"x" * MOST_IN_MEMORY)
    second.feed(b"<second/>" + b"x" * MOST_IN_MEMORY)
    assert (first.is_refused, second.is_refused) == (False, True)
    stream = second.stream()
    assert stream.read(FIRST_BYTES).startswith(b"<second/>")
    with pytest.raises(SpoolRefused):
        stream.read(1)
    first.close()
    third = ArrivingBody(LIMIT, LIMIT, room)
    third.feed(b"<third/>" + b"x" * MOST_IN_MEMORY)
    assert not third.is_refused
    third.close()
    assert [each.name for each in (tmp_path / "spools").iterdir()] == ["usage"]


def test_small_chunks_cost_no_write_each(monkeypatch, room: Room) -> None:
    writes: list[int] = []
    write = SpoolFile.write

    def counted(file: SpoolFile, data: bytes) -> int:
        writes.append(len(data))
        return write(file, data)

    monkeypatch.setattr(SpoolFile, "write", counted)
    body = ArrivingBody(None, LIMIT, room)
    received = b"1\r\nx\r\n" * 10_000
    size = 0
    while size <= MOST_IN_MEMORY + 10_000:
        body.feed(received)
        size += 10_000
    assert room.on_disk == body.size == size == sum(writes)
    assert len(writes) <= 4
    assert body.stream().read() == b"x" * size
    body.close()
