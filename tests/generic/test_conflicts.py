"""A conflict whose record nobody is shown is an error, for every object; a first one is a record."""

from __future__ import annotations

import pytest
from driving import item
from making import Maker, creatable
from sqlalchemy import func, select

from packetserver.catalogue.loader import load_catalogue
from packetserver.protocols.packet.packet import CommitLevel

CATALOGUE = load_catalogue()
KEYED = [each for each in creatable(CATALOGUE) if CATALOGUE.objects[each].key is not None]
TIMED = [each for each in KEYED if CATALOGUE.objects[each].modified is not None]
OLD = "2001-01-01 00:00:00.0"
NOWHERE = "1999999999"


def is_stored(maker: Maker, name: str) -> bool:
    answer = maker.driver.one("accountList", "select", {"accountName": name}, ["name"])
    return bool(answer.records)


def named(element: str, key: str) -> dict[str, str]:
    described = CATALOGUE.objects[element]
    assert described.key is not None
    return {described.key.name: "Q" if described.key.type.name == "text" else key}


@pytest.mark.parametrize("element", TIMED)
def test_a_conflict_in_a_later_item_is_an_error(maker: Maker, element: str) -> None:
    key = maker.insert(element)
    name = f"Beside {element}"
    beside = item("account", "insert", {"name": name})
    late = item(element, "update", {**named(element, key), "modified": OLD})
    (stored,) = maker.driver.one(element, "select", named(element, key), ["modified"]).records

    (answer,) = maker.driver.send([[beside, late]], validate=False)

    fixed, told = answer.errors
    assert fixed == "Transaction failed"
    assert told.startswith(f"item 2 ({element}): ")
    assert {key, OLD, stored["modified"]} <= set(told.replace(",", "").split(" ")) | {
        each for each in (OLD, stored["modified"]) if each in told
    }
    assert not is_stored(maker, name)
    first = maker.driver.one(element, "update", {**named(element, key), "modified": OLD}, ["id"])
    assert (first.errors, [each.action for each in first.records]) == ((), ["conflict"])


@pytest.mark.parametrize("element", KEYED)
def test_a_missing_record_is_an_error_in_a_later_item(maker: Maker, element: str) -> None:
    name = f"Missing {element}"
    beside = item("account", "insert", {"name": name})
    sent = named(element, NOWHERE)
    (answer,) = maker.driver.send([[beside, item(element, "update", sent)]], validate=False)
    key = next(iter(sent.values()))
    fixed, told = answer.errors
    assert fixed == "Transaction failed"
    assert told.startswith(f"item 2 ({element}): ")
    assert f"{element} {key} " in told
    assert not is_stored(maker, name)
    first = maker.driver.one(element, "update", sent, validate=False)
    assert (first.errors, [each.action for each in first.records]) == ((), ["conflict"])


@pytest.mark.parametrize("level", CommitLevel)
def test_a_conflict_outlives_the_transaction_in_the_log(maker: Maker, level: CommitLevel) -> None:
    engine = maker.driver.engine
    key = maker.insert("account")
    log = engine.schema.metadata.tables["sync_conflict_log"]

    def logged() -> int:
        engine.runner.late_log.settle()
        with engine.database.connect() as connection:
            chosen = select(func.count()).select_from(log).where(log.c.record_id == int(key))
            return int(connection.execute(chosen).scalar_one())

    late = item("account", "update", {"id": key, "name": "Late", "modified": OLD})
    good = item("account", "insert", {"name": "Good"})
    before = logged()
    answers = maker.driver.send([[good, late], [good]], level=level)
    assert answers[0].status == 1
    assert logged() == before + 1
    maker.driver.send([[good, late, late]], level=level)
    assert logged() == before + 2
