"""What holds whatever a client sends, from the bytes of the packet to the rows and back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from defusedxml import ElementTree
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree
from sqlalchemy import func, select

from databases import KINDS, Databases
from packetserver.app import create_app
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.settings import Settings

ADMIN_CODE = "21232f297a57a5a743894a0e4a801fc3"
XML_TEXT = st.text(
    st.characters(
        codec="utf-8",
        exclude_characters="\ufffe\uffff",
        exclude_categories=["Cs", "Cc"],
    )
    | st.sampled_from("\t\n\r"),
    min_size=1,
    max_size=80,
)
ENCODINGS = ("UTF-8", "UTF-16", "ISO-8859-1", "US-ASCII", "windows-1252")

several = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@pytest.fixture(scope="module", params=KINDS)
def engine(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Engine]:
    with databases.prepared(request.param) as url:
        made = build_engine(Settings(database_url=url))
        with contextlib.closing(made.database):
            yield made


@pytest.fixture(scope="module")
def client(engine: Engine) -> FlaskClient:
    return create_app(Settings(), engine).test_client()


def packet(*transactions: Any, encoding: str | None = None) -> bytes:
    root = etree.Element("app")
    who = etree.SubElement(root, "authentication")
    for name, text in (("username", "admin"), ("code", ADMIN_CODE), ("systemId", "4")):
        etree.SubElement(who, name).text = text
    if encoding is not None:
        etree.SubElement(who, "encoding").text = encoding
    root.extend(transactions)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def transaction(items: list[tuple[str, str, dict[str, str]]], meta: list[str]) -> Any:
    made = etree.Element("transaction", id="1")
    properties = etree.SubElement(made, "meta")
    for name in meta:
        etree.SubElement(properties, "property").text = name
    for element, action, values in items:
        item = etree.SubElement(made, element, action=action)
        for name, text in values.items():
            etree.SubElement(item, name).text = text
    return made


def post(client: FlaskClient, body: bytes) -> bytes:
    answer = client.post("/ProcessPacket.do", data=body, content_type="text/xml")
    assert answer.status_code == 200
    return answer.data


@several
@given(name=XML_TEXT, notes=XML_TEXT)
@example(name=" padded ", notes="]]>&amp;<b>\r\n\tline")
def test_a_text_is_read_back_as_it_was_written(client: FlaskClient, name: str, notes: str) -> None:
    sent = {"name": name, "notes": notes}
    made = transaction([("account", "insert", sent)], ["id", "name", "notes"])
    answer = ElementTree.fromstring(post(client, packet(made)))
    if not name.strip():
        assert answer.findtext("response/status") == "1"
        return
    key = answer.findtext(".//record/id")
    assert key is not None

    selected = transaction([("account", "select", {"id": key})], ["name", "notes"])
    record = ElementTree.fromstring(post(client, packet(selected))).find(".//record")
    assert record is not None
    assert {each.tag: each.text or "" for each in record} == sent


@several
@given(text=XML_TEXT)
def test_an_answer_means_the_same_in_every_encoding(client: FlaskClient, text: str) -> None:
    echoed = transaction([("account", "update", {"id": "999999999", "notes": text})], ["notes"])
    seen = set()
    for encoding in ENCODINGS:
        body = post(client, packet(echoed, encoding=encoding))
        by_expat = ElementTree.fromstring(body).findtext(".//notes")
        by_libxml = etree.fromstring(body).findtext(".//notes")
        assert by_expat == by_libxml
        seen.add(by_expat)
    assert seen == {text}


def rows(engine: Engine) -> dict[str, int]:
    with engine.database.connect() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar() or 0
            for table in engine.schema.metadata.sorted_tables
            # What was asked is logged, and who has come in is noted, whatever came of it.
            if table.name not in {"sync_log", "sync_transaction_log", "packetserver_login"}
        }


GOOD = st.sampled_from(
    [
        ("account", "insert", {"name": "Good"}),
        ("contact", "insert", {"nameLast": "Good", "accessType": "2"}),
        ("lookupDepartment", "insert", {"description": "Good"}),
        ("task", "insert", {"description": "Good", "owner": "1", "priority": "1"}),
    ]
)
BAD = st.sampled_from(
    [
        ("account", "insert", {"url": "http://nameless.example"}),
        ("account", "insert", {"name": "Bad", "industry": "999999"}),
        ("account", "insert", {"name": "Bad", "employees": "many"}),
        ("account", "insert", {"name": "$C{nobody.id}"}),
        ("nothing", "select", {}),
        ("account", "frobnicate", {}),
        ("account", "insertSideways", {"name": "Bad"}),
        ("accountList", "select", {"orgId": "many"}),
    ]
)


@settings(several, max_examples=25)
@given(before=st.lists(GOOD, max_size=3), bad=BAD, after=st.lists(GOOD, max_size=3))
def test_a_transaction_that_fails_leaves_the_database_as_it_was(
    engine: Engine, client: FlaskClient, before: list[Any], bad: Any, after: list[Any]
) -> None:
    there = rows(engine)
    made = transaction([*before, bad, *after], ["id"])
    answer = ElementTree.fromstring(post(client, packet(made)))
    assert answer.findtext("response/status") == "1"
    assert answer.findtext("response/errorText")
    assert answer.find("response/recordSet") is None
    assert rows(engine) == there
