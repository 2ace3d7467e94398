"""The parameters of a call, in all the ways in which clients have written them.

PHP takes what it can read of a query string or form and never complains; so do we. Beyond PHP, bytes
that are no UTF-8 are those of Windows-1252, and %uXXXX is a character: JavaScript's escape() writes
both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from werkzeug.sansio.multipart import Field, File

from packetserver.protocols.front.bodies import ArrivedBody, Incoming
from packetserver.protocols.front.forms import MULTIPART, form_text, multipart_events, part_data
from packetserver.protocols.front.requests import Request
from packetserver.store.files import ReceivedFile

JSON = "application/json"
PLAIN_FORMS = frozenset({"application/x-www-form-urlencoded", "text/plain", ""})

ESCAPED = re.compile(rb"%u([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})")
"""A % before anything else is a %."""

SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of a multipart form; its bytes are there for as long as the request takes."""

    filename: str
    content_type: str
    received: ReceivedFile


@dataclass(slots=True)
class Parameters:
    """What a call was given: texts, and files, by name; of two of a name the last one counts."""

    texts: dict[str, str] = field(default_factory=dict, repr=False)
    files: dict[str, SentFile] = field(default_factory=dict, repr=False)
    is_json: bool = False
    """Whether there was a body of JSON, which nobody reads."""

    def text(self, name: str) -> str:
        """A text; empty where there is none. As in PHP, 0 is as good as none."""
        found = self.texts.get(name, "")
        return "" if found == "0" else found


def read_parameters(
    asked: Request, body: ArrivedBody | None, incoming: Incoming, kept: ExitStack
) -> Parameters:
    """The parameters of a request, those of its body before those of its address.

    Files are ``kept`` until that is closed. Raises PacketError for a multipart form that cannot be
    read, and what Incoming.received raises.
    """
    found = Parameters(dict(_pairs([asked.query_string])))
    if body is None:
        return found
    if asked.mimetype == MULTIPART:
        boundary = asked.mimetype_params.get("boundary", "")
        _read_parts(body.chunks(), boundary, incoming, kept, found)
    elif asked.mimetype in PLAIN_FORMS:
        found.texts.update(_pairs(body.chunks()))
    else:
        found.is_json = asked.mimetype == JSON and body.size > 0
    return found


def _pairs(chunks: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """The pairs of a query string or form: they end at & alone, since queries hold semicolons."""
    waiting = bytearray()
    for chunk in chunks:
        begun, *more = chunk.split(b"&")
        waiting += begun
        for each in more:
            yield from _pair(bytes(waiting))
            waiting = bytearray(each)
    yield from _pair(bytes(waiting))


def _pair(content: bytes) -> Iterator[tuple[str, str]]:
    name, _, value = content.partition(b"=")
    if name:
        yield unescaped(name), unescaped(value)


def unescaped(content: bytes) -> str:
    """A name or a value of a query string or form."""
    content = content.replace(b"+", b" ")
    if b"%" not in content:
        return form_text(content)
    pieces: list[bytes | str] = []
    position = 0
    for found in ESCAPED.finditer(content):
        pieces.append(content[position : found.start()])
        wide, byte = found.groups()
        pieces.append(chr(int(wide, 16)) if wide else bytes((int(byte, 16),)))
        position = found.end()
    pieces.append(content[position:])
    return _joined(pieces)


def _joined(pieces: Iterable[bytes | str]) -> str:
    """Bytes and characters as one text: the bytes between two characters are decoded together."""
    texts: list[str] = []
    run = bytearray()
    for piece in pieces:
        if isinstance(piece, bytes):
            run += piece
        else:
            texts += (form_text(bytes(run)), piece)
            run.clear()
    text = "".join((*texts, form_text(bytes(run))))
    if SURROGATES.search(text):
        # JavaScript writes a character beyond U+FFFF as two; half of one is none.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _read_parts(
    chunks: Iterator[bytes],
    boundary: str,
    incoming: Incoming,
    kept: ExitStack,
    found: Parameters,
) -> None:
    receive: Callable[[Iterator[bytes]], ReceivedFile] = lambda data: kept.enter_context(  # noqa: E731
        incoming.received(data)
    )
    events = multipart_events(chunks, boundary)
    for event in events:
        if isinstance(event, File):
            kind = event.headers.get("Content-Type", "")
            found.files[event.name] = SentFile(event.filename, kind, receive(part_data(events)))
        elif isinstance(event, Field):
            found.texts[event.name] = form_text(b"".join(part_data(events)))
