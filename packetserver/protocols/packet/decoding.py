"""From the bytes of a request to its text, and the encoding of the answer.

DECISIONS.md, Encoding in and Encoding out: a byte order mark, else the XML declaration, else the
charset of Content-Type, else UTF-8.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packetserver.errors import PacketError
from packetserver.protocols.packet.charsets import (
    OutputEncoding,
    find_codec,
    output_encoding,
    standard_name,
)

BLANKS = b" \t\r\n"
DECLARATION_BYTES = 1024
"""How much of a packet, after leading blanks, is looked at for its XML declaration."""
MOST_LEADING_BLANKS = 64 * 1024

BYTE_ORDER_MARKS = (
    # The mark of UTF-16 begins that of UTF-32.
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
)
WIDE_STARTS = (
    (re.compile(rb"(?:[ \t\r\n]\0\0\0)*<\0\0\0"), "utf-32-le"),
    (re.compile(rb"(?:\0\0\0[ \t\r\n])*\0\0\0<"), "utf-32-be"),
    (re.compile(rb"(?:[ \t\r\n]\0)*<\0"), "utf-16-le"),
    (re.compile(rb"(?:\0[ \t\r\n])*\0<"), "utf-16-be"),
)
"""How a packet begins whose characters take two or four bytes each, without a mark."""

DECLARED_ENCODING = re.compile(r"""\s*<\?xml\s[^>]*?\sencoding\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)')""")


@dataclass(frozen=True, slots=True)
class RequestEncoding:
    """How a request is decoded.

    ``codec`` is Python's name, None when the request names an encoding that is not known;
    ``name`` is what the request itself calls its encoding, None when it does not say.
    """

    codec: str | None
    name: str | None


def detect_encoding(
    head: bytes, charset: str | None = None, form_charset: str | None = None
) -> RequestEncoding:
    """Find the encoding of a packet that begins with ``head``.

    ``charset`` is that of Content-Type. ``form_charset`` is set where a form's text was encoded
    by whoever sent the form: the declaration inside of that text then tells nothing of its bytes.
    """
    for mark, codec, name in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            text = head[len(mark) :].decode(codec, "ignore")
            return RequestEncoding(codec, _declared_name(text) or name)
    wide = _wide_codec(head)
    if wide is not None:
        return RequestEncoding(wide, _declared_name(head.decode(wide, "ignore")))
    declared = _declared_name(head.decode("latin-1"))
    return RequestEncoding(
        _codec_of_bytes(form_charset or declared or charset or "UTF-8", head), declared
    )


def _wide_codec(head: bytes) -> str | None:
    return next((codec for pattern, codec in WIDE_STARTS if pattern.match(head)), None)


def _declared_name(head: str) -> str | None:
    found = DECLARED_ENCODING.match(head.lstrip("\ufeff"))
    if found is None:
        return None
    return (found[1] or found[2] or "").strip() or None


def _codec_of_bytes(name: str, head: bytes) -> str | None:
    """Python's name of an encoding; UTF-8 where the bytes show that they are not in it.

    Such a packet, UTF-8 that calls itself UTF-16, was read by the original (PROTOCOL.md 1.3).
    """
    codec = find_codec(name)
    if codec is None:
        return None
    if head.lstrip(BLANKS).startswith(b"<") and "<".encode(codec) != b"<":
        return "utf-8"
    return codec


class DecodedBody:
    """A request body as text: its encoding is known before the text is asked for."""

    def __init__(
        self, chunks: Iterable[bytes], charset: str | None = None, form_charset: str | None = None
    ) -> None:
        rest = iter(chunks)
        head = _without_blanks(read_head(rest))
        self.encoding = detect_encoding(head, charset, form_charset)
        self._asked = form_charset or self.encoding.name or charset or "UTF-8"
        self._chunks = itertools.chain((head,), rest)

    def texts(self) -> Iterator[str]:
        """The decoded pieces.

        Raises PacketError when the encoding is not known, or the bytes are not in it.
        """
        if self.encoding.codec is None:
            raise PacketError(f"The packet has an unknown encoding: {self._asked}")
        decoder = codecs.getincrementaldecoder(self.encoding.codec)("strict")
        try:
            for chunk in self._chunks:
                yield decoder.decode(chunk)
            yield decoder.decode(b"", final=True)
        except UnicodeError as error:
            name = standard_name(self.encoding.codec)
            raise PacketError(f"The packet has bytes that are not {name}") from error


def _without_blanks(head: bytes) -> bytes:
    """Drop blanks of one byte each: what HTTP leaves over may stand before two-byte text."""
    return head if _wide_codec(head) else head.lstrip(BLANKS)


def read_head(chunks: Iterator[bytes]) -> bytes:
    """Take as many chunks as it needs to see the XML declaration, blanks before it included."""
    head = b""
    for chunk in chunks:
        head += chunk
        blanks = len(head) - len(head.lstrip(BLANKS + b"\0"))
        if blanks > MOST_LEADING_BLANKS:
            raise PacketError("The packet begins with too many blanks")
        if len(head) - blanks >= DECLARATION_BYTES:
            break
    return head


def response_encoding(*names: str | None) -> OutputEncoding:
    """The encoding of an answer: the first of the names that is given, from the strongest on.

    They are those of `authentication/encoding`, of the request itself, of Content-Type, and the
    setting's (DECISIONS.md, Encoding out).
    """
    return output_encoding(next((name for name in names if name), "UTF-8"))
