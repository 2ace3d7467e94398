"""The head of a request while it arrives, and what gunicorn's parser makes of it."""

from __future__ import annotations

from typing import Any

from gunicorn.http.errors import (  # type: ignore[import-untyped]
    LimitRequestHeaders,
    UnsupportedTransferCoding,
)
from gunicorn.http.message import Request  # type: ignore[import-untyped]
from gunicorn.http.unreader import Unreader  # type: ignore[import-untyped]

LONGEST_HEAD = 32 * 1024
"""The most that all headers together may have: they are in memory for as long as they take."""

HEAD_END = b"\r\n\r\n"


class Incomplete(Exception):
    """The head of the request is not there to its end."""


class HeldBytes(Unreader):  # type: ignore[misc]
    """What gunicorn's parser reads from: bytes that are there. It raises Incomplete after them."""

    def __init__(self, data: bytes, *, is_ended: bool) -> None:
        super().__init__()
        self._data = data
        self._is_ended = is_ended

    def chunk(self, size_hint: int | None = None) -> bytes:  # noqa: ARG002 - gunicorn's signature
        """All of them, once."""
        data, self._data = self._data, b""
        if not (data or self._is_ended):
            raise Incomplete
        return data

    def rest(self) -> bytes:
        """What the parser has left."""
        left: bytes = self.take_buffered()
        return left + self._data


class Arrived:
    """Bytes of a connection that nobody has taken yet."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.is_ended = False
        """Whether the client has sent its last byte."""
        self._looked = 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self.content)

    @property
    def path(self) -> str:
        """The path of the request that begins here, as far as its line shows one."""
        target = bytes(self.content[:LONGEST_HEAD]).partition(b" ")[2]
        bare = target.partition(b"?")[0].split(maxsplit=1)
        return bare[0].decode("latin-1") if bare and not target[:1].isspace() else ""

    def add(self, data: bytes) -> None:
        """Bytes have arrived; none, when these were the last."""
        self.is_ended = not data
        self.content += data

    def take(self) -> bytes:
        """All of them."""
        content, self.content = bytes(self.content), bytearray()
        return content

    def take_request(self, configuration: Any, client: Any) -> Any:
        """Gunicorn's request, once its head is there; its body is left.

        Raises Incomplete before that, NoMoreData or StopIteration when it never will be there, and
        gunicorn's other errors for what is no request.
        """
        if not (self.is_ended or self._is_worth_reading()):
            raise Incomplete
        held = HeldBytes(bytes(self.content), is_ended=self.is_ended)
        try:
            request = Request(configuration, held, client)
        except Incomplete:
            if len(self.content) > LONGEST_HEAD:
                raise LimitRequestHeaders("max buffer headers") from None
            raise
        for name, value in request.headers:
            # Of the codings that a body can be sent in, chunks alone are understood here.
            if name == "TRANSFER-ENCODING" and value.strip().lower() != "chunked":
                raise UnsupportedTransferCoding(value)
        self.content = bytearray(held.rest())
        self._looked = 0
        return request

    def _is_worth_reading(self) -> bool:
        """Whether there is an end of the headers, or what can be none: it is parsed but then."""
        content, looked = self.content, self._looked
        self._looked = len(content)
        if len(content) > LONGEST_HEAD or content.find(HEAD_END, max(0, looked - 3)) >= 0:
            return True
        line = content.find(b"\n", looked)
        while line >= 0:
            if line == 0 or content[line - 1] != ord("\r"):
                return True
            line = content.find(b"\n", line + 1)
        return False
