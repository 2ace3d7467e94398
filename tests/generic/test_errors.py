"""What an error says of every object: where it is, what is wrong, all of it, in one order."""

from __future__ import annotations

import pytest
from driving import ADMIN, item
from making import Maker, creatable

from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import Field, ObjectType
from packetserver.security.credentials import Credentials

CATALOGUE = load_catalogue()
ELEMENTS = creatable(CATALOGUE)
NOBODY = "1999999999"
GOOD = item("account", "insert", {"name": "Good"})


def checked_references(element: str) -> list[Field]:
    """Fields that may be left out, whose foreign keys the database checks, in its columns' order."""
    described = CATALOGUE.objects[element]
    columns = list(CATALOGUE.tables[described.table or ""].columns)
    fields = [
        each
        for each in described.stored_fields
        if CATALOGUE.table_of(each) is not None
        and (each.foreign_key and each.insert and not each.key and not each.required)
        and each.name not in described.forced_to_user
    ]
    return sorted(fields, key=lambda each: columns.index(each.column or ""))


REFERRING = [each for each in ELEMENTS if len(checked_references(each)) > 1]


@pytest.mark.parametrize("element", REFERRING)
def test_every_reference_to_nothing_is_named_in_one_order(maker: Maker, element: str) -> None:
    needed = {**maker.needed(element), **maker.wire_only(element)}
    names = [each.name for each in checked_references(element)]
    wrong = dict.fromkeys(reversed(names), NOBODY)

    items = [GOOD, item(element, "insert", {**needed, **wrong})]
    (answer,) = maker.driver.send([items], validate=False)

    assert answer.errors[0] == "Transaction failed"
    named = [each.partition(": there is no ")[0] for each in answer.errors[1:]]
    assert named == [f"item 2 ({element}): {name}" for name in names]
    assert all(each.endswith(f" {NOBODY}") for each in answer.errors[1:])


@pytest.mark.parametrize(("number", "last"), [(1, 1), (1, 8), (2, 8), (8, 8)])
def test_lines_that_clients_know_stay_and_the_place_follows(
    maker: Maker, number: int, last: int
) -> None:
    known = (
        "Object validation error",
        "Transaction failed",
        "Object Validation Failed",
        "name: Required Field",
    )
    items = [GOOD] * last
    items[number - 1] = item("account", "insert", {"url": "x"})
    (answer,) = maker.driver.send([items])
    assert answer.errors == (known if last == 1 else (*known, f"item {number} (account)"))


def test_a_row_that_waited_names_its_own_item(maker: Maker) -> None:
    """Records are stored together, and the one that is refused is not the last that came."""
    contact = {"nameLast": "Waiting", "accessType": "2"}
    items = [item("contact", "insert", contact) for _ in range(6)]
    items[3] = item("contact", "insert", {**contact, "source": NOBODY})
    (answer,) = maker.driver.send([items], validate=False)
    told = f"item 4 (contact): source: there is no lookupContactSource {NOBODY}"
    assert answer.errors == ("Transaction failed", told)


def referrers(element: str) -> dict[str, Field]:
    """By element: a field that keeps a record of an object from being removed."""
    table = CATALOGUE.objects[element].table
    found = {}
    for each in creatable(CATALOGUE):
        described = CATALOGUE.objects[each]
        columns = CATALOGUE.tables[described.table or ""].columns
        for field in described.stored_fields:
            column = columns[field.column or ""]
            holds = column.references == table and column.constrained and not column.belongs
            if (
                holds
                and field.references == element
                and field.insert
                and each == first_of(described)
            ):
                found.setdefault(each, field)
    return found


def first_of(described: ObjectType) -> str:
    """The object that a table is named by."""
    objects = CATALOGUE.objects.values()
    return next(each.element for each in objects if each.table == described.table)


USED = [
    each
    for each in ELEMENTS
    if CATALOGUE.objects[each].kind == "lookup"
    and not CATALOGUE.objects[each].on_delete
    and len(referrers(each)) > 1
]


@pytest.mark.parametrize("element", USED)
def test_every_referrer_of_a_record_in_use_is_named(maker: Maker, element: str) -> None:
    key = maker.insert(element)
    holders = referrers(element)
    for holder, field in reversed(holders.items()):
        maker.insert(holder, {field.name: key})

    answer = maker.driver.one(element, "delete", {"code": key})

    told = f"item 1 ({element}): The record is in use by {', '.join(sorted(holders))}"
    assert answer.errors == ("Transaction failed", told)


@pytest.mark.parametrize("strict", [True, False])
def test_a_message_has_its_place_behind_it_for_those_who_ask(maker: Maker, strict: bool) -> None:  # noqa: FBT001
    """Clients of the original expect the messages of items alone, a line each."""
    items = [
        GOOD,
        item("nothing", "insert", {"a": "b"}),
        GOOD,
        item("account", "dance", {"a": "b"}),
    ]
    (answer,) = maker.driver.send([items], strict=strict)
    first, second = (
        "Unsupported object specified",
        "Object does not implement CustomActionHandler and cannot be processed.",
    )
    placed = (first, "item 2 (nothing)", second, "item 4 (account)")
    assert answer.errors == (placed if strict else (first, second))


def test_a_packet_without_system_is_told_so_once(maker: Maker) -> None:
    credentials = Credentials(username=ADMIN.username, code=ADMIN.code, system_id=None)
    (answer,) = maker.driver.send([[GOOD, GOOD]], credentials=credentials)
    unsupported, told = answer.errors
    assert unsupported == "Unsupported object specified"
    assert "systemId" in told
