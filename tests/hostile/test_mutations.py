"""Good packets, damaged at random: what comes of them is a document, and the next packet works."""

from __future__ import annotations

import codecs
import functools
from encodings.aliases import aliases

import pytest
from hostile.arenas import Arena
from hostile.attacking import item, packet
from hostile.good_packets import good_packets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packetserver.protocols.packet.builder import Limits
from packetserver.protocols.packet.charsets import KNOWN_NAMES
from packetserver.protocols.packet.decoding import DecodedBody
from packetserver.protocols.packet.reader import PacketReader

# One process for them all: what they share takes longer to make than most of them take.
pytestmark = pytest.mark.xdist_group("hostile mutations")

PACKETS = good_packets()
PIECES = [
    *(b"<", b">", b"/>", b"&", b"&#", b"&lt;", b"]]>", b"<![CDATA[", b"<!--", b"-->", b"<?", b"?>"),
    *(b"<!DOCTYPE a>", b"\0", b"\xff", b"\xfe\xff", b"\xed\xa0\x80", b'"', b"'", b"=", b" ", b"\r"),
    *(b"$C{", b"}", b"^", b".", b"Guid", b"List", b"-1", b"99999999999", b"1e309", b"%", b"\\"),
    *(b"<meta><property>guid</property></meta>", b"<guid>-1</guid>", b"<id>0</id>", b"<app>"),
    *(b' action="sync"', b' action="delete"', b' shareKey="true"', b' lookup="account"'),
    *(
        b"<transaction>",
        b"</transaction>",
        b"<clientId>1</clientId>",
        b"<encoding>cp037</encoding>",
    ),
]
"""What is put in: what means something to a reader of packets."""

PLACES = st.integers(min_value=0, max_value=10**6)
CHANGES = st.one_of(
    st.tuples(st.just("flip"), PLACES, st.integers(min_value=1, max_value=255)),
    st.tuples(st.just("cut"), PLACES, PLACES),
    st.tuples(st.just("double"), PLACES, PLACES),
    st.tuples(st.just("splice"), PLACES, PLACES),
    st.tuples(st.just("put"), PLACES, st.integers(0, len(PIECES) - 1)),
    st.tuples(st.just("swap"), PLACES, PLACES),
)
Change = tuple[str, int, int]

many = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def changed(body: bytes, change: Change) -> bytes:
    """A body with one change: places are taken round its end."""
    kind, first, second = change
    place = first % (len(body) + 1)
    if kind == "flip":
        return (
            body[:place]
            + bytes(each ^ second for each in body[place : place + 1])
            + body[place + 1 :]
        )
    if kind == "put":
        return body[:place] + PIECES[second] + body[place:]
    if kind == "splice":
        other = PACKETS[second % len(PACKETS)]
        return body[:place] + other[second % len(other) :]
    if kind == "swap":
        # Elements change places: what is left is well-formed more often than not.
        parts = body.split(b"><")
        one, other = first % len(parts), second % len(parts)
        parts[one], parts[other] = parts[other], parts[one]
        return b"><".join(parts)
    start, end = sorted((place, second % (len(body) + 1)))
    return body[:start] + body[end:] if kind == "cut" else body[:end] + body[start:]


@many
@given(number=st.integers(0, len(PACKETS) - 1), changes=st.lists(CHANGES, min_size=1, max_size=6))
def test_a_damaged_packet_is_answered_with_a_document(
    arena: Arena, number: int, changes: list[Change]
) -> None:
    body = functools.reduce(changed, changes, PACKETS[number])
    arena.target.play(body)
    assert arena.target.is_well()


def test_there_are_many_good_packets_to_damage() -> None:
    assert len(PACKETS) > 1000


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-be", "shift_jis", "gb18030", "euc_jp"]
)
def test_a_packet_cut_anywhere_is_the_same_packet(encoding: str) -> None:
    """Characters of several bytes, marks and tags may lie across the border of two pieces."""
    name = "日本 <&> \U0001f4a3" if encoding[:3] in {"utf", "gb1"} else "日本 <&>"
    text = name.replace("&", "&amp;").replace("<", "&lt;")
    declared = encoding.removesuffix("-sig").removesuffix("-be")
    body = (
        f'<?xml version="1.0" encoding="{declared}"?><app><transaction id="1">'
        f"<account action='insert'><name>{text}<![CDATA[{name}]]></name></account></transaction></app>"
    ).encode(encoding)
    whole = PacketReader(Limits()).read(DecodedBody([body]).texts())
    assert whole.transactions[0].items[0].properties[0].text == name * 2
    for size in (1, 2, 3, 5, 7, 64):
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
        assert PacketReader(Limits()).read(DecodedBody(pieces).texts()) == whole


def test_an_answer_can_be_read_in_every_encoding_that_may_be_asked_for(
    sqlite_arena: Arena,
) -> None:
    names = sorted(
        {*KNOWN_NAMES, *aliases, "x" * 500, "../x", "a b", "", "\U0001f4a3", "utf_8_sig"}
    )
    sent = "é ж 日本 \U0001f4a3 <&> ~\\"
    for name in names:
        wanted = item("account", "update", {"id": "1999999999", "notes": sent})
        document = sqlite_arena.target.play(packet(([wanted], ["notes"]), encoding=name))
        assert document.findtext(".//notes") == sent, name
    assert sqlite_arena.target.is_well()


def test_no_request_makes_python_remember_the_name_of_an_encoding(sqlite_arena: Arena) -> None:
    codecs.lookup("utf-8")
    before = len(_remembered())
    for number in range(50):
        body = f'<?xml version="1.0" encoding="invented{number}"?><app/>'.encode()
        sqlite_arena.target.play(body)
    assert len(_remembered()) == before


def _remembered() -> set[str]:
    import encodings  # noqa: PLC0415

    return set(encodings._cache)
