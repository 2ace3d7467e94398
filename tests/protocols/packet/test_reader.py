"""What is refused, and how much time and memory it may take."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import pytest
from protocols.packet.packets import EXAMPLE, properties, read, refusal, transaction

from packetserver.errors import PacketError
from packetserver.protocols.packet.builder import Limits
from packetserver.protocols.packet.packet import Property
from packetserver.protocols.packet.reader import PacketReader


@pytest.mark.parametrize("end", range(len(EXAMPLE)))
def test_a_packet_cut_off_anywhere_is_refused(end: int) -> None:
    assert refusal(EXAMPLE[:end])


@pytest.mark.parametrize("text", ["", " ", "\r\n\r\n", "\ufeff"])
def test_an_empty_packet_says_so(text: str) -> None:
    assert refusal(text) == "The packet is empty"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<app><code></app>", "not closed by its own end tag (line 1, column 14)"),
        ("<app>\n<a>", "The packet ends too early (line 2, column 4)"),
        ("<app", "The packet ends too early"),
        ("<app><![CDATA[x", "ends within a CDATA section"),
        ("<app/>junk", "Something follows the end"),
        ("<app/><app/>", "Something follows the end"),
        ("junk", "not well-formed"),
        ("<app a='1' a='2'/>", "an attribute twice"),
        ("<app>&nbsp;</app>", "an entity that is not XML's own"),
        ("<app a='&e;'/>", "an entity that is not XML's own"),
        ("<app>&#0;</app>", "a character that XML cannot carry"),
        ("<app>&#xD800;</app>", "a character that XML cannot carry"),
        ("<app>\0</app>", "a character that XML cannot carry"),
        ("<app>\x01</app>", "a character that XML cannot carry"),
        ("<app>\ufffe</app>", "a character that XML cannot carry"),
        ("<app>\ud800</app>", "a character that XML cannot carry"),
        ("<?xml version='1.0' encoding=''?><app/>", "XML declaration is not well-formed"),
        ("<app><?xml version='1.0'?></app>", "not well-formed"),
    ],
)
def test_what_is_not_well_formed_is_refused_with_a_sentence(text: str, complaint: str) -> None:
    assert complaint in refusal(text)


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))


QUADRATIC = f'<!ENTITY e "{"x" * 50_000}">'


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE app><app/>",
        '<!DOCTYPE app SYSTEM "file:///etc/passwd"><app/>',
        '<!DOCTYPE app PUBLIC "-//X//Y" "http://127.0.0.1:9/x.dtd"><app/>',
        '<!DOCTYPE app [<!ENTITY e SYSTEM "file:///etc/hostname">]><app>&e;</app>',
        '<!DOCTYPE app [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p">%p;]><app/>',
        f'<!DOCTYPE app [<!ENTITY e0 "ha">{BOMB}]><app>&e9;</app>',
        f'<!DOCTYPE app [<!ENTITY e0 "ha">{BOMB}<!ATTLIST app a CDATA "&e9;">]><app/>',
        f"<!DOCTYPE app [{QUADRATIC}]><app>{'&e;' * 50_000}</app>",
        '<?xml version="1.0"?><!-- <app> --><?pi?>\n<!DOCTYPE app [<!ELEMENT app ANY>]><app/>',
        f"<!DOCTYPE app [{'<!ELEMENT x ANY>' * 100_000}]><app/>",
    ],
)
def test_a_document_type_is_refused_before_it_is_read(text: str) -> None:
    tracemalloc.start()
    assert refusal(text) == "A packet may not have a document type"
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_doctype_within_a_packet_is_text_or_refused() -> None:
    assert properties("<n><![CDATA[<!DOCTYPE a>]]></n>") == (Property("n", "<!DOCTYPE a>"),)
    assert "not well-formed" in refusal("<app><!DOCTYPE a></app>")


def test_depth_is_bounded() -> None:
    nested = "<x>" * 62 + "</x>" * 62
    transaction(nested)
    assert (
        refusal(f"<app><transaction><x>{nested}") == "The packet is nested deeper than 64 elements"
    )
    assert "nested deeper" in refusal("<x>" * 100_000)
    assert "nested deeper than 5 elements" in refusal("<x>" * 6, Limits(depth=5))


def test_elements_and_attributes_are_counted() -> None:
    most = Limits(elements=10)
    read("<app>" + "<x a=''/>" * 4 + "<y/></app>", most)
    assert refusal(f"<app>{'<x/>' * 10}</app>", most) == "The packet has more than 10 elements"
    many = " ".join(f"a{n}=''" for n in range(10))
    assert refusal(f"<app {many}/>", most) == "The packet has more than 10 elements"


def test_the_length_of_a_value_is_bounded() -> None:
    most = Limits(characters=10)
    inner = "<app><transaction><item><name>{}</name></item></transaction></app>"
    read(inner.format("x" * 10), most)
    assert "a value of more than 10 characters" in refusal(inner.format("x" * 11), most)
    assert "a value of more than 10" in refusal(inner.format("<![CDATA[xxxxxx]]>" * 2), most)
    assert "a value of more than 10" in refusal(
        f"<app><authentication><id>{'x' * 11}</id></authentication></app>", most
    )
    read(inner.format(f"<child>{'x' * 11}</child>{'x' * 11}"), most)


@pytest.mark.parametrize("start", ["<app a='", "<app><!--", "<app><?pi ", "<app><"])
def test_the_length_of_a_tag_is_bounded(start: str) -> None:
    def endless() -> Iterator[str]:
        yield start
        for _ in range(1000):
            yield "x" * 65536
        pytest.fail("all of it was read")

    assert "too long" in refusal(endless())


def test_what_is_left_out_takes_no_memory() -> None:
    def long_packet() -> Iterator[str]:
        yield "<app>"
        for _ in range(200):
            yield "<x y='z'>some text<z/>more text</x>" * 1000
        yield f"<transaction><item><name>{'x' * 10}"
        yield "<child>"
        for _ in range(200):
            yield "x" * 65536
        yield "</child></name></item></transaction></app>"

    tracemalloc.start()
    packet = read(long_packet())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert packet.transactions[0].items[0].properties == (Property("name", "x" * 10),)
    assert peak < 3_000_000


def test_a_thousand_equal_names_are_one_string() -> None:
    found = properties("<name>x</name>" * 1000)
    assert len({id(each.name) for each in found}) == 1


def test_nothing_is_remembered_of_the_names_of_earlier_packets() -> None:
    def strange(number: int) -> str:
        return "<app>" + "".join(f"<x{number}y{n}/>" for n in range(10_000)) + "</app>"

    read(strange(0))
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(1, 6):
        read(strange(number))
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 200_000


def test_the_encoding_asked_for_is_known_even_when_the_packet_is_refused() -> None:
    reader = PacketReader(Limits())
    with pytest.raises(PacketError):
        reader.read(["<a><authentication><encoding>latin1</encoding></authentication><b>"])
    assert reader.asked_encoding == "latin1"
    assert PacketReader(Limits()).asked_encoding is None
