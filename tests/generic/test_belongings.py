"""Whatever belongs to a record that is trashed leaves its list with it, and comes back with it."""

from __future__ import annotations

import dataclasses

import pytest
from making import Maker

from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import ObjectType

OBJECTS = load_catalogue().objects


@dataclasses.dataclass(frozen=True)
class Belonging:
    """Records of an element that belong to one of ``owner`` by a field; ``beside`` must be sent too."""

    element: str
    field: str
    owner: str
    beside: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.element}.{self.field}-{self.owner}"


def belongings() -> list[Belonging]:
    """As the fields of the catalogue say: they refer to what has a trashed date, and no less."""
    found = []
    for each in OBJECTS.values():
        if each.key is None or each.list_element is None or not each.table:
            continue
        for field in each.stored_fields:
            if field.mentions:
                continue
            if field.references is not None and OBJECTS[field.references].trashes:
                found.append(Belonging(each.element, field.name, field.references))
            choice = field.references_by
            if choice is not None and each.fields[choice.field].column is not None:
                found += [
                    Belonging(each.element, field.name, owner, ((choice.field, str(value)),))
                    for value, owner in choice.elements.items()
                    if OBJECTS[owner].trashes
                ]
    return found


FOUND = belongings()


def is_listed(maker: Maker, described: ObjectType, key: str) -> bool:
    assert described.key is not None
    name = described.key.name
    answer = maker.driver.one(described.list_element or "", "select", {name: key}, [name])
    assert answer.errors == ()
    return [each.texts for each in answer.records] == [(key,)]


def send(maker: Maker, element: str, action: str, values: dict[str, str | None]) -> None:
    answer = maker.driver.one(element, action, values, validate=False)
    assert answer.errors == (), (element, action, values)


@pytest.mark.parametrize("belonging", FOUND, ids=str)
def test_it_leaves_with_its_owner_and_comes_back(maker: Maker, belonging: Belonging) -> None:
    described, owner = OBJECTS[belonging.element], OBJECTS[belonging.owner]
    assert owner.key is not None
    key = maker.insert(belonging.owner)
    sent = {belonging.field: key, **dict(belonging.beside)}
    before, part, other = (
        maker.insert(belonging.element, each) for each in (sent, sent, dict(belonging.beside))
    )
    if described.trashes:
        send(maker, belonging.element, "delete", {"id": before})
    if not is_listed(maker, described, part):
        pytest.skip("the list shows no such record by itself")

    for _ in range(2):
        send(maker, belonging.owner, "delete", {owner.key.name: key})
        assert not is_listed(maker, described, part)
        assert is_listed(maker, described, other)
    send(maker, belonging.owner, "update", {owner.key.name: key, "trashedDate": None})
    assert is_listed(maker, described, part)
    assert is_listed(maker, described, before) is not described.trashes
    send(
        maker,
        belonging.owner,
        "update",
        {owner.key.name: key, "trashedDate": "2030-01-01 10:00:00.0"},
    )
    assert not is_listed(maker, described, part)
    send(maker, belonging.owner, "update", {owner.key.name: key, "trashedDate": None})
    assert is_listed(maker, described, part)


def test_the_server_knows_all_of_it(maker: Maker) -> None:
    known = maker.driver.engine.schema.catalogue.parts
    assert known == load_catalogue().parts
    assert len(known) > len(FOUND)


def test_most_of_it_is_tried() -> None:
    assert len(FOUND) > 60
    assert {each.owner for each in FOUND} >= {"account", "contact", "opportunity", "ticket"}
