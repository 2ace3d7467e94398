"""Character encodings by the names that clients give them."""

from __future__ import annotations

import codecs
import encodings
import pkgutil
import re
import string
from dataclasses import dataclass
from encodings.aliases import aliases
from functools import lru_cache

# A name is compared with these before Python looks for it: Python remembers every name that it
# was ever asked for, so that clients could fill the memory with invented ones.
KNOWN_NAMES = frozenset(
    {*aliases, *aliases.values(), *(each.name for each in pkgutil.iter_modules(encodings.__path__))}
)

# Python's own notations, and UTF-7, which hides markup from whoever looks at the bytes.
NO_CHARSETS = frozenset(
    {"charmap", "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
)

ASCII = "".join(sorted(string.printable.replace("\x0b", "").replace("\x0c", "")))
ENCODING_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")

STANDARD_NAMES = {
    "ascii": "US-ASCII",
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16LE",
    "utf-16-be": "UTF-16BE",
    "euc_jp": "EUC-JP",
    "euc_kr": "EUC-KR",
    "iso2022_jp": "ISO-2022-JP",
    "iso2022_kr": "ISO-2022-KR",
    "mac-roman": "MACINTOSH",
    **{f"iso8859-{number}": f"ISO-8859-{number}" for number in range(1, 17)},
    **{f"cp125{number}": f"windows-125{number}" for number in range(9)},
}
"""By Python's name: the registered one, which other XML parsers know."""

# A document in one of these is written in ASCII alone, and so is true in all three: the shipped
# clients decode in their platform's own charset (DECISIONS.md, Encoding out).
WRITTEN_IN_ASCII = frozenset({"ascii", "utf-8", "iso8859-1"})


NAMES_KEPT, LONGEST_KEPT = 256, 40
"""How many names of encodings are remembered, and how long they may be for that."""


def find_codec(name: str) -> str | None:
    """Python's name of the text encoding that a client names; None when it is not known."""
    # What a client calls an encoding may be as long as its packet.
    return (_kept_codec if len(name) <= LONGEST_KEPT else _found_codec)(name)


def _found_codec(name: str) -> str | None:
    spelling = encodings.normalize_encoding(name).lower()
    if not name.isascii() or spelling not in KNOWN_NAMES:
        return None
    try:
        "<".encode(spelling)
    except (LookupError, UnicodeError):
        return None
    codec = codecs.lookup(spelling).name
    return None if codec in NO_CHARSETS else codec


_kept_codec = lru_cache(maxsize=NAMES_KEPT)(_found_codec)


def standard_name(codec: str) -> str:
    """The registered name of one of Python's codecs."""
    return STANDARD_NAMES.get(codec, codec.upper())


@dataclass(frozen=True, slots=True)
class OutputEncoding:
    """How a document is written.

    ``name`` stands in the declaration and in Content-Type; ``mark`` are the bytes in front of
    the document; texts and the names of elements have a Python codec each.
    """

    name: str
    text_codec: str
    name_codec: str
    mark: bytes = b""

    def encode(self, text: str) -> bytes:
        """Markup or escaped text; what the encoding lacks becomes a numeric reference."""
        return text.encode(self.text_codec, "xmlcharrefreplace")

    def encode_name(self, name: str) -> bytes:
        """The name of an element; what the encoding lacks becomes `_`, as no reference may."""
        held = name.encode(self.name_codec, "replace").decode(self.name_codec)
        return held.replace("?", "_").encode(self.name_codec)


UTF_8 = OutputEncoding("UTF-8", text_codec="ascii", name_codec="utf-8")


def output_encoding(name: str) -> OutputEncoding:
    """The encoding that a client names; an unknown name gives UTF-8 (DECISIONS.md, Encoding out).

    Known are UTF-16 in its three forms, and every encoding that ASCII is a part of.
    """
    codec = find_codec(name)
    if codec is None or codec == "utf-8":
        return UTF_8
    declared = _declared_name(codec, name)
    if codec == "utf-16":
        return OutputEncoding(declared, "utf-16-le", "utf-16-le", codecs.BOM_UTF16_LE)
    if codec in {"utf-16-le", "utf-16-be"}:
        return OutputEncoding(declared, codec, codec)
    if not _holds_ascii(codec):
        return UTF_8
    return OutputEncoding(declared, "ascii" if codec in WRITTEN_IN_ASCII else codec, codec)


def _declared_name(codec: str, asked: str) -> str:
    if codec not in STANDARD_NAMES and ENCODING_NAME.fullmatch(asked):
        return asked.upper()
    return standard_name(codec)


def _holds_ascii(codec: str) -> bool:
    try:
        return ASCII.encode(codec) == ASCII.encode("ascii")
    except UnicodeError:
        return False
