"""Multipart forms, as programs of all ages send them: fields, and a file that is kept as it comes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

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

from packetserver.errors import PacketError, PacketServerError
from packetserver.protocols.front.bodies import Incoming, RequestBody
from packetserver.protocols.front.requests import Request
from packetserver.store.files import ReceivedFile

MULTIPART = "multipart/form-data"
NO_FORM = "The form cannot be read: it is no complete multipart form, or too large a one"
OLD_CHARSET = "cp1252"
"""What headers and fields of clients are in that know of no UTF-8: that of Windows."""

BACKSLASH = re.compile(rb"""\\(["\\]?)""")
"""A backslash, and the character that it escapes, if it is one that must be escaped."""

END_OF_HEADERS = re.compile(rb"\r\n\r\n|\r\r|\n\n")

MOST_PARTS = 1000
MOST_WAITING_BYTES = 1024 * 1024
"""How much of a multipart form may be held until its next boundary or header is complete."""

MOST_FIELD_BYTES = 1024 * 1024
"""How much a form may hold beside its file."""


@dataclass(slots=True)
class Form:
    """What a form holds: its fields, and its file once that has arrived."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str = ""
    received: ReceivedFile | None = None


@contextmanager
def received_form(asked: Request, incoming: Incoming, name: str) -> Iterator[Form]:
    """The form of a request, read to its end; its file of this name is there until the block ends.

    Raises what `read_form` and `Incoming.received` raise; a refused form is read to its end, or
    nearly so, that its client gets to read why.
    """
    body = RequestBody.of(asked, incoming.library.largest + MOST_FIELD_BYTES)
    with ExitStack() as kept:
        try:
            if asked.mimetype != MULTIPART:
                raise PacketError(NO_FORM)
            events = multipart_events(body.chunks(), asked.mimetype_params.get("boundary", ""))
            form = read_form(
                events, lambda chunks: kept.enter_context(incoming.received(chunks)), name
            )
        except PacketServerError:
            body.drain()
            raise
        yield form


def read_form(
    events: Iterator[Event],
    receive: Callable[[Iterator[bytes]], ReceivedFile],
    name: str,
) -> Form:
    """Read a form to its end; of two fields, or files, of a name the first counts.

    ``receive`` takes the bytes of the file while they come. Raises PacketError for a form that
    cannot be read or has too much beside its file, and what ``receive`` raises.
    """
    form, room = Form(), MOST_FIELD_BYTES
    for event in events:
        if isinstance(event, File) and event.name == name and form.received is None:
            form.filename = event.filename
            form.received = receive(part_data(events))
        elif isinstance(event, Field | File):
            content = _limited(part_data(events), room)
            room -= len(content)
            if isinstance(event, Field):
                form.fields.setdefault(event.name, form_text(content))
    return form


def _limited(chunks: Iterator[bytes], room: int) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > room:
            raise PacketError(f"The form has more than {MOST_FIELD_BYTES} bytes beside its file")
    return bytes(content)


class TolerantDecoder(MultipartDecoder):
    """Reads what the shipped clients send, too (PROTOCOL.md 13.5)."""

    def ending(self) -> Iterator[bytes | None]:
        """What must follow the last byte: their closing boundary lacks the two hyphens."""
        if self.state is State.DATA:
            yield b"--\r\n"
        elif self.state is State.PART and not self.buffer.strip():
            self.state = State.EPILOGUE
        yield None

    def next_event(self) -> Event:
        """What comes next; the headers of a part are made plain as soon as they are there."""
        if self.state is State.PART and (end := END_OF_HEADERS.search(self.buffer)):
            # A file's name is in the charset of its sender's machine, and may be a path of Windows.
            sent = bytes(self.buffer[: end.start()])
            escaped = BACKSLASH.sub(lambda found: found[0] if found[1] else rb"\\", sent)
            self.buffer[: end.start()] = form_text(escaped).encode()
        return super().next_event()


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


def part_data(events: Iterator[Event]) -> Iterator[bytes]:
    """The data of the part that has begun."""
    for event in events:
        if isinstance(event, Data):
            yield event.data
            if not event.more_data:
                return
