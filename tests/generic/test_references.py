"""What a record refers to has to be there: for every reference of every object, on both databases."""

from __future__ import annotations

import pytest
from driving import item
from making import Maker, creatable

from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import Field
from packetserver.store.rows import Rows

CATALOGUE = load_catalogue()
NOWHERE = "1999999999"


def reference_fields(element: str) -> list[Field]:
    """The fields of an object that refer to records of one object, or of one of several."""
    described = CATALOGUE.objects[element]
    return [
        each
        for each in described.stored_fields
        if not each.key and (CATALOGUE.table_of(each) is not None or each.references_by is not None)
    ]


REFERRING = [each for each in creatable(CATALOGUE) if reference_fields(each)]
KEYED = [each for each in REFERRING if CATALOGUE.objects[each].key is not None]
UNCHECKED = [
    (each, field.name)
    for each in KEYED
    for field in reference_fields(each)
    if not field.foreign_key and field.references_by is None
]
CHOICES = [
    (each, field.name, value, target)
    for each in REFERRING
    for field in reference_fields(each)
    if field.references_by is not None
    for value, target in field.references_by.elements.items()
]


@pytest.mark.parametrize("element", KEYED)
def test_an_update_may_refer_to_nothing_less_than_an_insert(maker: Maker, element: str) -> None:
    described = CATALOGUE.objects[element]
    key = maker.insert(element)
    for field in reference_fields(element):
        is_free = field.update and field.references_by is None
        if not is_free or field.name in {*described.forced_to_user, "modifiedBy"}:
            continue
        sent = {described.key.name: key, field.name: NOWHERE}
        answer = maker.driver.one(element, "update", sent, validate=False)
        told = f"item 1 ({element}): {field.name}: there is no "
        assert answer.errors[0] == "Transaction failed", field.name
        assert answer.errors[1].startswith(told)
        assert answer.errors[1].endswith(f" {NOWHERE}")


@pytest.mark.parametrize(("element", "name"), UNCHECKED)
def test_what_no_foreign_key_checks_is_checked_all_the_same(
    maker: Maker, element: str, name: str
) -> None:
    field = CATALOGUE.objects[element].fields[name]
    needed = {**maker.needed(element), **maker.wire_only(element)}
    assert maker.insert(element, {name: maker.reference(field)})
    for validate in (True, False):
        sent = {**needed, name: NOWHERE}
        answer = maker.driver.one(element, "insert", sent, validate=validate)
        if answer.errors[0] == "Object validation error":
            continue
        assert answer.errors[1].startswith(f"item 1 ({element}): {name}: there is no ")


@pytest.mark.parametrize(("element", "name"), UNCHECKED)
def test_what_refers_to_nothing_stays_what_it_is(maker: Maker, element: str, name: str) -> None:
    described = CATALOGUE.objects[element]
    field = described.fields[name]
    key = maker.insert(element)
    nothing = ["-1", str(field.default or -1), *([None] if field.nullable else [])]
    is_free = field.update and not field.required
    for value in nothing if is_free else []:
        sent = {described.key.name: key, name: value}
        assert maker.driver.one(element, "update", sent, validate=False).errors == ()


@pytest.mark.parametrize(("element", "name"), UNCHECKED)
def test_a_record_that_was_wrong_already_can_be_changed(
    maker: Maker, element: str, name: str
) -> None:
    """Clients send back what they have read, from databases where nobody had checked it."""
    described = CATALOGUE.objects[element]
    field = described.fields[name]
    if not field.update or CATALOGUE.table_of(field) is None:
        pytest.skip("is not changed")
    key = maker.insert(element)
    engine = maker.driver.engine
    with engine.database.connect(writes=True) as connection:
        table = engine.schema.metadata.tables[described.table or ""]
        changed = table.update().where(table.c[described.key.column or ""] == int(key))
        connection.execute(changed.values({field.column: int(NOWHERE)}))
        connection.commit()
    sent = {described.key.name: key, name: NOWHERE}
    assert maker.driver.one(element, "update", sent, validate=False).errors == ()


def chosen(maker: Maker, element: str, name: str, value: int) -> dict[str, str]:
    """What is to be sent so that a field refers to the object that a value stands for."""
    described = CATALOGUE.objects[element]
    choice = described.fields[name].references_by
    assert choice is not None
    decides = described.fields[choice.field]
    if decides.column is not None:
        return {decides.name: str(value)}
    assert decides.derived is not None
    leading = described.fields[decides.derived.text("of")]
    pointed = CATALOGUE.objects[leading.references or ""]
    column = decides.derived.text("reads")
    engine = maker.driver.engine
    with engine.database.connect() as connection:
        records = Rows(engine.schema, connection)
        assert pointed.key is not None
        found = records.value(pointed.table or "", pointed.key.column or "", {column: value})
    shown = pointed.stored_in(column)
    assert shown is not None
    key = maker.insert(pointed.element, {shown.name: str(value)}) if found is None else str(found)
    return {leading.name: key}


@pytest.mark.parametrize(("element", "name", "value", "target"), CHOICES)
def test_a_reference_to_one_of_several_objects_is_checked(
    maker: Maker, element: str, name: str, value: int, target: str
) -> None:
    needed = {
        **maker.needed(element),
        **maker.wire_only(element),
        **chosen(maker, element, name, value),
    }

    (answer,) = maker.driver.send(
        [[item(element, "insert", {**needed, name: NOWHERE})]], validate=False
    )
    assert answer.errors == (
        "Transaction failed",
        f"item 1 ({element}): {name}: there is no {target} {NOWHERE}",
    )
    there = {**needed, name: maker.known(target)}
    (answer,) = maker.driver.send([[item(element, "insert", there)]], validate=False)
    assert answer.errors == ()
