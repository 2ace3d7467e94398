"""Answers as they are sent: the last one on a connection says so."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

from packetserver.http.answer import Answer
from packetserver.http.body import Room
from packetserver.http.connection import Connection, Terms
from packetserver.http.states import Step
from packetserver.protocols.front.spools import Spools
from packetserver.settings import Settings

ADDRESS = ("127.0.0.1", 12345)


def worker_of(application: Callable[..., Iterable[bytes]]) -> Any:
    """What an answer has to do with of a worker; it is alive."""
    worker = SimpleNamespace(
        alive=True,
        cfg=Config(),
        log=SimpleNamespace(access=lambda *_: None),
        wsgi=application,
    )
    worker.is_last = lambda _: not worker.alive
    return worker


def answered(worker: Any) -> bytes:
    """What a client reads that asks for something."""
    ours, theirs = socket.socketpair()
    with theirs:
        ours.settimeout(0)
        room = Room(Spools.of(Settings()), 0)
        terms = Terms(worker.cfg, 60, room, lambda _: 0, lambda _: False, lambda: 0.0)
        connection = Connection(ours, ADDRESS, ADDRESS, terms)
        theirs.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.receive() is Step.REQUEST
        connection.answer = Answer(worker, connection)
        assert connection.answer.go_on()
        is_last = connection.answer.closes
        received = theirs.recv(10_000)
        connection.close()
    assert is_last == (b"\r\nConnection: close\r\n" in received)
    return received


@pytest.mark.parametrize("is_stopped", [False, True])
def test_who_is_answered_while_the_server_is_stopped_learns_that_it_is_the_end(
    is_stopped: bool,  # noqa: FBT001
) -> None:
    def application(_: Any, start_response: Any) -> Iterable[bytes]:
        worker.alive = not is_stopped
        start_response("200 OK", [("Content-Length", "3")])
        return [b"ok\n"]

    worker = worker_of(application)
    expected = b"close" if is_stopped else b"keep-alive"
    assert b"\r\nConnection: " + expected + b"\r\n" in answered(worker)
