"""`packetserver serve` in a process of its own, and packets for it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO
from urllib.parse import urlsplit

from defusedxml.ElementTree import fromstring

COMMAND = "from packetserver.cli import main; main(prog_name='packetserver')"
PATH = "/ProcessPacket.do"
IN_TIME = 60
"""Seconds after which a test has failed."""

AUTHENTICATION = (
    "<authentication><systemId>4</systemId><username>admin</username>"
    "<code>21232f297a57a5a743894a0e4a801fc3</code><encoding>UTF-8</encoding></authentication>"
)


@dataclass
class Served:
    """A server that runs: its address, its process, and what it has logged."""

    host: str
    port: int
    process: subprocess.Popen[str]
    log: IO[bytes]

    def connect(self) -> socket.socket:
        """A new connection."""
        return socket.create_connection((self.host, self.port), IN_TIME)

    def post(self, packet: bytes) -> tuple[int, ET.Element]:
        """Post a packet on a connection of its own; the status, and the document of the answer."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=IN_TIME)
        try:
            connection.request("POST", PATH, packet)
            return read(connection.getresponse())
        finally:
            connection.close()

    def stop(self) -> int:
        """Stop the server as an operator would; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(IN_TIME)

    def logged(self) -> str:
        """All that the server has logged so far."""
        # Not by reading on: the server writes where this file object stands.
        size = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), size, 0).decode(errors="replace")


@contextmanager
def served(
    database_url: str, *options: str, before: Sequence[str] = (), **settings: str
) -> Iterator[Served]:
    """A server on a database; ``settings`` are further ones, in the texts of the environment.

    ``before`` are statements of Python that its process runs before it starts.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PACKETSERVER_")}
    for name, text in {"database_url": database_url, **settings}.items():
        environment[f"PACKETSERVER_{name.upper()}"] = text
    program = "\n".join((*before, COMMAND))
    command = [sys.executable, "-c", program, "serve", "--bind", "127.0.0.1:0", *options]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        assert process.stdout is not None
        with process, process.stdout:
            try:
                address = urlsplit(process.stdout.readline().split()[-1])
                yield Served(address.hostname or "", address.port or 0, process, log)
            finally:
                process.terminate()
                try:
                    process.wait(IN_TIME)
                finally:
                    process.kill()


def packet(*transactions: str) -> bytes:
    """A packet of transactions, each of them the text of what it holds."""
    numbered = (
        f'<transaction id="{number}">{each}</transaction>'
        for number, each in enumerate(transactions, 1)
    )
    return f"<app>{AUTHENTICATION}{''.join(numbered)}</app>".encode()


def account(name: str) -> str:
    """What a transaction holds that inserts an account."""
    return (
        "<meta><property>id</property></meta>"
        f'<account action="insert"><name>{name}</name></account>'
    )


def read(response: http.client.HTTPResponse) -> tuple[int, ET.Element]:
    """The status of an answer, and its document."""
    return response.status, fromstring(response.read())


def answer_on(connection: socket.socket) -> tuple[int, ET.Element]:
    """What comes as an answer on a connection of which the request is sent by hand."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    return read(response)


def head(length: int) -> bytes:
    """The headers of a packet of so many bytes."""
    return f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()


def is_open(connection: socket.socket) -> bool:
    """Whether the other side has neither closed the connection nor sent anything."""
    connection.settimeout(0)
    try:
        connection.recv(1)
    except BlockingIOError:
        return True
    finally:
        connection.settimeout(IN_TIME)
    return False
