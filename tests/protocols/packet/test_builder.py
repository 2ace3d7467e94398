"""What of a packet is kept, and what is left out."""

from __future__ import annotations

from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from protocols.packet.packets import EXAMPLE, XML_TEXT, properties, read, transaction

from packetserver.protocols.packet.builder import read_integer
from packetserver.protocols.packet.packet import Packet, Property, Transaction


def credentials(inner: str) -> dict[str, object]:
    found = read(f"<app><authentication>{inner}</authentication></app>").credentials
    assert found is not None
    values = {name: getattr(found, name) for name in found.__slots__}
    return {name: value for name, value in values.items() if value is not None}


def test_the_example_is_read_whole() -> None:
    packet = read(EXAMPLE)
    assert packet.credentials is not None
    assert packet.credentials.username == "admin"
    assert packet.credentials.system_id == 4
    assert packet.credentials.code == "21232f297a57a5a743894a0e4a801fc3"
    assert packet.credentials.last_anchor is None
    (only,) = packet.transactions
    assert (only.id, only.meta) == (1, ("id", "name"))
    (item,) = only.items
    assert (item.element, item.attributes) == (
        "account",
        {"action": "insert", "shareKey": "true"},
    )
    assert item.properties == (
        Property("name", "Dark Horse <Ventures>"),
        Property("owner", "17", "user"),
        Property("notes", None),
    )


def test_pieces_of_any_size_give_the_same_packet() -> None:
    assert read(iter(EXAMPLE)) == read(EXAMPLE)


@pytest.mark.parametrize("leading", ["\n\n", " \t\r\n", "\ufeff", "\ufeff\r\n"])
def test_blanks_and_marks_before_the_declaration_are_skipped(leading: str) -> None:
    assert read(leading + EXAMPLE) == read(EXAMPLE)
    assert read(iter(leading + EXAMPLE)) == read(EXAMPLE)


def test_the_root_may_have_any_name_and_order_does_not_matter() -> None:
    packet = read(
        '<x><transaction id="2"/><authentication><id>a</id></authentication><transaction/></x>'
    )
    assert packet.credentials is not None
    assert packet.credentials.id == "a"
    assert [each.id for each in packet.transactions] == [2, None]


def test_only_direct_children_of_the_root_count() -> None:
    packet = read("<a><b><authentication/><transaction/></b>x<transaction/></a>")
    assert packet == Packet(None, (Transaction(None, (), ()),))
    assert read("<transaction><item/></transaction>") == Packet(None, ())
    assert read("<app/>") == Packet(None, ())


def test_the_first_authentication_counts() -> None:
    packet = read(
        "<a><authentication><id>1</id></authentication>"
        "<authentication><id>2</id><code>c</code></authentication></a>"
    )
    assert packet.credentials is not None
    assert (packet.credentials.id, packet.credentials.code) == ("1", None)


def test_credentials_are_stripped_but_for_the_code() -> None:
    inner = (
        "<id> a </id><code> b </code><username>\nc\n</username><encoding> UTF-8 </encoding>"
        "<systemId> 4 </systemId><clientId> 0 </clientId>"
        "<lastAnchor> 1/2/26 3:04:05 AM EST </lastAnchor><nextAnchor>x</nextAnchor>"
    )
    assert credentials(inner) == {
        "id": "a",
        "code": " b ",
        "username": "c",
        "encoding": "UTF-8",
        "system_id": 4,
        "client_id": 0,
        "last_anchor": "1/2/26 3:04:05 AM EST",
        "next_anchor": "x",
    }


def test_credentials_that_are_empty_or_unknown_are_none() -> None:
    assert (
        credentials("<id/><code></code><username>  </username><url>x</url><authCode>y</authCode>")
        == {}
    )
    assert credentials("<systemId>four</systemId><clientId>-1</clientId>") == {}
    assert credentials("<clientId>4.0</clientId><systemId>-1</systemId>") == {"system_id": -1}


def test_a_later_credential_overwrites_unless_it_is_empty() -> None:
    assert credentials("<id>a</id><id>b</id><code>c</code><code/>") == {"id": "b", "code": "c"}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("7", 7), (" 7\n", 7), ("+7", 7), ("-7", -7), ("007", 7), ("2147483647", 2147483647)),
        *(("", None), ("x", None), ("7.0", None), ("1_000", None), ("٧", None), ("--7", None)),
        *(("2147483648", None), ("-2147483649", None), ("9" * 5000, None)),
    ],
)
def test_an_integer_has_32_bits(text: str, number: int | None) -> None:
    assert read_integer(text) == number


@pytest.mark.parametrize(
    ("attributes", "number"),
    [
        ('id="7"', 7),
        ('id=" 0 "', 0),
        ('id="-1"', None),
        ('id="x"', None),
        ('id=""', None),
        ("", None),
    ],
)
def test_a_transaction_id_is_a_natural_number_or_none(attributes: str, number: int | None) -> None:
    assert transaction("", attributes).id == number


def test_the_last_meta_counts_wherever_it_stands() -> None:
    assert transaction("<meta><property>a</property></meta><x/>").meta == ("a",)
    several = transaction(
        "<meta><property>a</property></meta><x action='select'/><meta><property>b</property></meta>"
    )
    assert several.meta == ("b",)
    assert [item.element for item in several.items] == ["x"]
    assert transaction("<meta><property>a</property></meta><meta/>").meta == ()


def test_meta_is_stripped_and_a_field_is_asked_for_once() -> None:
    inner = "".join(f"<property>{each}</property>" for each in (" b ", "a", "b", "", " ", "a"))
    assert transaction(f"<meta>{inner}<other>c</other></meta>").meta == ("b", "a")


def test_meta_of_one_transaction_is_none_of_the_next() -> None:
    packet = read(
        "<a><transaction><meta><property>a</property></meta><x/></transaction><transaction><y/></transaction></a>"
    )
    assert [each.meta for each in packet.transactions] == [("a",), ()]
    assert [len(each.items) for each in packet.transactions] == [1, 1]


def test_items_keep_their_order_and_attributes() -> None:
    inner = "<b action=' insert ' type='' items='5'/>text<a/><b/>"
    found = transaction(inner).items
    assert [item.element for item in found] == ["b", "a", "b"]
    assert found[0].attributes == {"action": " insert ", "type": "", "items": "5"}
    assert found[1].attributes == {}


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        ("", None),
        ("<![CDATA[]]>", None),
        ("<!-- nothing -->", None),
        (" ", " "),
        ("  x  ", "  x  "),
        ("a\r\nb\rc\n", "a\nb\nc\n"),
        ("a&#13;&#10;b", "a\r\nb"),
        ("&amp;&lt;&gt;&quot;&apos;&#228;&#x1F600;", "&<>\"'ä😀"),
        ("a<!-- x -->b<?php y ?>c", "abc"),
        ("<![CDATA[a]]]]><![CDATA[>b]]>", "a]]>b"),
        ("a<![CDATA[<b>]]>c", "a<b>c"),
        ("a<child>b</child>c", "a"),
        ("<child>b</child>c", None),
        ("<child><child>b</child></child>", None),
    ],
)
def test_a_value_is_all_text_before_the_first_child(inner: str, text: str | None) -> None:
    assert properties(f"<name>{inner}</name>") == (Property("name", text),)


def test_a_lookup_is_kept_unless_it_is_empty() -> None:
    inner = '<a lookup="user">1</a><b lookup="">2</b><c other="x">3</c>'
    assert properties(inner) == (
        Property("a", "1", "user"),
        Property("b", "2"),
        Property("c", "3"),
    )


def test_a_prefix_is_part_of_the_name_and_a_default_namespace_is_not() -> None:
    packet = read(
        '<app xmlns="urn:x" xmlns:p="urn:y"><p:transaction/><transaction>'
        '<account action="select"><p:name p:a="1">x</p:name><q:name>y</q:name></account>'
        "</transaction></app>"
    )
    (only,) = packet.transactions
    assert only.items[0].element == "account"
    assert only.items[0].properties == (Property("p:name", "x"), Property("q:name", "y"))


@settings(deadline=None)
@given(XML_TEXT)
def test_any_text_is_read_as_it_was_sent(text: str) -> None:
    assert properties(f"<name>{escape(text)}</name>")[0].text == (text or None)
