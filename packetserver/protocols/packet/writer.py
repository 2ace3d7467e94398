"""From records and responses to the bytes of a document (PROTOCOL.md 4.7).

Records are written to a spool while they come from the database, because their count and the
status stand before them; the document is put together from the spool once all is committed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from packetserver.protocols.packet.charsets import OutputEncoding
from packetserver.protocols.packet.packet import RecordSet, Response

CHUNK_BYTES = 64 * 1024

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot carry, not even as references."""
SPECIAL = re.compile(f"[&<>\r]|{FORBIDDEN.pattern}")
REPLACEMENT = "\ufffd"


def escape(text: str) -> str:
    """The text as an element's content, which every parser reads back as it was.

    A carriage return is a reference, or parsers would make a line feed of it; what XML cannot
    carry becomes U+FFFD.
    """
    if is_plain(text):
        return text
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return FORBIDDEN.sub(REPLACEMENT, escaped.replace("\r", "&#13;"))


def is_plain(text: str) -> bool:
    """Whether a text is its own content; for most texts the quick look tells."""
    return (
        text.isprintable() and "&" not in text and "<" not in text and ">" not in text
    ) or not SPECIAL.search(text)


def escape_attribute(text: str) -> str:
    """The text as an attribute's value between double quotes."""
    return escape(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")


class Records(Protocol):
    """The records that an answer is made of, as bytes."""

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Those between two positions, in pieces."""


def document(
    responses: Sequence[Response], spool: Records, encoding: OutputEncoding
) -> tuple[int, Iterator[bytes]]:
    """The whole answer: its length in bytes, and its pieces."""
    pieces: list[bytes | RecordSet] = [_opening(encoding)]
    for response in responses:
        records = None if response.status else response.records
        pieces.append(encoding.encode(_head(response, records)))
        if records is not None and records.end > records.start:
            pieces += (records, encoding.encode("</recordSet>"))
        pieces.append(encoding.encode("</response>"))
    pieces.append(encoding.encode("</aspcfs>\n"))
    return sum(map(_length, pieces)), _gathered(_stream(pieces, spool))


def fault_document(text: str, encoding: OutputEncoding) -> bytes:
    """The answer to a packet that is refused as a whole (PROTOCOL.md 2.6)."""
    response = f"{_head(Response(None, (text,)), None)}</response></aspcfs>\n"
    return _opening(encoding) + encoding.encode(response)


def _opening(encoding: OutputEncoding) -> bytes:
    declaration = f'<?xml version="1.0" encoding="{encoding.name}"?><aspcfs>'
    return encoding.mark + encoding.encode(declaration)


def _head(response: Response, records: RecordSet | None) -> str:
    number = "" if response.id is None else f' id="{response.id}"'
    error_text = _element("errorText", "\n".join(response.errors))
    opened = f"<response{number}><status>{response.status}</status>{error_text}"
    return opened if records is None else opened + _record_set(records)


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else f"<{name}/>"


def _record_set(records: RecordSet) -> str:
    """The start tag of a record set, or all of it when it is empty."""
    total = "" if records.total is None else f' total="{records.total}"'
    name = escape_attribute(records.name)
    end = ">" if records.end > records.start else "/>"
    return f'<recordSet count="{records.count}" name="{name}"{total}{end}'


def _length(piece: bytes | RecordSet) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.end - piece.start


def _stream(pieces: Sequence[bytes | RecordSet], spool: Records) -> Iterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
        else:
            yield from spool.read(piece.start, piece.end)


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces, as each is a call of the operating system."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)
