"""From responses to a document that every parser reads as what was written."""

from __future__ import annotations

import re
import sys
import tracemalloc
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from contextlib import closing

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from spooling import spool_of

from packetserver.protocols.packet.charsets import output_encoding
from packetserver.protocols.packet.failures import TransactionFailure
from packetserver.protocols.packet.meta import check_meta, output_elements
from packetserver.protocols.packet.packet import RecordSet, Response
from packetserver.protocols.packet.writer import (
    SPECIAL,
    document,
    escape,
    escape_attribute,
    fault_document,
    is_plain,
)

ENCODINGS = ["UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE", "US-ASCII", "ISO-8859-1", "windows-1252"]
PARSERS = [etree.fromstring, ET.fromstring, fromstring]
XML_TEXT = st.text(
    st.one_of(
        st.characters(
            min_codepoint=32, exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"
        ),
        st.sampled_from("\t\n\r<>&\"']\x7f\x85\xa0\u2028€"),
    )
)
Record = tuple[str, Sequence[str], Sequence[str]]


def written(
    records: Sequence[Record], encoding: str = "UTF-8", total: int | None = None
) -> tuple[int, bytes]:
    """The announced length and the bytes of one response with these records."""
    chosen = output_encoding(encoding)
    with closing(spool_of(chosen, 100)) as spool:
        for action, names, texts in records:
            spool.write(action, names, texts)
        found = RecordSet("accountList", len(records), total, 0, spool.position())
        length, pieces = document([Response(7, (), found)], spool, chosen)
        return length, b"".join(pieces)


def test_a_document_has_the_form_of_the_protocol() -> None:
    records = [
        ("select", ("orgId", "name"), ("12", "a & b")),
        ("select", ("orgId", "name"), ("13", "")),
    ]
    length, content = written(records, total=57)
    assert content == (
        b'<?xml version="1.0" encoding="UTF-8"?><aspcfs><response id="7"><status>0</status>'
        b'<errorText/><recordSet count="2" name="accountList" total="57">'
        b'<record action="select"><orgId>12</orgId><name>a &amp; b</name></record>'
        b'<record action="select"><orgId>13</orgId><name/></record>'
        b"</recordSet></response></aspcfs>\n"
    )
    assert length == len(content)


def test_a_total_is_written_only_when_there_is_one() -> None:
    assert b'<recordSet count="0" name="accountList" total="0"/>' in written([], total=0)[1]
    assert b'<recordSet count="0" name="accountList"/>' in written([])[1]


def test_a_record_without_fields_is_still_a_record() -> None:
    assert (
        b'count="1" name="accountList"><record action="processed"></record>'
        in written([("processed", (), ())])[1]
    )


def test_the_quick_look_at_a_text_misses_nothing() -> None:
    letters = map(chr, range(sys.maxunicode + 1))
    assert [each for each in letters if is_plain(each) is bool(SPECIAL.search(each))] == []


def test_an_error_has_its_lines_and_no_records() -> None:
    chosen = output_encoding("UTF-8")
    with closing(spool_of(chosen, 100)) as spool:
        spool.write("select", ("id",), ("1",))
        found = RecordSet("account", 1, None, 0, spool.position())
        responses = [
            Response(None, ("Not authorized",)),
            Response(3, ("Transaction failed", "a < b"), found),
            Response(4),
        ]
        _, pieces = document(responses, spool, chosen)
        root = fromstring(b"".join(pieces))
    assert [each.get("id") for each in root] == [None, "3", "4"]
    assert [each.findtext("status") for each in root] == ["1", "1", "0"]
    assert root[1].findtext("errorText") == "Transaction failed\na < b"
    assert root.find(".//recordSet") is None


def test_each_response_has_its_own_range_of_the_spool() -> None:
    chosen = output_encoding("UTF-16")
    with closing(spool_of(chosen, 100)) as spool:
        ranges = []
        for number in range(50):
            start = spool.position()
            spool.write("select", ("id",), (str(number),))
            ranges.append((start, spool.position()))
        responses = [
            Response(number, (), RecordSet("x", 1, None, *ranges[number]))
            for number in range(0, 50, 2)
        ]
        length, pieces = document(responses, spool, chosen)
        content = b"".join(pieces)
    assert length == len(content)
    root = fromstring(content)
    assert [each.findtext("recordSet/record/id") for each in root] == [
        str(number) for number in range(0, 50, 2)
    ]


def test_fields_may_change_from_record_to_record() -> None:
    records = [("a", ["x"], ["1"]), ("b", ["y", "z"], ["2", "3"]), ("a", ["x"], ["4"])]
    root = fromstring(written(records)[1])
    assert [[field.tag for field in record] for record in root.iter("record")] == [
        ["x"],
        ["y", "z"],
        ["x"],
    ]


def test_a_text_for_every_name_is_demanded() -> None:
    with pytest.raises(ValueError, match="zip"):
        written([("a", ("x", "y"), ("1",))])


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("parse", PARSERS)
@settings(deadline=None)
@given(text=XML_TEXT)
def test_any_text_is_read_back_as_it_was_written(parse, encoding: str, text: str) -> None:
    length, content = written([("select", ("name",), (text,))], encoding)
    assert length == len(content)
    assert parse(content).findtext("response/recordSet/record/name") == text
    fault = parse(fault_document(text, output_encoding(encoding)))
    assert fault.findtext("response/errorText") == text


@settings(deadline=None)
@given(text=st.text(st.characters()))
def test_what_xml_cannot_carry_never_comes_out(text: str) -> None:
    allowed = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
    for encoding in ("UTF-8", "UTF-16"):
        content = written([("select", ("name",), (text,))], encoding)[1]
        assert fromstring(content).findtext(".//name") == allowed


@pytest.mark.parametrize("text", ["\0", "\x08", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_a_forbidden_character_is_replaced(text: str) -> None:
    assert escape(f"a{text}b") == "a\ufffdb"


@settings(deadline=None)
@given(text=XML_TEXT)
def test_any_attribute_is_read_back_as_it_was_written(text: str) -> None:
    element = f'<x a="{escape_attribute(text)}"/>'
    for parse in PARSERS:
        assert parse(element.encode("ascii", "xmlcharrefreplace")).get("a") == text


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_bytes_and_declaration_agree(encoding: str) -> None:
    _, content = written([("select", ("name",), ("Zoë €",))], encoding)
    text = content.decode(encoding)
    assert text.startswith(f'<?xml version="1.0" encoding="{encoding}"?><aspcfs>')
    assert text.endswith("</aspcfs>\n")
    assert not text.endswith("\n\n")
    assert content.startswith(b"\xff\xfe") == (encoding == "UTF-16")
    assert content.count(b"\xff\xfe") == (encoding == "UTF-16")


@pytest.mark.parametrize("encoding", ["UTF-8", "US-ASCII", "ISO-8859-1"])
def test_an_ascii_document_is_the_same_in_every_charset_of_a_client(encoding: str) -> None:
    _, content = written([("select", ("name",), ("Zoë Łódź 日本 😀",))], encoding)
    assert content.isascii()
    assert b"<name>Zo&#235; &#321;&#243;d&#378; &#26085;&#26412; &#128512;</name>" in content


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_names_that_an_encoding_lacks_do_not_break_the_document(encoding: str) -> None:
    content = written([("select", ("größe", "Ł", "x.y"), ("1", "", "3"))], encoding)[1]
    for parse in PARSERS:
        record = parse(content).find(".//record")
        assert [field.text for field in record] == ["1", None, "3"]
        assert record[2].tag == "x.y"


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a b",
        "1a",
        "-a",
        "a:b",
        "a>b",
        "a/",
        "!--",
        "?x",
        "a='1'",
        "²",
        "×",
        "a²",
        "\0",
        "\ud800",
    ],
)
def test_what_is_no_name_fails_its_transaction(name: str) -> None:
    with pytest.raises(TransactionFailure, match="is not an XML name"):
        check_meta(("id", name))


@settings(deadline=None)
@given(st.text(min_size=1, max_size=3))
@example("\u0221")
@example("a^b")
def test_any_name_that_is_let_through_is_read_by_every_parser(name: str) -> None:
    try:
        check_meta((name,))
    except TransactionFailure:
        return
    (element,) = output_elements((name,))
    content = written([("select", (element,), ("x",))])[1]
    for parse in PARSERS:
        assert parse(content).findtext(f".//{{*}}{element}") == "x"


def test_a_long_list_takes_no_memory() -> None:
    chosen = output_encoding("UTF-8")
    names = tuple(f"field{number}" for number in range(20))
    texts = tuple("some value" for _ in names)
    tracemalloc.start()
    with closing(spool_of(chosen, 100_000)) as spool:
        for _ in range(20_000):
            spool.write("select", names, texts)
        found = RecordSet("accountList", 20_000, None, 0, spool.position())
        length, pieces = document([Response(1, (), found)], spool, chosen)
        sent = sum(map(len, pieces))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent == length > 10_000_000
    assert peak < 1_500_000


def test_ten_thousand_short_responses_come_in_few_pieces() -> None:
    chosen = output_encoding("UTF-8")
    with closing(spool_of(chosen, 100)) as spool:
        length, pieces = document([Response(number) for number in range(10_000)], spool, chosen)
        sizes = [len(piece) for piece in pieces]
    assert sum(sizes) == length
    assert len(sizes) < 30
