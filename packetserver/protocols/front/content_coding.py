"""What a body is packed in (Content-Encoding; RFC 9110, 8.4): unpacked in pieces and within bounds.

Nothing in a packed body is believed but its bytes: what comes out is counted while it comes, a
piece at a time, so that a few bytes that become gigabytes are refused at the bound.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from packetserver.errors import PacketCodingUnknown, PacketError, PacketPackedTooTightly

CHUNK_BYTES = 64 * 1024

LARGEST_RATIO = 250
"""How many times longer a body may be than what it is packed in; beyond a first piece. XML of
many records is 10 to 50 times longer, and deflate ends at 1,032."""

MOST_MEMBERS = 10_000
"""Of how many parts a gzip may consist; programs that pack in blocks make one of every 64 KiB."""

GZIP, ZLIB, RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
"""What zlib calls the three forms: `deflate` should be the second one, and some send the third."""

NOTHING = "identity"
SHOWN_CHARACTERS = 60

Unpacker = Callable[[Iterator[bytes]], Iterator[bytes]]
"""Takes the pieces of a packed body, and gives those of the body."""


def unpacker_of(header: str | None) -> Unpacker | None:
    """What unpacks a body with this Content-Encoding; None for one that is as it is.

    Raises PacketCodingUnknown for a coding that this server does not know, and for several.
    """
    names = [each.strip().lower() for each in (header or "").split(",")]
    codings = [each for each in names if each not in {"", NOTHING}]
    match codings:
        case []:
            return None
        case ["gzip" | "x-gzip"]:
            return _gunzipped
        case ["deflate"]:
            return _inflated
    shown = ", ".join(codings)[:SHOWN_CHARACTERS]
    raise PacketCodingUnknown(
        f"The body is packed as {shown}: this server takes gzip or deflate, and one of them alone"
    )


def _gunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    return Unpacking("gzip", GZIP, MOST_MEMBERS).pieces(chunks)


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) > 1:
            break
    form = ZLIB if _has_zlib_header(head) else RAW
    return Unpacking("deflate", form, 1).pieces(_with_head(head, chunks))


def _with_head(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from chunks


def _has_zlib_header(head: bytes) -> bool:
    """Whether the two bytes are those of RFC 1950; what begins otherwise lacks them."""
    return len(head) > 1 and head[0] & 15 == zlib.DEFLATED and not (head[0] * 256 + head[1]) % 31


class Unpacking:
    """Unpacks one body, of so many members at most; one that was empty stays so."""

    def __init__(self, name: str, form: int, most_members: int) -> None:
        self._name = name
        self._form = form
        self._members_left = most_members - 1
        self._member = zlib.decompressobj(form)
        self._packed = 0
        self._unpacked = 0

    def pieces(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces of the body.

        Raises PacketError for what is not packed as it should be, or ends too early, and
        PacketPackedTooTightly for what becomes far longer than it was.
        """
        for chunk in chunks:
            self._packed += len(chunk)
            yield from self._unpack(chunk)
        if self._packed and not self._member.eof:
            raise self._refusal()

    def _unpack(self, chunk: bytes) -> Iterator[bytes]:
        rest, is_full = chunk, False
        while rest or is_full:
            piece = self._piece(rest)
            # What did not fit may be in the packed bytes, or in zlib itself.
            is_full = len(piece) == CHUNK_BYTES
            rest = self._member.unconsumed_tail or self._member.unused_data
            self._unpacked += len(piece)
            if self._unpacked > LARGEST_RATIO * max(self._packed, CHUNK_BYTES):
                raise PacketPackedTooTightly(
                    f"The body becomes more than {LARGEST_RATIO} times as long when it is unpacked"
                )
            if piece:
                yield piece

    def _piece(self, packed: bytes) -> bytes:
        if self._member.eof and packed:
            self._begin_member()
        try:
            return self._member.decompress(packed, CHUNK_BYTES)
        except zlib.error as error:
            raise self._refusal() from error

    def _begin_member(self) -> None:
        if not self._members_left:
            raise self._refusal()
        self._members_left -= 1
        self._member = zlib.decompressobj(self._form)

    def _refusal(self) -> PacketError:
        return PacketError(f"The body of the request is no whole {self._name}, as its header says")
