"""Requests, answers, and an engine that only notes what it was given."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Any

from defusedxml.ElementTree import fromstring
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from packetserver.app import create_app
from packetserver.protocols.packet.packet import Options, Packet, RecordSet, RecordSink, Response
from packetserver.settings import Settings

PACKET = (
    '<?xml version="1.0" encoding="{encoding}"?><app><authentication><id>x</id></authentication>'
    '<transaction id="1"><meta><property>name</property></meta>'
    '<account action="insert"><name>Zoë &amp; Łódź</name></account></transaction></app>'
)
UTF_8_PACKET = PACKET.format(encoding="UTF-8").encode()
BARE_PACKET = UTF_8_PACKET.partition(b"?>")[2]
PATH = "/ProcessPacket.do"
FORM = "application/x-www-form-urlencoded"


@dataclass
class EchoEngine:
    """Answers every item with a record of its values, and notes how it was called."""

    calls: list[tuple[Packet, Options, str, str]] = field(default_factory=list)
    failure: Exception | None = None

    def process(
        self, packet: Packet, options: Options, host: str, address: str, sink: RecordSink
    ) -> tuple[Response, ...]:
        self.calls.append((packet, options, host, address))
        answers = []
        for transaction in packet.transactions:
            start = sink.position()
            for item in transaction.items:
                values = {each.name: each.text or "" for each in item.properties}
                texts = [values.get(name, "") for name in transaction.meta]
                sink.write("processed", transaction.meta, texts)
            found = RecordSet("account", len(transaction.items), None, start, sink.position())
            answers.append(Response(transaction.id, (), found))
        if self.failure is not None:
            raise self.failure
        return tuple(answers)

    def recognise(self, packet: Packet, host: str, address: str) -> None:
        """Everybody is let in."""

    def ping(self) -> None:
        if self.failure is not None:
            raise self.failure


def client_of(engine: EchoEngine, **settings: Any) -> FlaskClient:
    return create_app(Settings(**settings), engine).test_client()


def post(
    client: FlaskClient, body: bytes, content_type: str = "text/xml", **more: Any
) -> TestResponse:
    return client.post(PATH, data=body, content_type=content_type, **more)


def send(
    client: FlaskClient, stream: io.BytesIO, length: int | None, content_type: str = "text/xml"
) -> TestResponse:
    """Post a body of an announced length, or chunked when there is none, as gunicorn hands it on."""
    environ = {"CONTENT_TYPE": content_type, "wsgi.input": stream, "wsgi.input_terminated": True}
    if length is not None:
        environ["CONTENT_LENGTH"] = str(length)
    else:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    return client.post(PATH, environ_overrides=environ)


def answer(response: TestResponse) -> ET.Element:
    """The document of an answer, once the headers are found to agree with it."""
    assert response.mimetype == "text/xml"
    assert response.content_length == len(response.data)
    assert "Set-Cookie" not in response.headers
    charset = response.mimetype_params["charset"]
    assert response.headers["Content-Type"] == f"text/xml;charset={charset}"
    assert response.data.decode(charset).startswith(f'<?xml version="1.0" encoding="{charset}"?>')
    assert response.data.decode(charset).endswith(("</aspcfs>\n", "<aspcfs/>\n"))
    root = fromstring(response.data)
    assert root.tag == "aspcfs"
    return root


def error_of(response: TestResponse, status: int = 200) -> str:
    """The text of the one response without id that a refused packet gets."""
    assert response.status_code == status
    (only,) = answer(response)
    assert only.attrib == {}
    assert [child.tag for child in only] == ["status", "errorText"]
    assert only.findtext("status") == "1"
    text = only.findtext("errorText", "")
    assert text.startswith("Error: ")
    return text


def name_in(response: TestResponse) -> str | None:
    assert response.status_code == 200
    return answer(response).findtext("response[@id='1']/recordSet/record/name")
