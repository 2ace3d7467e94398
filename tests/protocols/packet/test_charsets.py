"""Character encodings by the names that clients give them."""

from __future__ import annotations

import codecs
import encodings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packetserver.protocols.packet.charsets import UTF_8, find_codec, output_encoding


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("UTF-8", "utf-8"),
        ("utf8", "utf-8"),
        ("Latin1", "iso8859-1"),
        ("ISO_8859-1:1987", "iso8859-1"),
        ("ANSI_X3.4-1968", "ascii"),
        ("windows-1252", "cp1252"),
        ("cp737", "cp737"),
        ("UTF-16LE", "utf-16-le"),
        ("Shift_JIS", "shift_jis"),
    ],
)
def test_names_of_clients_are_known(name: str, codec: str) -> None:
    assert find_codec(name) == codec


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "FOO-8", "utf-9", "utf-8é", "os", "os.path", "aliases", "x" * 5000),
        *("base64", "hex", "rot13", "zlib"),  # of Python, but no text encodings
        *("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "charmap"),
        "UTF-7",
    ],
)
def test_other_names_are_not(name: str) -> None:
    assert find_codec(name) is None
    assert output_encoding(name) is UTF_8


def test_python_is_not_asked_for_invented_names() -> None:
    remembered = len(encodings._cache)
    for number in range(10):
        assert find_codec(f"invented-{number}") is None
    assert len(encodings._cache) == remembered


def test_a_name_with_a_nul_character_is_taken_as_python_takes_blanks() -> None:
    assert find_codec("utf\x008") == "utf-8"


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_name_gives_an_encoding_that_writes(name: str) -> None:
    encoding = output_encoding(name)
    assert encoding.encode("<a>").decode(encoding.name_codec) == "<a>"


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("utf-8", "UTF-8"),
        ("UTF16", "UTF-16"),
        ("utf-16le", "UTF-16LE"),
        ("utf-16-be", "UTF-16BE"),
        ("ascii", "US-ASCII"),
        ("latin1", "ISO-8859-1"),
        ("iso-8859-15", "ISO-8859-15"),
        ("cp1252", "windows-1252"),
        ("koi8-r", "KOI8-R"),
        ("ms932", "MS932"),
        ("mac roman", "MACINTOSH"),
        ("cp737", "CP737"),
    ],
)
def test_an_answer_declares_the_registered_name(name: str, declared: str) -> None:
    assert output_encoding(name).name == declared


@pytest.mark.parametrize("name", ["UTF-32", "UTF-7", "cp037", "hz", "utf-8-sig", "mac_farsi"])
def test_an_encoding_that_ascii_is_no_part_of_is_answered_in_utf_8(name: str) -> None:
    assert output_encoding(name) is UTF_8


@pytest.mark.parametrize("name", ["UTF-8", "US-ASCII", "ISO-8859-1"])
def test_three_encodings_are_written_in_ascii(name: str) -> None:
    assert output_encoding(name).encode("Zoë €😀") == b"Zo&#235; &#8364;&#128512;"


def test_what_another_encoding_lacks_becomes_a_reference() -> None:
    assert output_encoding("windows-1252").encode("Zoë € Ł") == b"Zo\xeb \x80 &#321;"


def test_only_utf_16_of_no_certain_order_has_a_mark() -> None:
    assert output_encoding("UTF-16").mark == codecs.BOM_UTF16_LE
    assert output_encoding("UTF-16LE").mark == output_encoding("UTF-16BE").mark == b""
    assert output_encoding("UTF-16BE").encode("a") == b"\0a"


def test_names_of_elements_have_no_references() -> None:
    assert output_encoding("UTF-8").encode_name("größe") == "größe".encode()
    assert output_encoding("US-ASCII").encode_name("größe") == b"gr__e"
    assert output_encoding("ISO-8859-1").encode_name("größeŁ") == "größe_".encode("latin-1")
    assert output_encoding("UTF-16").encode_name("größe") == "größe".encode("utf-16-le")
