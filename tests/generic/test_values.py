"""A plan gives every field of every object as a value of its type, the one that packets write."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from making import Maker, creatable, is_odd

from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import Field, ObjectType
from packetserver.failures import Kind, Refused
from packetserver.store.parameters import CLIENT, PRESENT, READER
from packetserver.store.plans import Asked, ClientId
from packetserver.store.rows import Rows

CATALOGUE = load_catalogue()
KEYED = [each for each in creatable(CATALOGUE) if CATALOGUE.objects[each].key is not None]
TYPES = {
    "integer": int,
    "double": float,
    "boolean": bool,
    "text": str,
    "timestamp": datetime,
    "date": date,
}


def read(maker: Maker, element: str, key: str, asked: tuple[Asked, ...]) -> dict[Asked, Any]:
    described, engine = maker.object(element), maker.driver.engine
    assert described.key is not None
    client = maker.driver.credentials.client_id
    parameters = {PRESENT: engine.preferences.now(), READER: 1, CLIENT: client}
    with engine.database.connect(writes=False) as connection:
        rows = Rows(engine.schema, connection, parameters)
        plan = engine.schema.plan(element, asked)
        known = described.key.type.read(key, engine.preferences.zone)
        row = rows.read(described, plan, {described.key.column or "": known})
        assert row is not None
        return plan.values(row)


def beside(described: ObjectType) -> dict[str, Field]:
    """The keys of the records that an object's references name."""
    found = {}
    for each in described.stored_fields:
        target = CATALOGUE.objects[each.references] if each.references else None
        if target is not None and target.table is not None and target.key is not None:
            found[f"{each.name}.{target.key.name}"] = target.key
    return found


@pytest.mark.parametrize("element", KEYED)
def test_what_a_plan_gives_is_what_a_packet_writes(maker: Maker, element: str) -> None:
    described = maker.object(element)
    assert described.key is not None
    settable = (each for each in maker.settable(element) if each.name != "trashedDate")
    sent = {each.name: maker.value(each) for each in settable}
    key = maker.insert(element, sent)
    fields = {each.name: each for each in described.fields.values()}
    others = beside(described)
    names = [*fields, *others]
    answer = maker.driver.one(element, "select", {described.key.name: key}, names)
    (record,) = answer.records

    values = read(maker, element, key, (*fields, *others))

    zone = maker.driver.engine.preferences.zone
    asked = {**fields, **others}
    for (name, field), text in zip(asked.items(), record.texts, strict=True):
        value = values[name]
        if field.secret is not None:
            assert (value, text) == (None, ""), name
        elif value is None:
            assert text == (field.unset if name in fields else ""), name
        else:
            assert type(value) is TYPES[field.type.name], name
            # An odd boolean of a schema reads fewer texts than it writes.
            known = text == "true" if is_odd(field) else field.type.read(text, zone)
            assert value == known, name
    assert any(value is not None for value in values.values())


def test_a_client_s_id_is_nothing_where_nothing_is_referred_to(maker: Maker) -> None:
    account = maker.insert("account", {"name": "A"})
    contact = maker.insert("contact", {"nameLast": "B"})
    own, of = ClientId(), ClientId("orgId")
    unknown = ClientId("orgId", "accountList")
    assert read(maker, "contact", contact, (own, of, unknown)) == {own: -1, of: None, unknown: None}
    names = {"nameLast": "C", "orgId": account}
    asked = (of, unknown)
    assert read(maker, "contact", maker.insert("contact", names), asked) == {of: -1, unknown: -1}


@pytest.mark.parametrize(
    "asked",
    ["nameless", "nameLast.id", "orgId.nameless", ClientId("nameLast")],
)
def test_what_cannot_be_read_is_refused(maker: Maker, asked: Asked) -> None:
    with pytest.raises(Refused) as refused:
        maker.driver.engine.schema.plan("contact", (asked,))
    assert refused.value.failures[0].kind is Kind.UNKNOWN
