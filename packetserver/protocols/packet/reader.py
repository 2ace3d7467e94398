"""From the text of a request to a packet, in one pass and in bounded memory.

DECISIONS.md, Parser. The parser is expat. libxml2 keeps the names of all elements that a thread
has ever read, and refuses new ones when they are too many: any stranger could stop a server that
reads its packets with it. Expat forgets, and like the original knows no namespaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol
from xml.parsers import expat

from packetserver.errors import PacketError
from packetserver.protocols.packet.builder import Limits, PacketBuilder, SenderBuilder
from packetserver.protocols.packet.packet import Packet

LEADING = "\ufeff \t\r\n"
"""What may stand before a packet: blanks, and what is left of a byte order mark."""

MOST_MARKUP_BYTES = 1024 * 1024
"""The longest tag or comment. Expat reads an unfinished one again from its start with every
piece that arrives, so the time would grow with the square of its length."""

COMPLAINTS = {
    expat.errors.XML_ERROR_NO_ELEMENTS: "The packet ends too early",
    expat.errors.XML_ERROR_UNCLOSED_TOKEN: "The packet ends too early",
    expat.errors.XML_ERROR_PARTIAL_CHAR: "The packet ends too early",
    expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION: "The packet ends within a CDATA section",
    expat.errors.XML_ERROR_INVALID_TOKEN: (
        "The packet is not well-formed, or has a character that XML cannot carry"
    ),
    expat.errors.XML_ERROR_TAG_MISMATCH: "An element is not closed by its own end tag",
    expat.errors.XML_ERROR_DUPLICATE_ATTRIBUTE: "An element has an attribute twice",
    expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT: "Something follows the end of the packet",
    expat.errors.XML_ERROR_UNDEFINED_ENTITY: "The packet has an entity that is not XML's own",
    expat.errors.XML_ERROR_BAD_CHAR_REF: "The packet refers to a character that XML cannot carry",
    expat.errors.XML_ERROR_XML_DECL: "The XML declaration is not well-formed",
}
"""By expat's words: ours, for what clients do most."""


class PacketReader:
    """Reads one packet to its end, before anything of it runs."""

    def __init__(self, limits: Limits) -> None:
        self._builder = PacketBuilder(limits)

    @property
    def asked_encoding(self) -> str | None:
        """What `authentication/encoding` says, also when the packet is refused later."""
        return _asked_encoding(self._builder)

    def read(self, texts: Iterable[str]) -> Packet:
        """Read a packet from the pieces of its text.

        Raises PacketError for whatever is not a packet, or exceeds the limits.
        """
        for _ in parsed(texts, self._builder):
            pass
        return self._builder.packet()


class SenderReader:
    """Reads a packet until it has said all that it says of its sender, and keeps nothing else."""

    def __init__(self, limits: Limits) -> None:
        self._builder = SenderBuilder(limits)

    @property
    def asked_encoding(self) -> str | None:
        """What `authentication/encoding` says."""
        return _asked_encoding(self._builder)

    def read(self, texts: Iterable[str]) -> Packet:
        """The packet as far as it is read. Raises PacketError as PacketReader does, up to there."""
        for _ in parsed(texts, self._builder):
            if self._builder.is_known:
                break
        return self._builder.packet()


def _asked_encoding(builder: PacketBuilder) -> str | None:
    encoding = builder.credentials.get("encoding")
    return encoding if isinstance(encoding, str) else None


class Builder(Protocol):
    """Takes what a document consists of, in its order."""

    def start(self, name: str, attributes: dict[str, str], /) -> None:
        """An element begins."""

    def text(self, text: str, /) -> None:
        """A piece of text."""

    def end(self, name: str, /) -> None:
        """An element ends."""


def parsed(texts: Iterable[str], builder: Builder) -> Iterator[None]:
    """Parse a document while it is iterated: after every piece of its text there is a pause.

    Raises PacketError for what is not well-formed, and what the builder raises.
    """
    try:
        yield from _parse(_without_leading(texts), builder)
    except expat.ExpatError as error:
        raise PacketError(_complaint(error)) from error
    except UnicodeEncodeError as error:
        raise PacketError("The packet has a character that XML cannot carry") from error


def _parse(texts: Iterable[str], builder: Builder) -> Iterator[None]:
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    given = 0
    for text in texts:
        piece = text.encode("utf-8")
        given += len(piece)
        parser.Parse(piece, False)  # noqa: FBT003 (expat takes no keywords)
        if given - parser.CurrentByteIndex > MOST_MARKUP_BYTES:
            raise PacketError("The packet has a tag or a comment that is too long")
        yield
    if not given:
        raise PacketError("The packet is empty")
    parser.Parse(b"", True)  # noqa: FBT003


def _refuse_document_type(*_declaration: object) -> None:
    raise PacketError("A packet may not have a document type")


def _without_leading(texts: Iterable[str]) -> Iterator[str]:
    begun = False
    for text in texts:
        piece = text if begun else text.lstrip(LEADING)
        if piece:
            begun = True
            yield piece


def _complaint(error: expat.ExpatError) -> str:
    words = expat.ErrorString(error.code)
    sentence = COMPLAINTS.get(words, f"The packet is not well-formed: {words}")
    return f"{sentence} (line {error.lineno}, column {error.offset + 1})"
