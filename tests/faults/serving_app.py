"""The whole application on a database, in this process, and what it answers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring
from flask.testing import FlaskClient

from packetserver.app import create_app
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.settings import Settings

PACKET = """<app><authentication><systemId>4</systemId><username>admin</username>
<code>21232f297a57a5a743894a0e4a801fc3</code><encoding>UTF-8</encoding></authentication>
<transaction id="1"><meta><property>id</property><property>name</property></meta>{}</transaction></app>"""


@dataclass
class Answered:
    """An answer of HTTP, and the document in it."""

    status: int
    retry_after: str | None
    document: Element
    length: int

    @property
    def packet_status(self) -> str:
        return self.document.findtext("response/status") or ""

    @property
    def text(self) -> str:
        return self.document.findtext("response/errorText") or ""

    def is_later(self) -> bool:
        """Whether the packet is to be sent again later."""
        assert self.document.tag == "aspcfs"
        return (self.status, self.packet_status, self.retry_after) == (503, "1", "10")


@dataclass
class App:
    """The application, and the engine in it."""

    client: FlaskClient
    engine: Engine

    def send(self, items: str) -> Answered:
        answer = self.client.post("/ProcessPacket.do", data=PACKET.format(items).encode())
        return Answered(
            answer.status_code,
            answer.headers.get("Retry-After"),
            fromstring(answer.data),
            len(answer.data),
        )

    def insert(self, name: str) -> Answered:
        return self.send(f'<account action="insert"><name>{name}</name></account>')

    def names(self) -> set[str]:
        answer = self.send('<accountList action="select"/>')
        assert (answer.status, answer.packet_status) == (200, "0"), answer.text
        return {each.text or "" for each in answer.document.iter("name")}

    def connections(self) -> int:
        """How many connections are in use."""
        return int(self.engine.database.engine.pool.checkedout())


@contextlib.contextmanager
def open_app(url: str, **settings: Any) -> Iterator[App]:
    given = Settings(database_url=url, **settings)
    engine = build_engine(given)
    with contextlib.closing(engine.database):
        yield App(create_app(given, engine).test_client(), engine)
