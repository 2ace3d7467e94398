"""Mapped tables travel as triples too, as the clients of the original write them."""

from __future__ import annotations

import pytest
from driving import Answer
from making import Maker, creatable

from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import ObjectType
from packetserver.protocols.packet.packet import Item, Property

CATALOGUE = load_catalogue()
MAPPED = [each for each in creatable(CATALOGUE) if CATALOGUE.objects[each].kind == "table"]
KEYLESS = [each for each in MAPPED if CATALOGUE.objects[each].key is None]
NUMBERS = {"integer": "4", "double": "8", "boolean": "16", "text": "12", "timestamp": "93"}
"""JDBC's number of each type."""

SKIPPED = "code"
"""A column that clients name and that is not written."""


def own_table(described: ObjectType) -> list[Property]:
    key = [] if described.key is None else [Property("uniqueField", described.key.column)]
    return [Property("tableName", described.table), *key]


def triple(name: str, data: str, kind: str) -> list[Property]:
    return [Property("field", name), Property("data", data), Property("type", kind)]


def triples_of(described: ObjectType, values: dict[str, str]) -> list[Property]:
    kinds = {each.name: NUMBERS[each.type.name] for each in described.stored_fields}
    return [part for name, text in values.items() for part in triple(name, text, kinds[name])]


def insert(maker: Maker, element: str, properties: list[Property], meta: list[str]) -> Answer:
    (answer,) = maker.driver.send([[Item(element, {"action": "insert"}, tuple(properties))]], meta)
    assert answer.errors == ()
    return answer


@pytest.mark.parametrize("element", MAPPED)
def test_what_is_sent_in_triples_is_what_is_read(maker: Maker, element: str) -> None:
    described = CATALOGUE.objects[element]
    fields = [each for each in maker.settable(element) if each.name != "modified"]
    sent = {each.name: maker.value(each) for each in fields}
    key = {name: text for name, text in maker.needed(element).items() if name not in sent}
    skipped = triple(SKIPPED, "77777", NUMBERS["integer"])
    sent_whole = triples_of(described, {**key, **sent})

    answer = insert(maker, element, [*own_table(described), *skipped, *sent_whole], list(sent))

    (record,) = answer.records
    assert dict(zip(record.names, record.texts, strict=True)) == sent
    if described.key is not None and described.key.name == SKIPPED:
        assert maker.driver.one(element, "select", {SKIPPED: "77777"}).records == []


@pytest.mark.parametrize("element", KEYLESS)
def test_each_of_two_records_of_the_same_identity_is_answered_as_itself(
    maker: Maker, element: str
) -> None:
    described = CATALOGUE.objects[element]
    fields = [each for each in maker.settable(element) if each.name != "modified"]
    first, second = (
        {
            each.name: maker.value(each, second=each.name not in described.identified_by and later)
            for each in fields
        }
        for later in (False, True)
    )
    for sent in (first, second):
        (record,) = insert(maker, element, triples_of(described, sent), list(sent)).records
        assert dict(zip(record.names, record.texts, strict=True)) == sent
