"""Mapped tables travel as triples too, as the clients of the original write them."""

from __future__ import annotations

import pytest
from making import Maker, creatable

from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import ObjectType
from packetserver.engine.packet import Item, Property

CATALOGUE = load_catalogue()
MAPPED = [each for each in creatable(CATALOGUE) if CATALOGUE.objects[each].kind == "table"]
NUMBERS = {"integer": "4", "double": "8", "boolean": "16", "text": "12", "timestamp": "93"}
"""JDBC's number of each type."""

SKIPPED = "code"
"""A column that clients name and that is not written."""


def own_table(described: ObjectType) -> list[Property]:
    key = [] if described.key is None else [Property("uniqueField", described.key.column)]
    return [Property("tableName", described.table), *key]


def triple(name: str, data: str, kind: str) -> list[Property]:
    return [Property("field", name), Property("data", data), Property("type", kind)]


@pytest.mark.parametrize("element", MAPPED)
def test_what_is_sent_in_triples_is_what_is_read(maker: Maker, element: str) -> None:
    described = CATALOGUE.objects[element]
    fields = [each for each in maker.settable(element) if each.name != "modified"]
    sent = {each.name: maker.value(each) for each in fields}
    key = {name: text for name, text in maker.needed(element).items() if name not in sent}
    kinds = {each.name: NUMBERS[each.type.name] for each in described.stored_fields}
    triples = [
        part for name, text in {**key, **sent}.items() for part in triple(name, text, kinds[name])
    ]
    skipped = triple(SKIPPED, "77777", NUMBERS["integer"])
    properties = (*own_table(described), *skipped, *triples)

    (answer,) = maker.driver.send([[Item(element, {"action": "insert"}, properties)]], list(sent))

    assert answer.errors == ()
    (record,) = answer.records
    assert dict(zip(record.names, record.texts, strict=True)) == sent
    if described.key is not None and described.key.name == SKIPPED:
        assert maker.driver.one(element, "select", {SKIPPED: "77777"}).records == []
