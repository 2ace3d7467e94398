"""Of every list: what is committed late, or changes late, is in the next answer, and only there.

Nobody begins a session here; with guids and without, as a sync client and as a user.
"""

from __future__ import annotations

import dataclasses
import itertools
from datetime import datetime, timedelta

import pytest
from driving import Answer, Driver
from making import Maker

from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import ObjectType

OBJECTS = load_catalogue().objects
TIMED = [
    each.element
    for each in OBJECTS.values()
    if each.table and each.list_element and each.sync_inserted
    if each.key is not None and each.key.type.name == "integer"
]
NUMBERS = itertools.count(1)


def anchor_at(maker: Maker, ago: timedelta = timedelta()) -> str:
    moment = maker.driver.engine.preferences.now() - ago
    return moment.isoformat(" ", "milliseconds")


def set_times(maker: Maker, described: ObjectType, key: str, moment: datetime) -> None:
    """The record's transaction took long: its times are earlier than when others see it."""
    engine = maker.driver.engine
    table = engine.schema.metadata.tables[described.table or ""]
    assert described.key is not None
    names = {described.sync_inserted, described.sync_updated} - {None}
    with engine.database.connect(writes=True) as connection:
        same = table.c[described.key.column or ""] == int(key)
        connection.execute(table.update().where(same).values(dict.fromkeys(names, moment)))
        connection.commit()


def send(driver: Driver, described: ObjectType, name: str, last: str | None, next_: str) -> Answer:
    """A sync of a list that is asked for everything that its filters can leave out."""
    at = dataclasses.replace(driver.credentials, last_anchor=last, next_anchor=next_)
    meta = [name, described.key.name if described.key is not None else ""]
    return Driver(driver.engine, at).one(described.list_element or "", "sync", None, meta)


@pytest.mark.parametrize("name", ["guid", "key"])
@pytest.mark.parametrize("element", TIMED)
def test_what_is_late_comes_once(maker: Maker, element: str, name: str) -> None:
    described = OBJECTS[element]
    assert described.key is not None
    wanted = "guid" if name == "guid" else described.key.name

    def found(last: str | None, following: str, key: str) -> list[str]:
        answer = send(maker.driver, described, wanted, last, following)
        assert answer.errors == ()
        return [each.action for each in answer.records if each[described.key.name] == key]

    # Every element has a time of its own: what others made before is in its first answer.
    first = anchor_at(maker, timedelta(milliseconds=next(NUMBERS)))
    send(maker.driver, described, wanted, None, first)
    key = maker.insert(element)
    late = maker.driver.engine.preferences.now() - timedelta(hours=1)
    set_times(maker, described, key, late)
    second = anchor_at(maker)
    sent = found(first, second, key)
    if not sent and described.always:
        pytest.skip("the list shows no such record by itself")
    assert sent == ["insert"]
    third = anchor_at(maker, timedelta(milliseconds=-next(NUMBERS)))
    assert found(second, third, key) == []
    if described.sync_updated is not None:
        set_times(
            maker,
            dataclasses.replace(described, sync_inserted=None),
            key,
            late + timedelta(seconds=1),
        )
        fourth = anchor_at(maker, timedelta(milliseconds=-500 - next(NUMBERS)))
        assert found(third, fourth, key) == ["update"]
        assert found(fourth, anchor_at(maker, timedelta(seconds=-9)), key) == []
