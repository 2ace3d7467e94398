"""What belongs to nobody is the administration's, and without any right nothing can be stored."""

from __future__ import annotations

import pytest
from attempts import Attempt, attempts
from making import Maker, creatable
from people import People

from packetserver.catalogue.loader import load_catalogue, read_defaults
from packetserver.store.setup import default_rows

CATALOGUE = load_catalogue()
STORED = creatable(CATALOGUE)
DENIED = "User denied permission to perform action on the object"
WRITING = ("insert", "update", "delete")

FILLED = {table for _, content in read_defaults() for table, _ in default_rows(content)}
"""The tables that a new database has rows in."""

OWNED = {
    "account": "the own company is an account among others",
    "survey": "an example, which whoever makes surveys may change",
}
"""Objects with rows in a new database that are no lists of it, each with the reason."""

LISTS = [
    each.element
    for each in CATALOGUE.objects.values()
    if each.table in FILLED and each.element not in OWNED
]

OF_LISTS = ["documentStorePermissions"]
"""Without rows in a new database; they say what the lists mean for a record."""

FREE = {("syncClient", "insert"): "everybody registers his own clients, and handles no other's"}
"""What needs no permission at all, each with the reason."""


def written(maker: Maker, element: str) -> list[Attempt]:
    return [each for each in attempts(maker, element) if each.title in WRITING]


@pytest.mark.parametrize("element", [*LISTS, *OF_LISTS])
def test_lists_of_the_installation_are_written_by_its_administration_alone(
    maker: Maker, people: People, element: str
) -> None:
    for each in written(maker, element):
        answer = each.send(maker.driver, people.all_but_administration)
        assert answer.errors == (DENIED,), each.title


@pytest.mark.parametrize("element", STORED)
def test_who_has_no_right_at_all_stores_nothing(maker: Maker, people: People, element: str) -> None:
    for each in written(maker, element):
        answer = each.send(maker.driver, people.nothing)
        is_denied = answer.errors == (DENIED,)
        assert is_denied is ((element, each.title) not in FREE), each.title


def test_the_reasons_are_those_of_objects_that_are_there() -> None:
    assert {each for each, _ in FREE} <= set(STORED)
    assert all(CATALOGUE.objects[each].table in FILLED for each in OWNED)
