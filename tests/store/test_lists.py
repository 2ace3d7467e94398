"""Lists are read by statements that are made once, whole whatever their length is."""

from __future__ import annotations

from datetime import datetime

import pytest

from packetserver.catalogue.conditions import (
    All,
    Any,
    AsSeen,
    Column,
    Compare,
    Condition,
    Exists,
    Linked,
    Literal,
    equals,
    filled,
)
from packetserver.failures import Refused
from packetserver.store.lists import WHOLE, Page, Selection
from packetserver.store.sight import ALL_SEEING
from packetserver.store.streams import PAGE_OF_ROWS

NOW = datetime(2026, 3, 4, 12, 30, 45, 678000)
NOT_OWN_COMPANY = Compare(Column("org_id"), ">", Literal(0))
MANY = 2 * PAGE_OF_ROWS + 3


@pytest.fixture
def numbers(world):
    """Accounts with as many employees as their number, and one without."""
    keys = [world.add("organization", name="x", employees=number) for number in range(MANY)]
    world.add("organization", name="x")
    return keys


def up_to(count: int) -> Condition:
    return Compare(Column("employees"), "<", Literal(count))


def listing(world, where: Condition, page: Page = WHOLE, order: tuple[str, ...] = ()) -> list[int]:
    described = world.schema.catalogue.objects["account"]
    selection = Selection(world.schema.scope(described), where, order)
    plan = world.schema.plan("account", ("id",))
    return [row[0] for row in world.records.select(selection, plan, page)]


def test_a_list_is_read_whole_whatever_its_length_and_that_of_the_one_before(world, numbers):
    lengths = [0, PAGE_OF_ROWS - 1, PAGE_OF_ROWS, PAGE_OF_ROWS + 1, MANY]
    for before in lengths:
        for length in lengths:
            assert listing(world, up_to(before)) == numbers[:before]
            assert listing(world, up_to(length)) == numbers[:length]


def test_a_page_has_as_many_records_as_it_says(world, numbers):
    for limit in (1, PAGE_OF_ROWS, PAGE_OF_ROWS + 1, PAGE_OF_ROWS + 2, MANY + 5, None):
        for offset in (0, 3, MANY - 1, MANY + 9):
            end = None if limit is None else offset + limit
            assert listing(world, up_to(MANY), Page(offset, limit)) == numbers[offset:end]


def test_an_order_may_have_several_columns_that_ascend_or_descend(world):
    one, two, three, four = (
        world.add("organization", name=name, employees=number)
        for name, number in (("a", 1), ("b", 2), ("a", 2), ("b", None))
    )
    ordered = ("-field:employees", "name")
    assert listing(world, NOT_OWN_COMPANY, order=ordered) == [four, three, two, one]


def test_a_long_list_is_not_held_as_a_whole(world, numbers):
    described = world.schema.catalogue.objects["account"]
    selection = Selection(world.schema.scope(described), up_to(MANY))
    plan = world.schema.plan("account", ("id",))
    for _ in range(2):
        rows = iter(world.records.select(selection, plan))
        assert next(rows)[0] == numbers[0]
        assert world.records.streams.is_open
        world.records.streams.end()
    short = world.records.select(Selection(selection.scope, up_to(9)), plan, Page(0, 9))
    assert len(list(short)) == 9
    assert not world.records.streams.is_open


def test_lists_of_other_values_are_one_statement(world):
    lists, plan = world.schema.lists, world.schema.plan("account", ("id",))
    scope = world.schema.scope(world.schema.catalogue.objects["account"])

    def kept(where: Condition, page: Page = WHOLE):
        return lists.rows(Selection(scope, where), plan, page)

    assert kept(up_to(5)) is kept(up_to(7))
    assert kept(up_to(5), Page(0, 10)) is kept(up_to(7), Page(0, 20))
    assert lists.count(Selection(scope, up_to(5))) is lists.count(Selection(scope, up_to(7)))
    others = [kept(up_to(5)), kept(up_to(5), Page(0, 10)), kept(up_to(5), Page(10, 10))]
    others += [kept(equals("employees", 5)), kept(All((up_to(5), filled("name"))))]
    assert len({id(each) for each in others}) == len(others)


class Seeing:
    """Sees the contacts of one last name."""

    def __init__(self, condition: Condition) -> None:
        self.condition = condition

    def of_rows(self, element: str) -> Condition:
        return self.condition if element == "contact" else All()

    of_names = of_rows


def test_what_is_asked_of_others_is_asked_of_those_that_may_be_seen(world):
    seen, unseen = (
        world.add("organization", name=name, employees=77) for name in ("Seen", "Unseen")
    )
    for account, name in ((seen, "Known"), (unseen, "Hidden")):
        world.add("contact", namelast=name, org_id=account, access_type=1)
    has_contact = AsSeen(Exists(Linked("contact", "org_id")), "withContact")
    where = All((equals("employees", 77), has_contact))
    scope = world.schema.scope(world.schema.catalogue.objects["account"])
    plan, selection = world.schema.plan("account", ("id",)), Selection(scope, where)
    assert world.schema.lists.looked_at(selection).rows == ("contact",)

    def found(asker) -> list[int]:
        return [row[0] for row in world.records.select(selection.seen_by(asker), plan)]

    assert found(ALL_SEEING) == [seen, unseen]
    assert found(Seeing(equals("nameLast", "Known"))) == [seen]
    assert found(Seeing(equals("nameLast", "Hidden"))) == [unseen]
    assert found(ALL_SEEING) == [seen, unseen]
    with pytest.raises(Refused, match="withContact: cannot be filtered by"):
        found(Seeing(Any()))
