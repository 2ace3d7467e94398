"""The packets of docs/objects are accepted, once what stands in braces is filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import HOST, ListSink
from making import Maker, creatable
from people import CODE, People

from packetserver.catalogue.loader import load_catalogue
from packetserver.protocols.packet.builder import Limits
from packetserver.protocols.packet.packet import CommitLevel, Options, Response
from packetserver.protocols.packet.reader import PacketReader

STORED = creatable(load_catalogue())
PAGES = Path(__file__).parents[2] / "docs" / "objects"
PACKET = re.compile(r"^## Example: ([^\n]+)\n\n```xml\n(.+?)^```", re.MULTILINE | re.DOTALL)
BLANK = re.compile(r"\{([^{}]+)\}")
OTHER = "other "

ANSWERED_BY = {"insert": "processed", "select": "select", "update": "processed", "delete": "delete"}
"""The action of the one record that answers, by the title of the packet; lists may be empty."""


class Filler:
    """Fills in what a page leaves to the reader, the same all over the page."""

    def __init__(self, maker: Maker, people: People) -> None:
        self.maker = maker
        self.filled = {
            "host": HOST,
            "user name": people.everything.username,
            "code": CODE,
            "new code": CODE,
            "client": "1",
            "client code": "secret1",
        }

    def fill(self, text: str) -> str:
        return BLANK.sub(lambda found: self._value(found[1]), text)

    def _value(self, name: str) -> str:
        if name not in self.filled:
            self.filled[name] = self._key(name)
        return self.filled[name]

    def _key(self, name: str) -> str:
        if name.startswith(OTHER):
            return "2" if name == f"{OTHER}user" else self.maker.insert(name.removeprefix(OTHER))
        known = name in self.maker.catalogue.objects
        return self.maker.known(name) if known else self.maker.row(name)


def packets(element: str) -> Iterator[tuple[str, str]]:
    page = (PAGES / f"{element}.md").read_text(encoding="utf-8")
    return ((found[1], found[2]) for found in PACKET.finditer(page))


def post(maker: Maker, body: str) -> tuple[Response, ListSink]:
    packet = PacketReader(Limits(1000, 64)).read(body.splitlines())
    sink = ListSink()
    options = Options(CommitLevel.PACKET, validate=True)
    (response,) = maker.driver.engine.process(packet, options, HOST, HOST, sink)
    return response, sink


@pytest.mark.parametrize("element", STORED)
def test_every_packet_of_a_page_is_accepted(maker: Maker, people: People, element: str) -> None:
    filler = Filler(maker, people)
    titles = []
    for title, text in packets(element):
        response, sink = post(maker, filler.fill(text))
        assert response.errors == (), title
        if title in ANSWERED_BY:
            (record,) = sink.records
            assert record.action == ANSWERED_BY[title]
            # The other packets are about the record that the first one has inserted.
            filler.filled.setdefault(element, record.texts[0])
        titles.append(title)
    listed = maker.object(element).list_element is not None
    lists = ["select of the list", "sync"] if listed else []
    assert sorted(titles) == sorted([*ANSWERED_BY, *lists])
