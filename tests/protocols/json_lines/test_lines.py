"""A second protocol on the records: what it may, must and fails at is what packets may, must and fail at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pytest
from driving import ADMIN, CLIENT, HOST, Driver
from generic.rights import held_by, sufficient
from generic.test_permission_matrix import make_party
from making import Maker, creatable
from protocols.json_lines import lines

from databases import KINDS, Databases
from packetserver.catalogue.loader import load_catalogue
from packetserver.protocols.packet.failures import DENIED, FAILED, FIXED_LINES
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.security.credentials import Credentials
from packetserver.security.principal import Principal
from packetserver.security.throttle import Attempt
from packetserver.settings import Settings

CATALOGUE = load_catalogue()
STORED = creatable(CATALOGUE)
ROLES = ("Administrator", "Salesperson", "HR Representative")
UNDONE = {"do": "create", "object": "nobodyKnowsThis"}
"""Nothing of what is asked together with it is kept."""

ACTIONS = {"create": "insert", "retrieve": "select", "change": "update", "remove": "delete"}


@dataclass
class Both:
    """A database that is spoken to in packets and in lines."""

    engine: Engine
    maker: Maker
    parties: dict[str, Credentials]

    def principal(self, credentials: Credentials = ADMIN) -> Principal:
        """Who asks, by the proof that packets have."""
        engine = self.engine
        with engine.database.connect() as connection:
            now, attempt = engine.preferences.now(), Attempt(HOST, 0.0, None)
            return engine.authenticator.authenticate(connection, credentials, HOST, now, attempt)

    def ask(self, *asked: Mapping[str, Any], principal: Principal | None = None) -> list[Any]:
        sent = (json.dumps(each) for each in asked)
        answers = lines.answer(self.engine.service, principal or self.principal(), sent)
        return [json.loads(each) for each in answers]

    def typed(self, element: str, texts: Mapping[str, str | None]) -> dict[str, Any]:
        """The values of texts of packets, as JSON has them."""
        described = CATALOGUE.objects[element]
        found: dict[str, Any] = {}
        for name, text in texts.items():
            field = described.field(name)
            assert field is not None
            value = None if text is None else field.type.read(text, self.engine.preferences.zone)
            is_time = isinstance(value, datetime | date)
            found[field.name] = value.isoformat() if is_time else value
        return found

    def split(self, element: str, texts: Mapping[str, str]) -> dict[str, Any]:
        """What a packet sends of a record, as values and controls."""
        controls = CATALOGUE.objects[element].controls
        switches = {
            name: controls[name].type.read(text, self.engine.preferences.zone)
            for name, text in texts.items()
            if name in controls
        }
        fields = {name: text for name, text in texts.items() if name not in controls}
        return {"values": self.typed(element, fields), "controls": switches}


def grouped(kind: str) -> Any:
    return pytest.param(kind, marks=pytest.mark.xdist_group(f"lines on {kind}"))


@pytest.fixture(scope="module", params=[grouped(kind) for kind in KINDS], ids=KINDS)
def both(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Both]:
    with databases.prepared(request.param) as url:
        engine = build_engine(Settings(database_url=url))
        with closing(engine.database):
            maker = Maker(Driver(engine, CLIENT))
            yield Both(engine, maker, {role: make_party(maker.driver, role)[0] for role in ROLES})


def asked_of(both: Both, element: str) -> Iterator[dict[str, Any]]:
    """Every operation on a record of an object, in an order in which each can succeed."""
    maker, described = both.maker, CATALOGUE.objects[element]
    new = {**maker.needed(element), **maker.wire_only(element)}
    common = {"object": element, "validate": False}
    yield {"do": "create", **common, **both.split(element, new)}
    named = both.typed(element, maker.named(element))
    key = named if described.key is None else named[described.key.name]
    yield {"do": "retrieve", **common, "key": key}
    yield {
        "do": "change",
        **common,
        "key": key,
        "values": both.typed(element, maker.changed(element)),
    }
    yield {"do": "remove", **common, "key": key}


@pytest.mark.parametrize("role", ROLES)
def test_a_user_may_do_what_his_role_holds_and_nothing_else(both: Both, role: str) -> None:
    with both.engine.database.connect() as connection:
        held = held_by(connection, role)
    principal = both.principal(both.parties[role])
    for element in STORED:
        for asked in asked_of(both, element):
            names = sufficient(element, ACTIONS[asked["do"]])
            refused = both.ask(asked, UNDONE, principal=principal)[-1]["refused"]
            is_denied = refused[0]["kind"] == "permission"
            is_refused = bool(names) and not names & held
            may_register = element == "syncClient" and asked["do"] == "create"
            assert is_denied is (is_refused and not may_register), (asked, refused)
            assert is_denied or refused[0]["kind"] in {"unknown", "in_use"}, (asked, refused)


def sentences(answer: Mapping[str, Any]) -> list[str]:
    """What is wrong, as packets say it behind the lines that clients know."""
    found = []
    for each in answer.get("refused", []):
        reason = DENIED if each["kind"] == "permission" else each["reason"]
        found.append(f"{each['field']}: {reason}" if each["field"] else reason)
    return found


def told_by_packets(
    both: Both, element: str, action: str, texts: Mapping[str, str | None]
) -> list[str]:
    answer = Driver(both.engine).one(element, action, texts)
    return [each for each in answer.reasons if each not in {*FIXED_LINES, FAILED}]


def test_a_record_that_lacks_everything_fails_at_the_same(both: Both) -> None:
    for element in STORED:
        (answer,) = both.ask({"do": "create", "object": element}) or [{}]
        assert sentences(answer) == told_by_packets(both, element, "insert", {}), element


def test_a_value_that_is_none_of_its_type_fails_at_the_same(both: Both) -> None:
    for element in STORED:
        numbers = [each for each in both.maker.settable(element) if each.type.name == "integer"]
        if not numbers:
            continue
        name = numbers[0].name
        (answer,) = both.ask({"do": "create", "object": element, "values": {name: "x"}})
        assert sentences(answer) == told_by_packets(both, element, "insert", {name: "x"})


def row(both: Both, element: str, key: int) -> dict[str, Any]:
    described = CATALOGUE.objects[element]
    table = both.engine.schema.metadata.tables[described.table or ""]
    assert described.key is not None
    with both.engine.database.connect() as connection:
        named = table.c[described.key.column or ""] == key
        return dict(connection.execute(table.select().where(named)).mappings().one())


def test_what_a_line_creates_is_what_a_packet_creates(both: Both) -> None:
    compared, everybody = 0, both.principal(CLIENT)
    for element in STORED:
        described = CATALOGUE.objects[element]
        if described.key is None or described.key.type.name != "integer" or described.names:
            continue
        begun = both.engine.preferences.now()
        new = {**both.maker.needed(element), **both.maker.wire_only(element)}
        asked = {"do": "create", "object": element, "validate": False, **both.split(element, new)}
        (created,) = both.ask(asked, principal=everybody)
        assert "key" in created, (element, created)
        by_line = row(both, element, created["key"])
        answers = [
            Driver(both.engine, CLIENT).one(
                element, "insert", new, [described.key.name], validate=False
            )
            for _ in range(2)
        ]
        one, other = (row(both, element, int(each.records[0].texts[0])) for each in answers)
        # Keys, times, salts and what counts up differ between any two.
        now = {name for name, each in one.items() if isinstance(each, datetime) and each >= begun}
        same = {name for name, value in one.items() if value == other[name]} - now
        assert {name: by_line[name] for name in same} == {name: one[name] for name in same}, element
        compared += 1
    assert compared > len(STORED) / 2


def test_what_is_found_is_what_packets_list(both: Both) -> None:
    for element in STORED:
        described = CATALOGUE.objects[element]
        if described.key is None or described.list_element is None:
            continue
        key = described.key.name
        found = both.ask({"do": "find", "object": element, "show": [key], "where": {}})[0]
        listed = Driver(both.engine).one(described.list_element, "select", {}, [key])
        if "refused" in found:
            assert listed.errors == (DENIED,), element
            continue
        mine, theirs = (
            {each[key] for each in found["found"]},
            {both.typed(element, {key: each[key]})[key] for each in listed.records},
        )
        # A list may leave out more by filters of its own; it never shows what is not found.
        assert theirs <= mine, element


@pytest.mark.parametrize(
    ("where", "kind"),
    [({"nothing": 1}, "unknown"), ({"id": "x"}, "value"), ({"name": 5}, "value")],
)
def test_what_cannot_be_asked_is_refused(both: Both, where: dict[str, Any], kind: str) -> None:
    (answer,) = both.ask({"do": "find", "object": "account", "show": ["id"], "where": where})
    assert answer["refused"][0]["kind"] == kind


def test_nothing_is_kept_where_one_line_is_refused(both: Both) -> None:
    new = {"do": "create", "object": "account", "values": {"name": "Kept by nobody"}}
    (answer,) = both.ask(new, new, UNDONE)
    assert answer["refused"][0]["kind"] == "unknown"
    asked = {"do": "find", "object": "account", "show": ["id"], "where": {"name": "Kept by nobody"}}
    assert both.ask(asked) == [{"found": []}]
