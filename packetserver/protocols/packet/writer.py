"""From records and responses to the bytes of a document (PROTOCOL.md 4.7).

Records are written to a spool while they come from the database, because their count and the
status stand before them; the document is put together from the spool once all is committed.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from xml.parsers import expat

from packetserver.engine.answers import RecordSet, Response
from packetserver.errors import SpoolRefused, TransactionFailure
from packetserver.protocols.packet.charsets import OutputEncoding

CHUNK_BYTES = 64 * 1024

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot carry, not even as references."""
SPECIAL = re.compile(f"[&<>\r]|{FORBIDDEN.pattern}")
REPLACEMENT = "\ufffd"
ELEMENTS_KEPT, LONGEST_KEPT = 4096, 60
"""How many names of elements are remembered, and how long they may be for that."""

NO_NAME = re.compile(r"[\s<>/=:&\"']")


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


class RecordSpool:
    """Holds written records, in memory first and on disk when they are many.

    Implements the engine's RecordSink. ``memory_bytes`` is how much stays in memory.
    """

    def __init__(self, encoding: OutputEncoding, memory_bytes: int) -> None:
        self._encoding = encoding
        # A size of zero would mean that all stays in memory.
        size = max(memory_bytes, 1)
        self._file = tempfile.SpooledTemporaryFile(max_size=size)  # noqa: SIM115 (`close` does)
        self._position = 0
        # Records that are not written yet: to encode and to write each by itself costs more.
        self._waiting: list[str] = []
        self._waiting_size = 0
        self._action = ""
        self._names: tuple[str, ...] = ()
        self._opening = ""
        self._tags: list[tuple[str, str, str]] = []
        self._encoded_tags: list[tuple[bytes, bytes, bytes]] | None = None

    def position(self) -> int:
        """The byte at which the next record begins.

        What stands before it is where it can be read back, so that nothing can go wrong with it
        after the commit. Raises SpoolRefused, as does `write`, when the disk does not take it.
        """
        self._write_waiting()
        with _disk_errors():
            self._file.flush()
        return self._position

    def write(self, action: str, names: Sequence[str], texts: Sequence[str]) -> None:
        """Write one record; every name is an element with the text of its place.

        Raises TransactionFailure for a name that would break the document.
        """
        if action != self._action or tuple(names) != self._names:
            self._begin(action, tuple(names))
        # One look a record: a list has many more texts than records.
        if not is_plain("".join(texts)):
            texts = [escape(text) for text in texts]
        if self._encoded_tags is not None:
            self._write_waiting()
            self._keep(self._record_of_pieces(self._encoded_tags, texts))
            return
        record = self._record(texts)
        self._waiting.append(record)
        self._waiting_size += len(record)
        if self._waiting_size >= CHUNK_BYTES:
            self._write_waiting()

    def _write_waiting(self) -> None:
        if self._waiting:
            content = self._encoding.encode("".join(self._waiting))
            self._waiting, self._waiting_size = [], 0
            self._keep(content)

    def _keep(self, content: bytes) -> None:
        with _disk_errors():
            self._position += self._file.write(content)

    def _begin(self, action: str, names: tuple[str, ...]) -> None:
        """Work out what all records of an action with these elements have in common."""
        encoded = [_element_tags(self._encoding, name) for name in names]
        self._opening = f'<record action="{escape_attribute(action)}">'
        self._tags = [(f"<{name}>", f"</{name}>", f"<{name}/>") for name in names]
        # Other letters than ASCII's are written in another way in a name than in a text.
        self._encoded_tags = None if all(name.isascii() for name in names) else encoded
        self._action, self._names = action, names

    def _record(self, texts: Sequence[str]) -> str:
        fields = [
            start + text + end if text else empty
            for (start, end, empty), text in zip(self._tags, texts, strict=True)
        ]
        return f"{self._opening}{''.join(fields)}</record>"

    def _record_of_pieces(
        self, tags: Sequence[tuple[bytes, bytes, bytes]], texts: Sequence[str]
    ) -> bytes:
        encode = self._encoding.encode
        pieces = [encode(self._opening)]
        for (start, end, empty), text in zip(tags, texts, strict=True):
            pieces += (start, encode(text), end) if text else (empty,)
        return b"".join((*pieces, encode("</record>")))

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes between two positions that were told, in pieces."""
        self._file.seek(start)
        while piece := self._file.read(min(CHUNK_BYTES, end - start)):
            start += len(piece)
            yield piece

    def close(self) -> None:
        """Give the memory and the disk free."""
        # What the disk has refused is tried once more when a file is closed; nobody wants it now.
        with contextlib.suppress(OSError):
            self._file.close()


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Turns a refusal of the disk into SpoolRefused."""
    try:
        yield
    except OSError as error:
        raise SpoolRefused(f"the answer cannot be kept on disk: {error.strerror}") from error


def _element_tags(encoding: OutputEncoding, name: str) -> tuple[bytes, bytes, bytes]:
    """The start tag, the end tag and the empty element of a name.

    Raises TransactionFailure for a name that would break the document.
    """
    # What a client calls an element may be as long as its packet.
    return (_kept_tags if len(name) <= LONGEST_KEPT else _made_tags)(encoding, name)


def _made_tags(encoding: OutputEncoding, name: str) -> tuple[bytes, bytes, bytes]:
    _check_name(name)
    encode, encoded = encoding.encode, encoding.encode_name(name)
    opened, closed = encode("<") + encoded, encode("</") + encoded
    return opened + encode(">"), closed + encode(">"), opened + encode("/>")


_kept_tags = lru_cache(maxsize=ELEMENTS_KEPT)(_made_tags)


def _check_name(name: str) -> None:
    """A parser is asked, because parsers differ in the letters that they allow."""
    try:
        if not NO_NAME.search(name):
            expat.ParserCreate().Parse(f"<{name}/>", True)  # noqa: FBT003 (it takes no keywords)
            return
    except (expat.ExpatError, UnicodeEncodeError):
        pass
    raise TransactionFailure.because(f"The meta property {name!r} is not an XML name")


def document(
    responses: Sequence[Response], spool: RecordSpool, encoding: OutputEncoding
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


def _stream(pieces: Sequence[bytes | RecordSet], spool: RecordSpool) -> Iterator[bytes]:
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
