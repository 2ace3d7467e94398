"""The bytes of a request, counted while they are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from packetserver.errors import PacketError, PacketTooLarge

CHUNK_BYTES = 64 * 1024
BROKEN_OFF = "The body of the request cannot be read to its end"


class Readable(Protocol):
    """What a web server gives an application to read the body from."""

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end."""


class RequestBody:
    """A body that is read once, in pieces, up to ``limit`` bytes.

    ``declared`` is the Content-Length, None for a chunked body.
    """

    def __init__(self, stream: Readable, declared: int | None, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._declared = declared or 0
        self._taken = 0

    @property
    def is_too_large(self) -> bool:
        """Whether more than the limit was announced or has arrived."""
        return max(self._declared, self._taken) > self._limit

    def chunks(self) -> Iterator[bytes]:
        """The pieces of the body.

        Raises PacketTooLarge when it is longer than the limit, but not before the first piece,
        which says in what encoding to answer; PacketError when it ends too early.
        """
        while chunk := self._take():
            yield chunk
            if self.is_too_large:
                raise self.refusal()
        if self._taken < self._declared:
            raise PacketError(BROKEN_OFF)

    def refusal(self) -> PacketTooLarge:
        """The error of a body that is too large."""
        return PacketTooLarge(
            f"The packet is longer than the {self._limit} bytes that this server takes"
        )

    def drain(self) -> None:
        """Read what a refused client still sends, so that it gets to read the answer.

        A client that sends yet more than the limit once more is left to itself.
        """
        most = 2 * max(self._limit, CHUNK_BYTES)
        try:
            while self._taken < most and self._take():
                pass
        except PacketError:
            return

    def _take(self) -> bytes:
        try:
            chunk = self._stream.read(CHUNK_BYTES)
        # Every web server has its own errors for a body that breaks off or is badly chunked.
        except Exception as error:
            raise PacketError(BROKEN_OFF) from error
        self._taken += len(chunk)
        return chunk
