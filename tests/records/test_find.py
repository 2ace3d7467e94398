"""Records are found by conditions on their fields, and on those of what they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from packetserver.catalogue.conditions import (
    EVERY,
    All,
    Any,
    Compare,
    Condition,
    Field,
    In,
    Literal,
    Shown,
    Text,
    equals,
)
from packetserver.failures import Kind, Refused
from packetserver.records import Records
from packetserver.security.principal import Principal, PrincipalKind
from packetserver.store.lists import WHOLE, Page
from packetserver.store.unit_of_work import unit_of_work

ANYBODY = Principal(PrincipalKind.SYNC_CLIENT, None, None, 1, 1)
"""Somebody whose rights are not asked."""

READER = Principal(PrincipalKind.USER, 1, None, None, 1)
"""A user whose role holds what a test says."""

CONTACTS_OF_ACCOUNTS = {"accounts-accounts-contacts": frozenset({"view"})}


@contextmanager
def records(desk, principal: Principal = ANYBODY, held=None) -> Iterator[Records]:
    service = desk.engine
    with unit_of_work(service.database, writes=False) as work:
        yield Records(work, service.schema, principal, service.preferences, permitted=held or {})


@pytest.fixture
def people(desk) -> dict[str, int]:
    """Contacts of two accounts, one of many employees, and one of none."""
    large, small = desk.account(employees=900), desk.account(employees=3)
    return {
        name: desk.insert("contact", nameLast=last, nameFirst=name, accessType=2, **account)
        for name, last, account in (
            ("Ann", "Adam", {"orgId": large}),
            ("Bob", "Zeus", {"orgId": large}),
            ("Cyd", "Adam", {"orgId": small}),
            ("Dan", "Adam", {}),
        )
    }


def found(desk, people, where: Condition = EVERY, order=(), page=WHOLE, **who) -> str:
    """The first letters of the people that are found, in the order that they come in."""
    own = All((In(Field("id"), tuple(people.values())), where))
    with records(desk, **who) as opened:
        plan = opened.plan("contact", ("nameFirst",))
        rows = list(opened.find("contact", plan, own, order, page))
        if page == WHOLE:
            assert opened.count("contact", own) == len(rows)
    return "".join(row[0][0] for row in rows)


def employees(operator: str, count: int) -> Condition:
    return Compare(Field("orgId.employees"), operator, Literal(count))


@pytest.mark.parametrize(
    ("where", "names"),
    [
        (equals("nameLast", "Adam"), "ACD"),
        (Compare(Field("nameLast"), "=", Literal("ADAM"), fold=True), "ACD"),
        (Text(Field("nameFirst"), "like", "%_n"), "AD"),
        (employees(">", 100), "AB"),
        (Compare(Shown("orgId.employees"), "<", Literal(100)), "C"),
        (All((employees(">", 100), equals("nameLast", "Zeus"))), "B"),
        (Any((employees("<", 100), equals("nameFirst", "Dan"))), "CD"),
        (Any(), ""),
    ],
)
def test_conditions_are_on_fields_and_on_those_of_what_is_referred_to(desk, people, where, names):
    assert found(desk, people, where, ("nameFirst",)) == names


def test_an_order_is_by_fields_in_either_direction_and_by_those_of_what_is_referred_to(
    desk, people
):
    assert found(desk, people, order=("nameLast", "-nameFirst")) == "DCAB"
    assert found(desk, people, order=("-orgId.employees", "-nameFirst")) == "DBAC"
    assert found(desk, people, order=("-nameFirst",), page=Page(1, 2)) == "CB"


def test_what_is_found_may_be_seen(desk, people):
    some = {"principal": READER, "held": CONTACTS_OF_ACCOUNTS}
    assert found(desk, people, order=("nameFirst",), **some) == "ABC"
    with pytest.raises(Refused) as refused:
        found(desk, people, principal=READER, held={})
    assert refused.value.kind is Kind.DENIED


def test_what_may_not_be_seen_is_not_asked_after_by_a_detour(desk, people):
    some = {"principal": READER, "held": CONTACTS_OF_ACCOUNTS}
    for operand in (Field("orgId.employees"), Shown("orgId.employees")):
        with pytest.raises(Refused, match="cannot be filtered by"):
            found(desk, people, Compare(operand, ">", Literal(100)), **some)
    assert found(desk, people, order=("orgId.employees", "nameFirst"), **some) == "ABC"
    assert found(desk, people, order=("orgId.employees", "nameFirst")) == "CABD"
    # The names of what a record refers to are a part of it.
    named = Text(Field("orgId.name"), "begins", "Account")
    assert found(desk, people, named, ("nameFirst",), **some) == "ABC"
