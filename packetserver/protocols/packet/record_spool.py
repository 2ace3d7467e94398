"""The records of an answer, kept until they are sent (written as in packetserver.protocols.packet.writer)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from packetserver.protocols.front.spools import SpoolFile, Spools
from packetserver.protocols.packet.charsets import OutputEncoding
from packetserver.protocols.packet.failures import TransactionFailure
from packetserver.protocols.packet.writer import (
    CHUNK_BYTES,
    escape,
    escape_attribute,
    is_plain,
)

ELEMENTS_KEPT, LONGEST_KEPT = 4096, 60
"""How many names of elements are remembered, and how long they may be for that."""


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """How many bytes of the records of an answer are kept in memory, and how many in all."""

    memory_bytes: int
    most_bytes: int


class RecordSpool:
    """Holds written records, in memory first and on disk when they are many.

    Implements RecordSink.
    """

    def __init__(self, encoding: OutputEncoding, spools: Spools, limits: AnswerLimits) -> None:
        self._encoding = encoding
        self._spools = spools
        self._limits = limits
        self._file: io.BytesIO | SpoolFile = io.BytesIO()
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
        after the commit. Raises SpoolRefused, as does `write`, when the disk does not take it, and
        TransactionFailure when the answer becomes too long.
        """
        self._write_waiting()
        self._file.flush()
        return self._position

    def write(self, action: str, names: Sequence[str], texts: Sequence[str]) -> None:
        """Write one record; every name is an element (meta.check_meta) with the text of its place."""
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
        size = self._position + len(content)
        if size > self._limits.most_bytes:
            raise TransactionFailure.because(
                f"The answer becomes longer than the {self._limits.most_bytes} bytes that this server"
                " sends: ask for fewer records at a time, or for fewer of their properties"
            )
        if size > self._limits.memory_bytes and isinstance(self._file, io.BytesIO):
            begun, self._file = self._file.getvalue(), self._spools.file()
            self._file.write(begun)
        self._file.write(content)
        self._position = size

    def cut(self, position: int) -> None:
        """Forget what was written from a position on."""
        self._waiting, self._waiting_size = [], 0
        if position < self._position:
            self._file.seek(position)
            self._file.truncate()
            self._position = position

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
        self._file.close()


def _element_tags(encoding: OutputEncoding, name: str) -> tuple[bytes, bytes, bytes]:
    """The start tag, the end tag and the empty element of a name."""
    # What a client calls an element may be as long as its packet.
    return (_kept_tags if len(name) <= LONGEST_KEPT else _made_tags)(encoding, name)


def _made_tags(encoding: OutputEncoding, name: str) -> tuple[bytes, bytes, bytes]:
    encode, encoded = encoding.encode, encoding.encode_name(name)
    opened, closed = encode("<") + encoded, encode("</") + encoded
    return opened + encode(">"), closed + encode(">"), opened + encode("/>")


_kept_tags = lru_cache(maxsize=ELEMENTS_KEPT)(_made_tags)
