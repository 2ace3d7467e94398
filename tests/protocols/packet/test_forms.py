"""Packets in the field `data` of a form, and XML that goes by a wrong type."""

from __future__ import annotations

import codecs
import io
import itertools
from collections.abc import Callable, Iterator
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.packet.exchanges import (
    BARE_PACKET,
    FORM,
    PACKET,
    UTF_8_PACKET,
    EchoEngine,
    client_of,
    error_of,
    name_in,
    post,
    send,
)


def multipart(*parts: tuple[str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    heads = (f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() for head, _ in parts)
    contents = (content + b"\r\n" for _, content in parts)
    return b"".join(map(bytes.__add__, heads, contents)) + end


LATIN_1_PACKET = PACKET.format(encoding="ISO-8859-1").replace("Łódź", "x").encode("latin-1")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"data=" + quote_plus(UTF_8_PACKET).encode(), FORM),
        (b"a=1&data=" + quote_plus(UTF_8_PACKET).encode() + b"&b=2&data=x", FORM),
        (b"data=" + UTF_8_PACKET.replace(b"&", b"%26").replace(b" ", b"+"), FORM),
        (b"data=" + quote_plus(codecs.BOM_UTF8 + UTF_8_PACKET).encode(), FORM + ";charset=latin1"),
        (b"data=" + quote_plus(BARE_PACKET.decode().encode("utf-16")).encode(), FORM),
        # The declaration was written by a person, the bytes by a browser.
        (b"data=" + quote_plus(UTF_8_PACKET.replace(b"UTF-8", b"ISO-8859-1")).encode(), FORM),
        (multipart(("name=data", UTF_8_PACKET)), "multipart/form-data; boundary=b"),
        (multipart(('name="x"', b"1"), ('name="data"', UTF_8_PACKET), ('name="data"', b"2")),
         'multipart/form-data; boundary="b"'),
        (multipart(('name="data"; filename="p.xml"', BARE_PACKET.decode().encode("utf-16"))),
         "multipart/form-data; boundary=b"),
        (UTF_8_PACKET, FORM),
        (b"\r\n" + UTF_8_PACKET, FORM + "; charset=UTF-8"),
        (BARE_PACKET.decode().encode("utf-16"), FORM),
        (UTF_8_PACKET, "multipart/form-data"),
        (UTF_8_PACKET, "application/octet-stream"),
        (UTF_8_PACKET, ";;"),
    ],
)  # fmt: skip
def test_a_form_or_xml_under_a_wrong_type_is_read(client, body: bytes, content_type: str) -> None:
    assert name_in(post(client, body, content_type)) == "Zoë & Łódź"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (
            multipart(("name=data; filename=p.xml", LATIN_1_PACKET)),
            "multipart/form-data; boundary=b",
        ),
        (b"data=" + quote_plus(LATIN_1_PACKET).encode(), FORM + "; charset=ISO-8859-1"),
    ],
)
def test_a_form_may_have_another_encoding(client, body: bytes, content_type: str) -> None:
    assert name_in(post(client, body, content_type)) == "Zoë & x"


LONG_PACKET = UTF_8_PACKET + "<!-- ë -->".encode() * 500


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=20),
    st.sampled_from([quote_plus, lambda raw: "".join(f"%{byte:02x}" for byte in raw)]),
)
def test_a_form_may_come_in_pieces_of_any_size(sizes: list[int], quote: Callable) -> None:
    body = f"x=%&data={quote(LONG_PACKET)}&y".encode()
    stream = Trickle(body)
    stream.sizes = itertools.cycle(sizes)
    assert name_in(send(client_of(EchoEngine()), stream, len(body), FORM)) == "Zoë & Łódź"


class Trickle(io.BytesIO):
    """A body that arrives in pieces of given sizes."""

    sizes: Iterator[int]

    def read(self, _size: int | None = -1, /) -> bytes:
        return super().read(next(self.sizes))


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"a=1&b=2", FORM, "The form has no field data"),
        (b"DATA=x&%64ata=y&xdata=z", FORM, "The form has no field data"),
        (b"", FORM, "The form has no field data"),
        (b"data=", FORM, "The packet is empty"),
        (b"data=%3Capp%3E", FORM, "The packet ends too early"),
        (b"data=%3Capp%2", FORM, "The packet"),
        (multipart(("name=x", b"1")), "multipart/form-data; boundary=b", "no field data"),
        (multipart(("name=data", b"<a>")), "multipart/form-data; boundary=b", "ends too early"),
        (
            multipart(("name=data", BARE_PACKET), end=b""),
            "multipart/form-data; boundary=b",
            "no complete",
        ),
        (
            multipart(("name=data", BARE_PACKET), ("name=x", b"1"), end=b""),
            "multipart/form-data; boundary=b",
            "no complete",
        ),
        (
            multipart(*[("name=x", b"1")] * 2000, ("name=data", BARE_PACKET)),
            "multipart/form-data; boundary=b",
            "no complete",
        ),
        (multipart(("name=data", BARE_PACKET)), "multipart/form-data", "no complete"),
        (b"--b\r\nX: y\r\n\r\nz\r\n--b--", "multipart/form-data; boundary=b", "no complete"),
        (b"--b\r\n\xff: y\r\n\r\nz\r\n--b--", "multipart/form-data; boundary=b", "no complete"),
        (b"x" * 2_000_000, "multipart/form-data; boundary=b", "no complete"),
    ],
)
def test_a_bad_form_gets_one_error(client, engine, body, content_type, text: str) -> None:
    assert text in error_of(post(client, body, content_type))
    assert not engine.calls


def test_the_fields_after_the_packet_count_for_the_limit(engine: EchoEngine) -> None:
    body = b"data=" + quote_plus(UTF_8_PACKET).encode() + b"&x=" + b"y" * 200_000
    client = client_of(engine, max_body_bytes=100_000)
    assert "longer than" in error_of(send(client, io.BytesIO(body), None, FORM), 413)
    assert not engine.calls
