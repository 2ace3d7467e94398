"""Where the packet stands in a request: in the body itself, or in a form's field `data`.

DECISIONS.md, Routing; PROTOCOL.md 1.5.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
    State,
)

from packetserver.errors import PacketError
from packetserver.protocols.packet.decoding import BYTE_ORDER_MARKS, read_head

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
FIELD = "data"
NAME_AND_EQUALS = b"data="
NO_FIELD = f"The form has no field {FIELD}"
NO_FORM = "The form cannot be read: it is no complete multipart form, or too large a one"
FORM_CHARSET = "UTF-8"
OLD_CHARSET = "cp1252"
"""What headers and fields of clients are in that know of no UTF-8: that of Windows."""

BACKSLASH = re.compile(rb"""\\(["\\]?)""")
"""A backslash, and the character that it escapes, if it is one that must be escaped."""

MOST_PARTS = 1000
MOST_WAITING_BYTES = 1024 * 1024
"""How much of a multipart form may be held until its next boundary or header is complete."""


@dataclass(frozen=True, slots=True)
class PacketSource:
    """The bytes of a packet; ``form_charset`` is set when a form encoded them as text."""

    chunks: Iterator[bytes]
    form_charset: str | None = None


def find_packet(
    media_type: str, parameters: Mapping[str, str], chunks: Iterator[bytes]
) -> PacketSource:
    """The packet in a body of a Content-Type: its type in small letters, and its parameters.

    XML that goes by a form's type is taken as the XML that it is. Raises PacketError for a form
    that cannot be read or has no field `data`; so may the chunks that are returned.
    """
    if media_type not in {URLENCODED, MULTIPART}:
        return PacketSource(chunks)
    head = read_head(chunks)
    body = itertools.chain((head,), chunks)
    if _is_xml(head):
        return PacketSource(body)
    if media_type == MULTIPART:
        return _find_part(multipart_events(body, parameters.get("boundary", "")))
    return _find_field(_tokens(body), parameters.get("charset") or FORM_CHARSET)


def _is_xml(head: bytes) -> bool:
    marks = tuple(mark for mark, _, _ in BYTE_ORDER_MARKS)
    return head.lstrip(b" \t\r\n\0").startswith((b"<", *marks))


def _tokens(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A urlencoded form as pieces of its fields, and `&` between two fields."""
    for chunk in chunks:
        for number, piece in enumerate(chunk.split(b"&")):
            if number:
                yield b"&"
            yield piece


def _find_field(tokens: Iterator[bytes], charset: str) -> PacketSource:
    begun = b""
    for token in tokens:
        begun = b"" if token == b"&" else begun + token
        if begun.startswith(NAME_AND_EQUALS):
            value = itertools.chain((begun[len(NAME_AND_EQUALS) :],), tokens)
            return PacketSource(_percent_decoded(value), charset)
        begun = begun[: len(NAME_AND_EQUALS)]
    raise PacketError(NO_FIELD)


def _percent_decoded(tokens: Iterator[bytes]) -> Iterator[bytes]:
    """The value that the tokens begin with; the fields after it are read and dropped."""
    undecoded = b""
    for token in itertools.takewhile(lambda token: token != b"&", tokens):
        piece = undecoded + token
        # An escape may be cut where one piece ends and the next begins.
        cut = piece.rfind(b"%", max(len(piece) - 2, 0))
        whole, undecoded = (piece, b"") if cut < 0 else (piece[:cut], piece[cut:])
        yield unquote_to_bytes(whole.replace(b"+", b" "))
    yield unquote_to_bytes(undecoded)
    for _ in tokens:
        pass


class TolerantDecoder(MultipartDecoder):
    """Reads what the shipped clients send, too (PROTOCOL.md 13.5)."""

    def ending(self) -> Iterator[bytes | None]:
        """What must follow the last byte: their closing boundary lacks the two hyphens."""
        if self.state is State.DATA:
            yield b"--\r\n"
        elif self.state is State.PART and not self.buffer.strip():
            self.state = State.EPILOGUE
        yield None

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        # A file's name is in the charset of its sender's machine, and may be a path of Windows.
        escaped = BACKSLASH.sub(lambda found: found[0] if found[1] else rb"\\", bytes(data))
        return super()._parse_headers(form_text(escaped).encode())


def form_text(content: bytes) -> str:
    """The text of a field or header that does not say in what charset it is."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode(OLD_CHARSET, "replace")


def multipart_events(chunks: Iterable[bytes], boundary: str) -> Iterator[Event]:
    """What a multipart form consists of, to its end.

    Raises PacketError for what is no multipart form, and for one that is not complete.
    """
    if not boundary:
        raise PacketError(NO_FORM)
    decoder = TolerantDecoder(
        boundary.encode("latin-1", "replace"), MOST_WAITING_BYTES, max_parts=MOST_PARTS
    )
    try:
        for chunk in itertools.chain(chunks, decoder.ending()):
            decoder.receive_data(chunk)
            while not isinstance(event := decoder.next_event(), NeedData):
                yield event
                if isinstance(event, Epilogue):
                    return
    except (ValueError, RequestEntityTooLarge) as error:
        raise PacketError(NO_FORM) from error


def _find_part(events: Iterator[Event]) -> PacketSource:
    for event in events:
        if isinstance(event, File) and event.name == FIELD:
            return PacketSource(_part(events))
        if isinstance(event, Field) and event.name == FIELD:
            return PacketSource(_part(events), FORM_CHARSET)
    raise PacketError(NO_FIELD)


def _part(events: Iterator[Event]) -> Iterator[bytes]:
    """The data of the part that has begun; the parts after it are read and dropped."""
    yield from part_data(events)
    for _ in events:
        pass


def part_data(events: Iterator[Event]) -> Iterator[bytes]:
    """The data of the part that has begun."""
    for event in events:
        if isinstance(event, Data):
            yield event.data
            if not event.more_data:
                return
