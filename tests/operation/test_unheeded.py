"""What nothing heeds: named in the line of the request, counted, and refused where that is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import ADMIN, HOST
from protocols.packet.packing_client import Desk, open_desk, package_xml, zipped
from sync.packing import open_packing

from databases import KINDS, Databases
from packetserver.app import create_app
from packetserver.protocols.packet.process import build_engine
from packetserver.protocols.packet.unheeded import MOST_NAMED
from packetserver.records.opening import load_schema
from packetserver.settings import Settings

PATH = "/ProcessPacket.do"
METRIC = "packetserver_unheeded_total"


def packet(items: str, *, meta: str = "<property>id</property>", anchor: str = "") -> bytes:
    return f"""<app><authentication><id>{HOST}</id><systemId>4</systemId><username>admin</username>
<code>{ADMIN.code}</code><encoding>UTF-8</encoding>{anchor}</authentication>
<transaction id="1"><meta>{meta}</meta>{items}</transaction></app>""".encode()


@pytest.fixture(params=KINDS)
def url(request, databases: Databases):
    with databases.prepared(request.param) as found:
        yield found


def open_client(url: str, **settings):
    given = Settings(database_url=url, metrics="all", **settings)
    engine = build_engine(given)
    return engine, create_app(given, engine).test_client()


def counted(client) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    found = (line.partition(METRIC + '{kind="')[2] for line in lines if line.startswith(METRIC))
    return {line.partition('"')[0]: float(line.rpartition(" ")[2]) for line in found}


def test_the_line_names_it_and_the_metric_counts_it(url, log):
    engine, client = open_client(url)
    wild = "".join(f"<x{number}{'y' * 100}>1</x{number}{'y' * 100}>" for number in range(40))
    sent = packet(
        f'<account action="insert" oddly="1"><name>A<b>lost</b></name><Name>B</Name>{wild}</account>',
        meta="<property>id</property><property>nmae</property><propery>name</propery>",
    )
    before = counted(client)
    answer = client.post(PATH, data=sent, buffered=True)
    assert "<status>0</status>" in answer.text
    after = counted(client)
    (line,) = (each for each in log.requests() if each["method"] == "POST")
    # Of the two names one replaces the other, and one has an element in it.
    expected = {"field": 40, "value": 2, "attribute": 1, "meta": 2}
    assert line["unheeded"] == expected
    assert {kind: after[kind] - before.get(kind, 0) for kind in expected} == expected
    assert len(line["unheeded_names"]) == MOST_NAMED
    assert all(len(name) < 100 for name in line["unheeded_names"])
    assert line["unheeded_names"][0].startswith("field account.x0yyy")
    engine.database.close()


def test_nothing_is_said_where_everything_is_heeded(url, log):
    engine, client = open_client(url)
    client.post(PATH, data=packet("<accountList action='select'/>"), buffered=True).close()
    (line,) = (each for each in log.requests() if each["method"] == "POST")
    assert "unheeded" not in line
    engine.database.close()


@pytest.mark.parametrize(
    ("items", "more", "complaint"),
    [
        (
            "<account action='insert'><name>A<b>lost</b></name></account>",
            {},
            "name: what is nested",
        ),
        (
            "<accountList action='select'/>",
            {"meta": "<propery>name</propery>"},
            "the meta property propery is unknown, the nearest is property",
        ),
        (
            "<accountList action='sync'/>",
            {"anchor": "<nextAnchor>soon</nextAnchor>"},
            "nextAnchor: not a time",
        ),
        (
            "<account action='insert'><name>A</name><nmae>A</nmae></account>",
            {},
            "the nearest is name",
        ),
    ],
)
def test_the_header_and_the_setting_make_it_an_error(url, items, more, complaint):
    sent = packet(items, **more)
    for setting, header, is_refused in (
        (False, "true", True),
        (False, "false", False),
        (False, None, False),
        (True, None, True),
    ):
        engine, client = open_client(url, strict=setting)
        headers = {} if header is None else {"strict": header}
        answer = client.post(PATH, data=sent, headers=headers, buffered=True)
        assert (complaint in answer.text) is is_refused
        assert ("<status>1</status>" in answer.text) is is_refused
        engine.database.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_heeded_like_a_packet(
    kind: str, databases: Databases, tmp_path: Path, log
) -> None:
    record = ("account", "insert", [("Name", "From a package"), ("nmae", "x")])
    content = zipped(("a", package_xml(record)))
    with databases.prepared(kind) as url:
        with open_desk(url, load_schema(), tmp_path / "files") as desk:
            answer = desk.upload(content)
            assert answer.text == "The package is stored: 1 records.\n"
            answer.close()
            (row,) = desk.packing.office.rows("organization", name="From a package")
            assert row["name"] == "From a package"
            line = log.requests()[-1]
            assert line["unheeded"] == {"field": 1}
            assert line["unheeded_names"] == ["field account.nmae"]
        folder = tmp_path / "files"
        with open_packing(url, load_schema(), folder, strict=True) as packing:
            given = Settings(database_url=url, file_library=folder)
            desk = Desk(packing, create_app(given, packing.office.engine).test_client())
            refused = desk.upload(content).text
            assert "Nothing of the package is stored" in refused
            assert "the field nmae is unknown, the nearest is name" in refused
            assert len(desk.packing.office.rows("organization", name="From a package")) == 1
