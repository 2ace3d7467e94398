"""A client that costs little: it keeps connections busy and checks every answer."""

from __future__ import annotations

import itertools
import selectors
import socket
import time

from packets import HOST, NUMBER

NUMBERS = itertools.count(1_000_000_000)
"""Numbers of new records, one a packet."""

PIECE = 256 * 1024
TIMEOUT_SECONDS = 600
OK, FAILED = b"<status>0</status>", b"<status>1</status>"


class Refused(Exception):
    """The server answered something else than success: there is nothing to measure."""


class Exchange:
    """One connection: it sends a packet, takes the answer, and counts."""

    def __init__(self, port: int, packet: bytes, *, records: int | None = None) -> None:
        """``records`` is how many the answer must have, where that matters."""
        self.socket = socket.create_connection((HOST, port), timeout=TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._packet = packet
        self._expected = OK if records is None else f'<recordSet count="{records}"'.encode()
        self._head = b""
        self._missing = 0

    def send(self) -> None:
        """Send the packet, with a number of its own where it wants one."""
        body = self._packet.replace(NUMBER, str(next(NUMBERS)).encode())
        head = f"POST /ProcessPacket.do HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: text/xml\r\n"
        self.socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self._head, self._missing = b"", -1

    def take(self) -> bool:
        """Take what has arrived; whether the answer is complete now."""
        piece = self.socket.recv(PIECE)
        if not piece:
            raise Refused("the server closed the connection")
        if self._missing >= 0:
            self._missing -= len(piece)
        else:
            self._head += piece
            self._begin()
        return self._missing == 0

    def _begin(self) -> None:
        head, found, body = self._head.partition(b"\r\n\r\n")
        if not found or (len(body) < 400 and b"</aspcfs>" not in body):
            return
        if self._expected not in body or FAILED in body:
            raise Refused(body[:600].decode("ascii", "replace"))
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        self._missing = int(length) - len(body)


def rate(port: int, packet: bytes, connections: int, seconds: float) -> float:
    """Packets a second over some connections, each of which sends one after the other."""
    with selectors.DefaultSelector() as selector:
        exchanges = [Exchange(port, packet) for _ in range(connections)]
        for each in exchanges:
            selector.register(each.socket, selectors.EVENT_READ, each)
            each.send()
        begun = time.perf_counter()
        done = _drive(selector, begun + seconds, connections)
        for each in exchanges:
            each.socket.close()
    return done[0] / (done[1] - begun)


def _drive(selector: selectors.BaseSelector, until: float, waiting: int) -> tuple[int, float]:
    """Keep every connection busy until a time; how many answers came by then, and when."""
    count, last = 0, until
    while waiting:
        for key, _ in selector.select():
            if not key.data.take():
                continue
            now = time.perf_counter()
            if now < until:
                key.data.send()
            else:
                waiting -= 1
            # One answer counts whatever it took.
            if now < until or not count:
                count, last = count + 1, max(now, until)
    return count, last


def once(port: int, packet: bytes, records: int | None = None) -> float:
    """One packet on a connection of its own; packets a second."""
    exchange = Exchange(port, packet, records=records)
    begun = time.perf_counter()
    exchange.send()
    while not exchange.take():
        pass
    exchange.socket.close()
    return 1 / (time.perf_counter() - begun)
