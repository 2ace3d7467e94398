"""From a packet to an answer: its encoding, and what goes wrong."""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.packet.exchanges import (
    BARE_PACKET,
    FORM,
    PACKET,
    UTF_8_PACKET,
    EchoEngine,
    answer,
    client_of,
    error_of,
    name_in,
    post,
)

from packetserver.errors import StoreUnavailable


def test_a_packet_is_answered(client: FlaskClient, engine: EchoEngine) -> None:
    response = post(client, UTF_8_PACKET)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/xml;charset=UTF-8"
    assert response.data == (
        b'<?xml version="1.0" encoding="UTF-8"?><aspcfs><response id="1"><status>0</status>'
        b'<errorText/><recordSet count="1" name="account"><record action="processed">'
        b"<name>Zo&#235; &amp; &#321;&#243;d&#378;</name></record></recordSet></response>"
        b"</aspcfs>\n"
    )
    assert len(engine.calls) == 1


@pytest.mark.parametrize(
    ("encoding", "answered"),
    [("UTF-8", "UTF-8"), ("utf-16", "UTF-16"), ("UTF-16LE", "UTF-16LE"), ("latin2", "ISO-8859-2"),
     ("windows-1250", "windows-1250"), ("UTF-32", "UTF-8"), ("gb18030", "GB18030")],
)  # fmt: skip
def test_a_packet_is_answered_in_its_own_encoding(client, encoding: str, answered: str) -> None:
    response = post(client, PACKET.format(encoding=encoding).encode(encoding))
    assert response.mimetype_params["charset"] == answered
    if answered != "GB18030":  # which the parser of `answer` does not know
        assert name_in(response) == "Zoë & Łódź"


@pytest.mark.parametrize(
    ("body", "content_type", "answered"),
    [
        (BARE_PACKET, "text/xml", "UTF-16"),
        (BARE_PACKET, 'text/xml; charset="utf-8"', "UTF-8"),
        (BARE_PACKET, "text/xml; charset=us-ascii", None),
        (codecs.BOM_UTF8 + BARE_PACKET, "text/xml", "UTF-8"),
        (BARE_PACKET.decode().encode("utf-16"), "text/xml", "UTF-16"),
        (BARE_PACKET.decode().encode("utf-16"), "text/xml; charset=utf-8", "UTF-16"),
        (UTF_8_PACKET, "text/xml; charset=utf-16", "UTF-8"),
        (UTF_8_PACKET.replace(b"UTF-8", b"UTF-16"), "text/xml", "UTF-16"),
    ],
)
def test_what_names_the_encoding_of_the_answer(client, body, content_type, answered) -> None:
    response = post(client, body, content_type)
    if answered is None:
        assert "not US-ASCII" in error_of(response)
    else:
        assert name_in(response) == "Zoë & Łódź"
        assert response.mimetype_params["charset"] == answered


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("ISO-8859-1", "ISO-8859-1"), (" utf-16 ", "UTF-16"), ("FOO", "UTF-8"), ("", "US-ASCII")],
)
def test_the_authentication_names_the_encoding_before_all(client, asked, answered: str) -> None:
    body = PACKET.format(encoding="US-ASCII").replace("<id>", f"<encoding>{asked}</encoding><id>")
    response = post(client, body.encode("ascii", "xmlcharrefreplace"))
    assert name_in(response) == "Zoë & Łódź"
    assert response.mimetype_params["charset"] == answered


def test_the_last_default_of_the_encoding_is_a_setting(engine: EchoEngine) -> None:
    response = post(client_of(engine, default_response_encoding="ISO-8859-1"), BARE_PACKET)
    assert response.mimetype_params["charset"] == "ISO-8859-1"
    assert name_in(response) == "Zoë & Łódź"


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (b'<?xml version="1.0" encoding="UTF-8"?><app>', "UTF-8"),
        (b'<?xml version="1.0" encoding="FOO"?><app/>', "UTF-8"),
        (b'<?xml version="1.0" encoding="latin1"?><app>', "ISO-8859-1"),
        (b"<app><authentication><encoding>ascii</encoding></authentication><x>", "US-ASCII"),
        (b"<app>", "UTF-16"),
    ],
)
def test_a_refused_packet_is_answered_in_its_encoding_too(client, engine, body, charset) -> None:
    response = post(client, body)
    assert error_of(response)
    assert response.mimetype_params["charset"] == charset
    assert not engine.calls


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "Error: The packet is empty"),
        (b"\r\n\r\n", "Error: The packet is empty"),
        (b"<app>\0</app>", "Error: The packet is not well-formed"),
        (b"<app>", "Error: The packet ends too early"),
        (b"<!DOCTYPE a><a/>", "Error: A packet may not have a document type"),
        (b"<app>\xff</app>", "Error: The packet has bytes that are not UTF-8"),
        (b'<?xml version="1.0" encoding="x"?><a/>', "Error: The packet has an unknown encoding: x"),
        (b"<x>" * 100_000, "Error: The packet is nested deeper than 64 elements"),
    ],
)
def test_a_bad_packet_gets_one_error(client, engine, body: bytes, text: str) -> None:
    assert error_of(post(client, body)).startswith(text)
    assert not engine.calls


@pytest.mark.parametrize("content_type", ["text/xml", FORM, "multipart/form-data; boundary=b", ""])
@settings(deadline=None)
@given(body=st.one_of(
    st.binary(max_size=200),
    st.builds(lambda at, new: UTF_8_PACKET[:at] + new + UTF_8_PACKET[at + len(new):],
              st.integers(0, len(UTF_8_PACKET)), st.binary(max_size=4)),
    st.builds(lambda text: f"--b\r\nContent-Disposition: form-data; name=data\r\n\r\n{text}".encode(),
              st.text(st.sampled_from("\r\n-b<a/>;"))),
))  # fmt: skip
def test_any_bytes_get_a_document(content_type: str, body: bytes) -> None:
    response = post(client_of(EchoEngine()), body, content_type)
    assert response.status_code == 200
    charset = response.mimetype_params["charset"]
    if charset not in ("UTF-8", "UTF-16", "US-ASCII", "ISO-8859-1"):
        assert response.data.decode(charset).endswith("</aspcfs>\n")
        return
    for each in answer(response):
        assert each.findtext("status") in {"0", "1"}


def test_ten_thousand_transactions_are_answered_in_order(client, engine: EchoEngine) -> None:
    one = b'<transaction id="%d"><meta><property>n</property></meta><a action="x"><n>%d</n></a></transaction>'
    body = b"<app>" + b"".join(one % (n, n) for n in range(10_000)) + b"</app>"
    root = answer(post(client, body))
    assert [each.get("id") for each in root] == [str(n) for n in range(10_000)]
    assert [each.findtext("recordSet/record/n") for each in root] == [str(n) for n in range(10_000)]


def test_limits_of_a_packet_are_settings(engine: EchoEngine) -> None:
    client = client_of(engine, max_packet_elements=8, max_packet_depth=5)
    assert "more than 8 elements" in error_of(post(client, UTF_8_PACKET))
    assert "deeper than 5 elements" in error_of(post(client, b"<a><b><c><d><e><f/>"))


def test_a_lost_database_is_told_to_come_again(client: FlaskClient, engine: EchoEngine) -> None:
    engine.failure = StoreUnavailable("could not connect to server: secret.example")
    response = post(client, UTF_8_PACKET)
    assert "secret" not in error_of(response, 503)
    assert int(response.headers["Retry-After"]) > 0
    assert response.mimetype_params["charset"] == "UTF-8"


@pytest.mark.parametrize(
    "failure", [RuntimeError("SELECT secret"), KeyError("secret"), MemoryError()]
)
def test_what_nobody_foresaw_is_logged_and_answered_in_a_neutral_sentence(
    client: FlaskClient, engine: EchoEngine, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    engine.failure = failure
    with caplog.at_level(logging.ERROR):
        text = error_of(post(client, UTF_8_PACKET))
    assert "secret" not in text
    assert type(failure).__name__ not in text
    found = re.search(r"[0-9a-f]{16}", text)
    assert found is not None
    (record,) = (each for each in caplog.records if found[0] in each.getMessage())
    assert record.exc_info is not None
    assert record.exc_info[1] is failure


def test_a_large_answer_is_whole_and_leaves_no_file_open(engine: EchoEngine) -> None:
    client = client_of(engine, spool_memory_bytes=1000)
    items = b"".join(b"<a action='x'><n>%d</n></a>" % n for n in range(5000))
    body = (
        b"<app><transaction><meta><property>n</property></meta>" + items + b"</transaction></app>"
    )
    for _ in range(3):
        found = [each.text for each in answer(post(client, body)).iter("n")]
        assert found == [str(n) for n in range(5000)]
    engine.failure = RuntimeError()
    error_of(post(client, body))


def test_packets_share_nothing(client: FlaskClient, engine: EchoEngine) -> None:
    def encodings() -> Iterator[str]:
        for encoding in ("UTF-16", "ISO-8859-2", "UTF-8") * 3:
            response = post(client, PACKET.format(encoding=encoding).encode(encoding))
            yield response.mimetype_params["charset"]

    assert list(encodings()) == ["UTF-16", "ISO-8859-2", "UTF-8"] * 3
