"""From bytes to text: byte order mark, else declaration, else charset, else UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packetserver.errors import PacketError
from packetserver.protocols.packet.decoding import DecodedBody, response_encoding

DECLARED = '<?xml version="1.0" encoding="{}"?><app>Zoë</app>'
PLAIN = "<app>Zoë</app>"


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def read(content: bytes, charset: str | None = None, size: int = 7) -> str:
    return "".join(DecodedBody(pieces(content, size), charset).texts())


def name_of(content: bytes) -> str | None:
    return DecodedBody(iter([content])).encoding.name


@pytest.mark.parametrize(
    ("mark", "codec", "name"),
    [
        (codecs.BOM_UTF8, "utf-8", "UTF-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
        (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
        (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    ],
)
@pytest.mark.parametrize("blanks", [b"", b"\r\n\r\n"])
def test_a_byte_order_mark_decides(mark: bytes, codec: str, name: str, blanks: bytes) -> None:
    plain = blanks + mark + PLAIN.encode(codec)
    assert read(plain, "ISO-8859-1").lstrip("\ufeff") == PLAIN
    assert name_of(plain) == name

    text = DECLARED.format("windows-1252")
    declared = blanks + mark + text.encode(codec)
    assert read(declared).lstrip("\ufeff") == text
    assert name_of(declared) == "windows-1252"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("blanks", ["", "\r\n", " \t\n"])
@pytest.mark.parametrize("text", [PLAIN, DECLARED.format("UTF-16"), DECLARED.format("UTF-8")])
def test_wide_characters_are_seen_without_a_mark(codec: str, blanks: str, text: str) -> None:
    assert read((blanks + text).encode(codec)).lstrip() == text


def test_wide_characters_are_seen_after_blank_lines_of_single_bytes() -> None:
    text = DECLARED.format("UTF-16")
    assert read(b"\r\n\r\n" + text.encode("utf-16-le")) == text


@pytest.mark.parametrize(
    "declaration",
    [
        '<?xml version="1.0" encoding="ISO-8859-1"?>',
        "<?xml version='1.0' encoding='ISO-8859-1' standalone='no'?>",
        '<?xml\n version = "1.0"\n encoding\t=\n"ISO-8859-1" ?>',
        '\r\n\r\n  <?xml version="1.0" encoding="latin1"?>',
    ],
)
def test_a_declaration_decides_over_the_charset(declaration: str) -> None:
    text = f"{declaration}<app>Zoë</app>"
    assert read(text.encode("latin-1"), "UTF-8") == text.lstrip()


def test_what_only_looks_like_a_declaration_does_not_decide() -> None:
    text = '<app><?xml encoding="ISO-8859-1"?>Zoë encoding="ISO-8859-1"</app>'
    assert read(text.encode()) == text
    text = '<?xml version="1.0"?><app encoding="ISO-8859-1">Zoë</app>'
    assert read(text.encode()) == text


def test_then_the_charset_decides_and_then_utf_8() -> None:
    assert read(PLAIN.encode("cp1252"), "windows-1252") == PLAIN
    assert read(PLAIN.encode("cp037"), "cp037") == PLAIN
    assert read(PLAIN.encode()) == PLAIN
    assert name_of(PLAIN.encode()) is None


@pytest.mark.parametrize("name", ["UTF-16", "utf-16le", "UTF-32", "cp037"])
def test_bytes_that_belie_their_encoding_are_utf_8(name: str) -> None:
    text = "\n" + DECLARED.format(name)
    assert read(text.encode()) == text.lstrip()
    assert name_of(text.encode()) == name
    assert read(PLAIN.encode(), name) == PLAIN


def test_the_charset_of_a_form_decides_over_the_declaration_within() -> None:
    text = DECLARED.format("ISO-8859-1")
    body = DecodedBody(iter([text.encode()]), None, "UTF-8")
    assert "".join(body.texts()) == text
    assert body.encoding.name == "ISO-8859-1"


@pytest.mark.parametrize("name", ["FOO-8", "base64", "UTF-7", "unicode_escape"])
def test_an_unknown_encoding_is_refused_and_still_told(name: str) -> None:
    body = DecodedBody(iter([DECLARED.format(name).encode()]))
    assert body.encoding.name == name
    with pytest.raises(PacketError, match=f"unknown encoding: {name}"):
        list(body.texts())
    with pytest.raises(PacketError, match=f"unknown encoding: {name}"):
        read(PLAIN.encode(), name)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<app>Zo\xeb</app>", "UTF-8"),
        (b"<app>Zo\xc3", "UTF-8"),
        (b"<app>\xed\xa0\x80</app>", "UTF-8"),
        (b'<?xml version="1.0" encoding="US-ASCII"?><app>\xc3\xab</app>', "US-ASCII"),
        (codecs.BOM_UTF16_LE + "<app>".encode("utf-16-le") + b"\0\xd8", "UTF-16LE"),
        (codecs.BOM_UTF16_LE + b"<", "UTF-16LE"),
        (b'<?xml version="1.0" encoding="windows-1252"?><app>\x81</app>', "windows-1252"),
    ],
)
def test_bytes_that_are_not_in_the_encoding_are_refused(content: bytes, name: str) -> None:
    with pytest.raises(PacketError, match=f"bytes that are not {name}"):
        read(content)


def test_a_declaration_after_many_blanks_is_found_and_too_many_are_refused() -> None:
    text = DECLARED.format("ISO-8859-1")
    assert read(b"\n" * 20_000 + text.encode("latin-1"), size=1000) == text
    with pytest.raises(PacketError, match="too many blanks"):
        read(b"\n" * 100_000 + text.encode("latin-1"), size=1000)


@settings(deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff")),
    codec=st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"]),
    size=st.integers(1, 9),
)
def test_pieces_of_any_size_give_the_same_text(text: str, codec: str, size: int) -> None:
    sent = f'<?xml version="1.0" encoding="{codec}"?><a>{text}</a>'
    assert read(sent.encode(codec), size=size).lstrip("\ufeff") == sent


def test_an_answer_takes_the_strongest_name_that_is_given() -> None:
    assert response_encoding("utf-16", "utf-8", "ascii", "latin1").name == "UTF-16"
    assert response_encoding(None, "utf-8", "ascii", "latin1").name == "UTF-8"
    assert response_encoding(None, None, "ascii", "latin1").name == "US-ASCII"
    assert response_encoding(None, None, "", "latin1").name == "ISO-8859-1"
    assert response_encoding("FOO", "utf-16", None, "latin1").name == "UTF-8"
