"""Where the packet stands in a request: in the body itself, or in a form's field `data`.

DECISIONS.md, Routing; PROTOCOL.md 1.5.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from werkzeug.sansio.multipart import Event, Field, File

from packetserver.errors import PacketError
from packetserver.protocols.front.forms import MULTIPART, multipart_events, part_data
from packetserver.protocols.packet.decoding import BYTE_ORDER_MARKS, read_head

URLENCODED = "application/x-www-form-urlencoded"
FIELD = "data"
NAME_AND_EQUALS = b"data="
NO_FIELD = f"The form has no field {FIELD}"
FORM_CHARSET = "UTF-8"


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
