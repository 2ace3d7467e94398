"""What holds for every object of the catalogue; a new object is tested without a new line."""

from __future__ import annotations

import pytest
from driving import Answer
from making import Maker, creatable, is_odd

from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import Field, Named, ObjectType

CATALOGUE = load_catalogue()
ELEMENTS = creatable(CATALOGUE)
KEYED = [each for each in ELEMENTS if CATALOGUE.objects[each].key is not None]

DECIDED_BY_EFFECTS = {
    # complete alone says when a task was completed.
    "complete_task": {"completeDate"},
}
"""Fields that an effect stores, and not the client."""

FOLLOWERS = {
    ("archive_plan", "enabled"): {"archiveDate"},
    ("campaign_status", "active"): {"statusId"},
    ("complete_task", "complete"): {"completeDate"},
}
"""What an effect changes along with a field."""

UNKNOWN_KEY = "1999999999"
WRONG = {
    "integer": "many",
    "double": "1,5",
    "boolean": "perhaps",
    "timestamp": "soon",
    "date": "soon",
}


def effects(described: ObjectType) -> list[Named]:
    return [*described.on_insert, *described.on_update]


def stored_as_sent(described: ObjectType, fields: list[Field]) -> list[Field]:
    # What a client sends as modified is the time that it has seen.
    decided = {"modified"}
    for each in effects(described):
        # Fields that an effect has for an argument are those that it works out anew.
        decided |= DECIDED_BY_EFFECTS.get(each.name, set()) | set(each.texts("fields"))
    return [each for each in fields if each.name not in decided]


def followers(described: ObjectType, name: str) -> set[str]:
    found = [FOLLOWERS.get((each.name, name), set()) for each in effects(described)]
    return set().union(*found)


def read(maker: Maker, element: str, key: str, names: list[str]) -> Answer:
    described = CATALOGUE.objects[element]
    assert described.key is not None
    return maker.driver.one(element, "select", {described.key.name: key}, names)


@pytest.mark.parametrize("element", ELEMENTS)
def test_what_is_inserted_is_what_is_read(maker: Maker, element: str) -> None:
    described = CATALOGUE.objects[element]
    fields = stored_as_sent(described, maker.settable(element))
    names = [each.name for each in fields]
    sent = {each.name: maker.value(each) for each in fields}
    others = {**maker.needed(element), **maker.wire_only(element)}

    answer = maker.driver.one(element, "insert", {**others, **sent}, names, validate=False)

    assert answer.errors == ()
    (record,) = answer.records
    assert record.action == "processed"
    assert dict(zip(names, record.texts, strict=True)) == sent


@pytest.mark.parametrize("element", KEYED)
def test_a_record_is_selected_singly_and_in_its_list(maker: Maker, element: str) -> None:
    described = CATALOGUE.objects[element]
    assert described.key is not None
    name = described.key.name
    key = maker.insert(element)

    (single,) = read(maker, element, key, [name]).records
    assert (single.action, single.texts) == ("select", (key,))
    if (
        described.list_element is not None
        and described.own_records is None
        and not described.always
    ):
        listed = maker.driver.one(described.list_element, "select", {name: key}, [name])
        assert [each.texts for each in listed.records] == [(key,)]


@pytest.mark.parametrize("element", KEYED)
def test_an_update_changes_the_field_that_it_sends_and_no_other(maker: Maker, element: str) -> None:
    described = CATALOGUE.objects[element]
    assert described.key is not None
    key = maker.insert(element)
    fields = stored_as_sent(described, maker.settable(element))
    # What another field shows may well follow this one.
    names = [each.name for each in fields if each.shown is None]
    stamps = {"modifiedBy"}
    (before,) = read(maker, element, key, names).records
    for field in fields:
        if not field.update:
            continue
        value = maker.value(field, second=True)
        sent = {described.key.name: key, field.name: value}
        answer = maker.driver.one(element, "update", sent, [*names, field.name], validate=False)
        assert answer.errors == ()
        (after,) = answer.records
        assert after.action == "processed"
        assert after[field.name] == value
        changed = {name for name in names if before[name] != after[name]}
        expected = {field.name} | stamps | followers(described, field.name)
        assert changed <= expected, field.name
        before = after


@pytest.mark.parametrize("element", KEYED)
def test_a_field_sent_empty_is_cleared(maker: Maker, element: str) -> None:
    described = CATALOGUE.objects[element]
    assert described.key is not None
    fields = [
        each
        for each in stored_as_sent(described, maker.settable(element))
        if each.nullable and each.update and each.name != "modifiedBy"
    ]
    sent = {each.name: maker.value(each) for each in fields}
    key = maker.insert(element, sent)
    names = [each.name for each in fields]
    emptied = {described.key.name: key, **dict.fromkeys(names)}

    answer = maker.driver.one(element, "update", emptied, names, validate=False)

    assert answer.errors == ()
    assert list(answer.records[0].texts) == [each.unset for each in fields]


@pytest.mark.parametrize("element", KEYED)
def test_a_deleted_record_is_gone_and_deleting_it_again_succeeds(
    maker: Maker, element: str
) -> None:
    described = CATALOGUE.objects[element]
    assert described.key is not None
    name = described.key.name
    key = maker.insert(element)
    for _ in range(2):
        answer = maker.driver.one(element, "delete", {name: key}, [name])
        assert answer.errors == ()
        assert [(each.action, each.texts) for each in answer.records] == [("delete", (key,))]
        assert read(maker, element, key, [name]).records == []
    if described.list_element is not None:
        listed = maker.driver.one(described.list_element, "select", {name: key}, [name])
        assert listed.records == []


@pytest.mark.parametrize("element", ELEMENTS)
def test_a_value_of_another_type_is_an_error_or_ignored(maker: Maker, element: str) -> None:
    described = CATALOGUE.objects[element]
    wrong = {
        each.name: WRONG[each.type.name]
        for each in maker.settable(element)
        if each.type.name in WRONG and not each.required and not is_odd(each)
    }
    needed = {**maker.needed(element), **maker.wire_only(element)}
    needed = {name: text for name, text in needed.items() if name not in wrong}
    if not wrong:
        pytest.skip("has texts alone")

    refused = maker.driver.one(element, "insert", {**needed, **wrong})
    assert refused.errors[:3] == (
        "Object validation error",
        "Transaction failed",
        "Object Validation Failed",
    )
    for name in wrong:
        assert any(line.startswith(f"{name}: ") for line in refused.errors), name

    identified = set(described.identified_by)
    sent = {**needed, **{name: text for name, text in wrong.items() if name not in identified}}
    ignored = maker.driver.one(element, "insert", sent, validate=False)
    assert ignored.errors == ()


@pytest.mark.parametrize("element", ELEMENTS)
def test_a_reference_to_nothing_is_refused_by_name(maker: Maker, element: str) -> None:
    described = CATALOGUE.objects[element]
    for field in maker.settable(element):
        target = CATALOGUE.table_of(field)
        if target is None or not field.foreign_key or field.references_by:
            continue
        if field.name in described.forced_to_user:
            continue
        needed = {**maker.needed(element), **maker.wire_only(element)}
        sent = {**needed, field.name: UNKNOWN_KEY}
        answer = maker.driver.one(element, "insert", sent, validate=False)
        assert answer.status == 1, field.name
        assert answer.errors[0] == "Transaction failed"
        assert answer.errors[1].startswith(f"item 1 ({element}): {field.name}: there is no ")
        assert answer.errors[1].endswith(f" {UNKNOWN_KEY}")


@pytest.mark.parametrize("element", ELEMENTS)
def test_a_text_that_is_too_long_is_refused_whole(maker: Maker, element: str) -> None:
    fields = [
        each for each in maker.settable(element) if each.max_length is not None and each.cut is None
    ]
    for field in fields:
        assert field.max_length is not None
        sent = {**maker.needed(element), **maker.wire_only(element)}
        sent[field.name] = "x" * (field.max_length + 1)
        for validate in (True, False):
            answer = maker.driver.one(element, "insert", sent, validate=validate)
            assert f"{field.name}: Length limit exceeded" in answer.reasons


@pytest.mark.parametrize("element", ELEMENTS)
def test_a_list_is_counted_and_paged(maker: Maker, element: str) -> None:
    described = CATALOGUE.objects[element]
    if described.list_element is None:
        pytest.skip("has no list")
    whole = maker.driver.one(described.list_element, "select", {}, ["guid"])
    page = maker.driver.one(described.list_element, "select", {}, ["guid"], items="1", offset="0")
    assert whole.errors == page.errors == ()
    assert whole.total is None
    assert page.total == len(whole.records)
    assert len(page.records) == min(1, len(whole.records))
