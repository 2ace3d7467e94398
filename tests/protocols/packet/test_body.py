"""The limit of the body, and bodies that do not end as announced."""

from __future__ import annotations

import errno
import io
import tempfile
from typing import IO

import pytest
from flask.testing import FlaskClient
from protocols.packet.exchanges import (
    UTF_8_PACKET,
    EchoEngine,
    client_of,
    error_of,
    name_in,
    send,
)

from packetserver.errors import PacketTooSlow
from packetserver.protocols.front.bodies import MOST_IN_MEMORY


class Counted(io.BytesIO):
    """A body that counts how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece


def padded(size: int) -> bytes:
    return UTF_8_PACKET + b" " * (size - len(UTF_8_PACKET))


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_may_be_as_long_as_the_limit(engine: EchoEngine, announced) -> None:
    client = client_of(engine, max_body_bytes=100_000)
    length = 100_000 if announced else None
    assert name_in(send(client, io.BytesIO(padded(100_000)), length)) == "Zoë & Łódź"


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("body", [padded(100_001), b"<app>" + b"x" * 99_996, b"no XML" * 20_000])
def test_a_longer_body_is_refused(engine: EchoEngine, announced, body: bytes) -> None:
    client = client_of(engine, max_body_bytes=100_000)
    stream = Counted(body)
    response = send(client, stream, len(body) if announced else None)
    assert error_of(response, 413) == (
        "Error: The packet is longer than the 100000 bytes that this server takes"
    )
    assert stream.taken == len(body)
    assert not engine.calls


def test_a_body_announced_as_too_long_is_refused_in_its_encoding(engine: EchoEngine) -> None:
    client = client_of(engine, max_body_bytes=1000)
    response = send(client, io.BytesIO(padded(2000)), 2000)
    assert error_of(response, 413)
    assert response.mimetype_params["charset"] == "UTF-8"


@pytest.mark.parametrize("announced", [True, False])
def test_an_endless_body_is_left_unread(engine: EchoEngine, announced) -> None:
    client = client_of(engine, max_body_bytes=100_000)
    stream = Counted(padded(10_000_000))
    assert error_of(send(client, stream, 10_000_000 if announced else None), 413)
    assert 100_000 < stream.taken < 300_000


def test_a_refused_body_is_still_taken_so_that_the_answer_is_read(client, engine) -> None:
    stream = Counted(b"<app></x>" + b" " * 1_000_000)
    assert "its own end tag" in error_of(send(client, stream, len(stream.getvalue())))
    assert stream.taken == 1_000_009


def test_a_body_that_breaks_off_is_refused(client: FlaskClient, engine: EchoEngine) -> None:
    response = send(client, io.BytesIO(UTF_8_PACKET), len(UTF_8_PACKET) + 1)
    assert error_of(response) == "Error: The body of the request cannot be read to its end"
    assert not engine.calls


class Broken(io.BytesIO):
    """A body that the web server gives up, with an error of its own."""

    def read(self, _size: int | None = -1, /) -> bytes:
        raise ArithmeticError("invalid chunk size")


def test_a_body_that_the_web_server_gives_up_is_refused(client: FlaskClient) -> None:
    text = error_of(send(client, Broken(), None))
    assert text == "Error: The body of the request cannot be read to its end"


def test_a_long_body_is_kept_on_disk_until_it_is_there(
    engine: EchoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = []

    def temporary_file(**options: object) -> IO[bytes]:
        files.append(make(**options))
        return files[-1]

    make = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", temporary_file)
    client = client_of(engine)
    assert name_in(send(client, io.BytesIO(padded(MOST_IN_MEMORY)), MOST_IN_MEMORY))
    assert files == []
    assert name_in(send(client, io.BytesIO(padded(1_000_000)), 1_000_000)) == "Zoë & Łódź"
    assert error_of(send(client, io.BytesIO(padded(1_000_000)), 1_000_001))
    assert [each.closed for each in files] == [True, True]


class FullDisk(io.BytesIO):
    """A file on a disk that takes no more."""

    def __init__(self, **_options: object) -> None:
        super().__init__()

    def write(self, _content: object, /) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_body_that_the_disk_does_not_take_is_to_come_again_later(
    engine: EchoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", FullDisk)
    stream = Counted(padded(1_000_000))
    response = send(client_of(engine), stream, 1_000_000)
    assert "Please send the packet again later." in error_of(response, 503)
    assert response.headers["Retry-After"]
    assert response.mimetype_params["charset"] == "UTF-8"
    assert stream.taken == 1_000_000
    assert not engine.calls


class Slow(io.BytesIO):
    """A body that the server does not want to wait for."""

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        if not piece:
            raise PacketTooSlow("The packet arrives too slowly")
        return piece


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_comes_too_slowly_is_refused_in_its_encoding(client, announced) -> None:
    length = len(UTF_8_PACKET) + 1 if announced else None
    response = send(client, Slow(UTF_8_PACKET), length)
    assert error_of(response, 408) == "Error: The packet arrives too slowly"
    assert response.mimetype_params["charset"] == "UTF-8"
