"""The first letter of a name counts in either case, for every object and in every action."""

from __future__ import annotations

import pytest
from driving import Answer, item
from making import Maker, creatable

from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import ObjectType

CATALOGUE = load_catalogue()
ELEMENTS = creatable(CATALOGUE)
KEYED = [each for each in ELEMENTS if CATALOGUE.objects[each].key is not None]
LISTED = [each for each in ELEMENTS if CATALOGUE.objects[each].list_element]


def capital(name: str) -> str:
    return name[0].upper() + name[1:]


def capitals(values: dict[str, str]) -> dict[str, str]:
    return {capital(name): text for name, text in values.items()}


def texts(answer: Answer) -> tuple[str, ...]:
    assert answer.errors == ()
    (record,) = answer.records
    return record.texts


def sent_fields(maker: Maker, element: str) -> dict[str, str]:
    fields = (each for each in maker.settable(element) if each.name != "modified")
    return {each.name: maker.value(each) for each in fields}


def identity(maker: Maker, described: ObjectType) -> dict[str, str]:
    assert described.key is not None
    return {described.key.name: maker.insert(described.element)}


@pytest.mark.parametrize("element", ELEMENTS)
def test_a_record_sent_with_capitals_is_stored_like_one_sent_without(
    maker: Maker, element: str
) -> None:
    kept = []
    for spelt in (lambda name: name, capital):
        # Some names and keys must be others each time.
        sent = sent_fields(maker, element)
        needed = {**maker.needed(element), **maker.wire_only(element), **sent}
        values = {spelt(name): text for name, text in needed.items()}
        meta = [spelt(name) for name in sent]
        answer = maker.driver.one(element, "insert", values, meta, validate=False)
        read = dict(zip(sent, texts(answer), strict=True))
        assert answer.records[0].names == tuple(meta)
        kept.append({name for name, text in sent.items() if read[name] == text})
    small, large = kept
    assert small == large
    assert len(small) > len(sent) // 2 or not sent


@pytest.mark.parametrize("element", KEYED)
def test_an_update_and_a_key_with_capitals_count(maker: Maker, element: str) -> None:
    described = CATALOGUE.objects[element]
    named, change = identity(maker, described), maker.changed(element)
    key = next(iter(named))
    sent = capitals({**named, **change})
    updated = maker.driver.one(element, "update", sent, [*change, capital(key)], validate=False)
    assert texts(updated) == (*change.values(), named[key])
    selected = maker.driver.one(element, "select", capitals(named), [capital(key), key])
    assert texts(selected) == (named[key], named[key])
    assert selected.records[0].names == (capital(key), key)
    assert texts(maker.driver.one(element, "delete", capitals(named), [key])) == (named[key],)
    assert maker.driver.one(element, "select", named, [key]).records == []


@pytest.mark.parametrize("element", LISTED)
def test_each_filter_with_a_capital_is_the_filter(maker: Maker, element: str) -> None:
    schema = maker.driver.engine.schema
    described = schema.catalogue.objects[element]
    assert described.filters
    for name in (*described.filters, *described.filter_aliases):
        assert described.filter(capital(name)) is not None
        if name not in described.filters or capital(name) not in described.filters:
            assert described.filter(capital(name)) is described.filter(name)
    if described.key is None:
        return
    key = maker.insert(element)
    for name in ("id", described.key.name):
        answers = [
            maker.driver.one(described.list_element or "", "select", {spelt: key}, ["guid"])
            for spelt in (name, capital(name))
        ]
        assert answers[0].errors == answers[1].errors == ()
        assert len(answers[0].records) == len(answers[1].records) <= 1


def test_the_ids_and_keys_of_clients_count_with_capitals(maker: Maker) -> None:
    sent = {"Guid": "770011", "Name": "Capital Partners"}
    account = maker.driver.one("account", "insert", sent, ["Guid", "orgId"], shareKey="true")
    assert account.errors == ()
    assert account.records[0]["Guid"] == "770011"
    key = account.records[0]["orgId"]
    values = {"OrgGuid": "770011", "Email": "c@example.org", "type": "1"}
    mail = maker.driver.one(
        "organizationEmailAddress", "insert", values, ["OrgId", "OrgId^accountGuid"]
    )
    if mail.errors:
        # The reference is spelt after the object that it names.
        values = {"Email": "c@example.org", "type": "1", "OrgId": key}
        mail = maker.driver.one("organizationEmailAddress", "insert", values, ["OrgId"])
    assert mail.records[0]["OrgId"] in {key, "770011"}
    found = maker.driver.one("accountList", "select", {"Guid": "770011"}, ["OrgId"])
    assert [each.texts for each in found.records] == [(key,)]
    shared = maker.driver.send(
        [
            [
                item("account", "insert", {"name": "Shared"}, shareKey="true"),
                item("account", "update", {"Id": "$C{account.OrgId}", "Notes": "kept"}),
                item("account", "update", {"OrgId": "$C{account.Id}", "Url": "kept.example"}),
            ]
        ],
        ["OrgId"],
    )
    assert shared[0].errors == ()
    stored = {"id": shared[0].records[0]["OrgId"]}
    read = maker.driver.one("account", "select", stored, ["notes", "Url", "Owner.Username"])
    assert read.records[0].texts[:2] == ("kept", "kept.example")
    assert read.records[0].names == ("notes", "Url", "Owner.Username")


def test_the_controls_and_the_own_table_count_with_capitals(maker: Maker) -> None:
    values = {"Name": "Lone", "InsertPrimaryContact": "false", "NameLast": "Lone"}
    account = maker.driver.one("account", "insert", values, ["orgId"])
    assert account.errors == ()
    contacts = {"orgId": account.records[0].texts[0]}
    assert maker.driver.one("contactList", "select", contacts, ["id"]).records == []
    own = {"TableName": "lookup_industry", "UniqueField": "code", "Description": "capital"}
    assert maker.driver.one("lookupIndustry", "insert", own).errors == ()
    foreign = maker.driver.one("lookupIndustry", "insert", {**own, "TableName": "access"})
    assert foreign.errors[1].endswith("tableName of lookupIndustry can only be lookup_industry")
