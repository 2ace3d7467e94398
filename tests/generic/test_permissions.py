"""Who holds a permission may, and who lacks it is denied: every object, every action."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from attempts import attempts
from driving import Answer, Driver
from making import Maker, creatable
from people import VERBS, People
from sqlalchemy import select

from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import ObjectType
from packetserver.protocols.packet.actions import NAMED_INSERTS
from packetserver.protocols.packet.process import build_engine
from packetserver.settings import Settings

CATALOGUE = load_catalogue()
STORED = creatable(CATALOGUE)
DENIED = "User denied permission to perform action on the object"

FREE = {
    "lookup": {"select", "select list", "sync"},
    # A new client belongs to the user who inserts it, and one's own clients are free.
    "sync_client": {"insert"},
}
"""What the permission rules of the catalogue leave to everybody, by action."""

PARTLY_FREE = [each for each in STORED if CATALOGUE.objects[each].permission_rule in FREE]

TAKES = {
    "lookup": {"add": "edit", "delete": "edit"},
    "view_only": dict.fromkeys(VERBS, "view"),
}
"""Rules that ask for another variant of the permission than the one of the action's name."""

SAMPLE = (
    *("account", "contact", "contactAddress", "call", "ticket", "task", "fileItem", "quote"),
    *("customFieldRecord", "lookupAccountTypes", "stepActionMap", "usage", "cfsNote"),
)
"""Objects of every kind, and of the permission rules that choose by the record."""


PROTECTED = {"contact", "syncClient"}
"""What the setting `contacts` does not leave open: with a client of nobody one may do anything."""


def is_free(described: ObjectType, title: str) -> bool:
    return title in FREE.get(described.permission_rule, set())


def rows(maker: Maker, described: ObjectType) -> list[Any]:
    engine = maker.driver.engine
    with engine.database.connect() as connection:
        table = engine.schema.metadata.tables[described.table or ""]
        return sorted(map(repr, connection.execute(select(table))))


@pytest.mark.parametrize("element", STORED)
def test_without_the_permission_nothing_is_stored_or_shown(
    maker: Maker, people: People, element: str
) -> None:
    described = CATALOGUE.objects[element]
    tried = list(attempts(maker, element))
    there = rows(maker, described)
    for each in tried:
        if is_free(described, each.title):
            continue
        answer = each.send(maker.driver, people.nothing)
        assert (answer.errors, answer.records) == ((DENIED,), []), each.title
    assert rows(maker, described) == there


@pytest.mark.parametrize("element", STORED)
def test_with_the_permission_every_action_is_done(
    maker: Maker, people: People, element: str
) -> None:
    for each in attempts(maker, element):
        answer = each.send(maker.driver, people.everything)
        assert each.succeeded(answer), (each.title, answer)


@pytest.mark.parametrize("element", PARTLY_FREE)
def test_what_a_rule_leaves_free_is_done_for_everybody(
    maker: Maker, people: People, element: str
) -> None:
    described = CATALOGUE.objects[element]
    for each in attempts(maker, element):
        if is_free(described, each.title):
            answer = each.send(maker.driver, people.nothing)
            assert each.succeeded(answer), (each.title, answer)


@pytest.mark.parametrize("element", SAMPLE)
def test_each_action_takes_its_own_variant_of_the_permission(
    maker: Maker, people: People, element: str
) -> None:
    rule = CATALOGUE.objects[element].permission_rule
    for verb, credentials in people.by_verb.items():
        for each in attempts(maker, element):
            answer = each.send(maker.driver, credentials)
            is_held = TAKES.get(rule, {}).get(each.verb, each.verb) == verb
            is_open = is_held or is_free(CATALOGUE.objects[element], each.title)
            assert each.succeeded(answer) is is_open, (verb, each.title, answer)
            assert is_open or answer.errors == (DENIED,)


@pytest.mark.parametrize(("element", "name"), NAMED_INSERTS)
def test_a_named_insert_takes_a_permission_too(
    maker: Maker, people: People, element: str, name: str
) -> None:
    sent = {**maker.needed(element), **maker.wire_only(element), **maker.named(element)}
    there = rows(maker, CATALOGUE.objects[element])
    answer = maker.driver.one(element, name, sent, credentials=people.nothing)
    assert (answer.errors, answer.records) == ((DENIED,), [])
    assert rows(maker, CATALOGUE.objects[element]) == there


def test_a_user_has_a_free_hand_with_his_own_sync_client(maker: Maker, people: People) -> None:
    driver, nobody = maker.driver, people.nothing

    def ask(action: str, **values: str) -> Answer:
        return driver.one("syncClient", action, values, ["id", "type"], credentials=nobody)

    (client,) = ask("insert", type="phone", code="its code").records
    key = client["id"]
    assert [each.texts for each in ask("select", id=key).records] == [(key, "phone")]
    assert [each.texts for each in ask("update", id=key, type="pad").records] == [(key, "pad")]
    other = maker.named("syncClient")["id"]
    for action in ("select", "update", "delete"):
        assert ask(action, id=other).errors == (DENIED,)
    assert ask("delete", id=key).errors == ()
    assert ask("select", id=key).records == []


@pytest.fixture
def contacts_only(maker: Maker) -> Iterator[Driver]:
    """An engine on the same database that protects contacts alone."""
    url = maker.driver.engine.database.url.render_as_string(hide_password=False)
    engine = build_engine(Settings(database_url=url, permissions="contacts"))
    with closing(engine.database):
        yield Driver(engine)


def test_a_setting_protects_contacts_and_sync_clients_alone(
    maker: Maker, people: People, contacts_only: Driver
) -> None:
    nobody = people.nothing
    for element in SAMPLE:
        for each in attempts(maker, element):
            answer = each.send(contacts_only, nobody)
            if element == "contact":
                assert (answer.errors, answer.records) == ((DENIED,), [])
            else:
                assert each.succeeded(answer), (element, each.title, answer)
