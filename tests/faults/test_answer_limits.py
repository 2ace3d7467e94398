"""Answers that become too long, and spools that become too many: an error, and nothing stored."""

from __future__ import annotations

import contextlib
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from faults.serving_app import App, open_app
from protocols.front.test_spools import keeper, room_left

from databases import KINDS, Databases
from packetserver.protocols.front.spools import Spools

TOO_LONG = (
    "Transaction failed\nitem 1 (accountList): The answer becomes longer than the 200000 bytes that"
    " this server sends: ask for fewer records at a time, or for fewer of their properties"
)
NO_ROOM = "Error: The server has no room for long packets and answers. Please send the packet again later."
PACKET = """<app><authentication><systemId>4</systemId><username>admin</username>
<code>21232f297a57a5a743894a0e4a801fc3</code><encoding>UTF-8</encoding></authentication>{}</app>"""
NAME = "<property>name</property>"
LONG = NAME + "".join(f"<property>unknown{number}</property>" for number in range(1500))
SHORT = NAME + "".join(f"<property>unknown{number}</property>" for number in range(90))
"""What makes of each record of a list 20,000 bytes, or 1,100."""

LIST = '<accountList action="select"/>'
ACCOUNTS = 60
LIMITS: dict[str, Any] = {
    "spool_memory_bytes": 10_000,
    "max_answer_bytes": 200_000,
    "max_spool_bytes": 1_000_000,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spools")


@pytest.fixture(scope="module", params=KINDS)
def app(request: pytest.FixtureRequest, databases: Databases, folder: Path) -> Iterator[App]:
    with (
        databases.prepared(request.param) as url,
        open_app(url, spool_folder=folder, **LIMITS) as opened,
    ):
        assert opened.send(insert("Known") * ACCOUNTS).packet_status == "0"
        yield opened


@pytest.fixture(autouse=True)
def nothing_is_left(app: App, folder: Path) -> Iterator[None]:
    """Whatever becomes of packets, their spools are gone, and so is what they took."""
    yield
    assert app.connections() == 0
    assert [each.name for each in folder.iterdir()] in ([], ["usage"])
    assert room_left(Spools(folder, 1_000_000)) == 1_000_000


def insert(name: str) -> str:
    return f'<account action="insert"><name>{name}</name></account>'


def transaction(number: int, items: str, meta: str = NAME) -> str:
    return f'<transaction id="{number}"><meta>{meta}</meta>{items}</transaction>'


def responses(app: App, *transactions: str, **headers: str) -> list[tuple[str, str]]:
    """The status and the text of every response; the document is whole in any case."""
    body = PACKET.format("".join(transactions)).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    answer = app.client.post("/ProcessPacket.do", data=body, headers=named, buffered=True)
    assert (answer.status_code, answer.content_length) == (200, len(answer.data))
    found = fromstring(answer.data).findall("response")
    return [(each.findtext("status", ""), each.findtext("errorText", "")) for each in found]


def test_a_list_that_becomes_too_long_is_an_error(app: App) -> None:
    assert responses(app, transaction(1, LIST, LONG)) == [("1", TOO_LONG)]
    assert responses(app, transaction(1, LIST, SHORT)) == [("0", "")]
    few = LIST.replace("select", 'select" items="5" offset="3')
    assert responses(app, transaction(1, few, LONG)) == [("0", "")], "as the text advises"


def test_nothing_is_stored_of_a_packet_whose_answer_becomes_too_long(app: App) -> None:
    assert responses(app, transaction(1, LIST + insert("Never"), LONG)) == [("1", TOO_LONG)]
    found = responses(
        app,
        transaction(1, insert("Never")),
        transaction(2, LIST, LONG),
        transaction(3, insert("Never")),
    )
    undone = ("1", "Transaction rolled back: another transaction in this packet failed")
    assert found == [undone, ("1", TOO_LONG), undone]
    assert app.names() == {"Known"}


def test_what_is_committed_before_and_after_stays(app: App) -> None:
    found = responses(
        app,
        transaction(1, insert("Before")),
        transaction(2, LIST + insert("Never"), LONG),
        # There is room for this one, as the long one is in no answer.
        transaction(3, LIST, SHORT),
        transaction(4, insert("After")),
        commit_level="transaction",
    )
    assert found == [("0", ""), ("1", TOO_LONG), ("0", ""), ("0", "")]
    assert app.names() == {"Known", "Before", "After"}
    for each in ("Before", "After"):
        deleted = f'<accountList action="select"><accountName>{each}</accountName></accountList>'
        key = app.send(deleted).document.findtext(".//id")
        assert app.send(f'<account action="delete"><id>{key}</id></account>').packet_status == "0"


def test_the_bound_is_one_for_the_packet(app: App) -> None:
    found = responses(app, *(transaction(number, LIST, SHORT) for number in range(5)))
    assert ("1", TOO_LONG) in found
    assert {status for status, _ in found} == {"1"}


def test_an_answer_waits_for_room_that_another_process_has(app: App, folder: Path) -> None:
    with closing_keeper(folder, 950_000):
        short = app.send(insert("Never").replace("insert", "select"))
        assert short.status == 200, "what needs no disk is answered"
        body = PACKET.format(transaction(1, LIST + insert("Never"), SHORT)).encode()
        answer = app.client.post("/ProcessPacket.do", data=body)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        document = fromstring(answer.data)
        assert document.findtext("response/status") == "1"
        assert document.findtext("response/errorText") == NO_ROOM
        assert app.connections() == 0
    assert responses(app, transaction(1, LIST, SHORT)) == [("0", "")]
    assert app.names() == {"Known"}


def test_a_body_waits_for_room_that_another_process_has(app: App, folder: Path) -> None:
    body = PACKET.format(transaction(1, insert("Never")) + " " * 400_000).encode()
    with closing_keeper(folder, 990_000):
        for packed, headers in (
            (body, {}),
            # Nothing is spared by sending little that becomes much.
            (gzip.compress(body), {"Content-Encoding": "gzip"}),
        ):
            answer = app.client.post("/ProcessPacket.do", data=packed, headers=headers)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
            assert fromstring(answer.data).findtext("response/errorText") == NO_ROOM
        for address in ("/ProcessClientSyncPackage.do", "/ProcessDocument.do"):
            file = (io.BytesIO(b"x" * 200_000), "a.zip")
            form = {"clientSyncPackage": file, "file1": (io.BytesIO(b"x" * 200_000), "a.zip")}
            answer = app.client.post(address, data=form)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert app.names() == {"Known"}


def test_answers_that_nobody_reads_are_counted_until_they_are_closed(
    app: App, folder: Path
) -> None:
    body = PACKET.format(transaction(1, LIST, SHORT)).encode()
    unread = []
    for _ in range(20):
        answer = app.client.post("/ProcessPacket.do", data=body)
        if answer.status_code == 503:
            break
        unread.append(answer)
    assert 5 <= len(unread) < 20
    unread.pop().close()
    assert app.client.post("/ProcessPacket.do", data=body, buffered=True).status_code == 200
    for each in unread:
        each.close()


@contextlib.contextmanager
def closing_keeper(folder: Path, size: int) -> Iterator[None]:
    process = keeper(folder, size)
    yield
    process.communicate()
