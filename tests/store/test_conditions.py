"""Conditions mean the same in SQL, on both databases, and in Python; also where nothing is stored."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any as Value

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from databases import KINDS, Databases
from packetserver.catalogue import conditions as tree
from packetserver.catalogue.conditions import (
    EVERY,
    LIKE,
    NOTHING,
    NOW,
    READER,
    All,
    Any,
    Compare,
    Condition,
    Empty,
    Exists,
    Field,
    In,
    Literal,
    Not,
    Rows,
    Text,
    equals,
    filled,
    shape,
    simplified,
)
from packetserver.catalogue.holding import Facts, holds, settled
from packetserver.records.opening import load_schema
from packetserver.store import rows as stored_rows
from packetserver.store.conditions import bound_values, sql
from packetserver.store.database import Database
from packetserver.store.direct import Direct
from packetserver.store.parameters import CLIENT, PRESENT
from packetserver.store.parameters import READER as READER_PARAMETER

PRESENT_TIME = datetime(2026, 3, 4, 5, 6, 7)
TIMES = [None, PRESENT_TIME, datetime(2026, 3, 4, 5, 6, 6), datetime(2031, 1, 1)]
NUMBERS = [None, 0, 1, 2]
TEXTS = [None, "", "a", "Ab", "ab_%", "%", "\x1b", "ÄΣς", "äσσ"]
FLAGS = [None, True, False]

CALL_FIELDS = {
    "length": NUMBERS,
    "owner": [None, 1, 2],
    "subject": TEXTS,
    "alertDate": TIMES,
    "emailParticipants": FLAGS,
}
CONTACT_FIELDS = {"owner": [None, 1, 2], "nameLast": TEXTS[1:], "employee": [True, False]}
PARTICIPANT_FIELDS = {"isAvailable": NUMBERS}
"""Fields of each kind, with the values that they have here."""


def leaves(fields: dict[str, list[Value]]) -> st.SearchStrategy[Condition]:
    return st.one_of(*(leaf(name, values) for name, values in fields.items()))


def leaf(name: str, values: list[Value]) -> st.SearchStrategy[Condition]:
    field, constants = Field(name), st.sampled_from(values)
    found: list[st.SearchStrategy[Condition]] = [
        st.just(Empty(field)),
        st.lists(constants, max_size=3).map(lambda some: In(field, tuple(some))),
    ]
    kinds = {type(each) for each in values} - {type(None)}
    if kinds == {str}:
        texts = st.sampled_from([each for each in values if each is not None])
        hows = st.sampled_from(["begins", "ends", "contains"])
        patterns = st.sampled_from(["", "%", "_", "a%", "%b_%"])
        found.append(st.builds(Text, st.just(field), st.just(LIKE), patterns, st.booleans()))
        found.append(st.builds(Text, st.just(field), hows, texts, st.booleans()))
        same = st.builds(
            Compare, st.just(field), st.just("="), constants.map(Literal), st.booleans()
        )
        return st.one_of(*found, same)
    operators = st.sampled_from(["="] if kinds == {bool} else [*list("<>"), "<=", ">=", "="])
    others: st.SearchStrategy[tree.Operand] = constants.map(Literal)
    if kinds == {datetime}:
        others = st.one_of(others, st.just(NOW))
    if name == "owner":
        others = st.one_of(others, st.just(READER))
    found.append(st.builds(Compare, st.just(field), operators, others))
    return st.one_of(*found)


def joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(several.map(All), several.map(Any), inner.map(Not))


def conditions(fields: dict[str, list[Value]], *more: st.SearchStrategy[Condition]) -> Value:
    return st.recursive(st.one_of(leaves(fields), *more), joined, max_leaves=8)


OF_CONTACT = st.builds(Exists, st.just(Rows("contact", "contactId")), conditions(CONTACT_FIELDS))
OF_PARTICIPANTS = st.builds(
    Exists, st.just(Rows("callParticipant", "id", "callId")), conditions(PARTICIPANT_FIELDS)
)
CONDITIONS = conditions(CALL_FIELDS, OF_CONTACT, OF_PARTICIPANTS)


@dataclass
class Stored:
    """Calls, contacts and participants, in a database and as they are at hand."""

    records: stored_rows.Rows
    calls: dict[int, dict[str, Value]]
    others: dict[str, dict[int, dict[str, Value]]]

    @property
    def facts(self) -> Facts:
        return Facts(PRESENT_TIME, 1, None, self.related)

    def related(self, rows: Rows, key: Value) -> Iterator[tree.Values]:
        described = self.records.schema.catalogue.objects[rows.element]
        name = rows.link or (described.key.name if described.key is not None else "")
        for each in self.others[rows.element].values():
            if each[name] == key:
                yield each.__getitem__

    def in_sql(self, condition: Condition) -> set[int]:
        scope = self.records.schema.scope(self.records.schema.catalogue.objects["call"])
        statement = select(scope.key).where(sql(condition, scope))
        found = self.records.connection.execute(statement, self.records.parameters)
        return set(found.scalars())

    def by_shape(self, condition: Condition) -> tuple[str, set[int]]:
        """The text of a kept statement, and what it finds once the values are told."""
        scope = self.records.schema.scope(self.records.schema.catalogue.objects["call"])
        whole, values = shape(condition)
        statement, connection = select(scope.key).where(sql(whole, scope)), self.records.connection
        given = {**self.records.parameters, **bound_values(values)}
        text = str(statement.compile(connection))
        return text, {row[0] for row in Direct(statement).rows(connection, given)}

    def in_python(self, condition: Condition) -> set[int]:
        return {
            key
            for key, call in self.calls.items()
            if holds(condition, call.__getitem__, self.facts)
        }


def make(
    records: stored_rows.Rows, element: str, values: dict[str, Value]
) -> tuple[int, dict[str, Value]]:
    described = records.schema.catalogue.objects[element]
    now = {"entered": PRESENT_TIME, "modified": PRESENT_TIME, "enteredBy": 1, "modifiedBy": 1}
    sent = {name: each for name, each in now.items() if described.field(name)} | values
    columns = {described.fields[name].column or "": each for name, each in sent.items()}
    key = records.insert_row(described.table or "", columns)
    name = described.key.name if described.key is not None else ""
    return int(key), {**dict.fromkeys(described.fields), **sent, name: int(key)}


def fill(records: stored_rows.Rows) -> Stored:
    chance = random.Random(7)
    contacts = dict(
        make(
            records,
            "contact",
            {"accessType": 2, "nameFirst": "", **dict(zip(CONTACT_FIELDS, each, strict=True))},
        )
        for each in itertools.product(*CONTACT_FIELDS.values())
    )
    calls, participants = {}, {}
    for number in range(120):
        values = {name: chance.choice(some) for name, some in CALL_FIELDS.items()}
        values |= {"contactId": chance.choice([None, *contacts]), "statusId": 1}
        key, call = make(records, "call", values)
        calls[key] = call
        for _ in range(number % 3):
            some = {name: chance.choice(each) for name, each in PARTICIPANT_FIELDS.items()}
            some |= {"callId": key, "contactId": next(iter(contacts))}
            participants.update([make(records, "callParticipant", some)])
    return Stored(records, calls, {"contact": contacts, "callParticipant": participants})


@pytest.fixture(scope="module", params=KINDS)
def stored(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Stored]:
    with databases.prepared(request.param) as url, closing(Database(url)) as database:
        parameters = {PRESENT: PRESENT_TIME, READER_PARAMETER: 1, CLIENT: -1}
        with database.connect(writes=True) as connection:
            yield fill(stored_rows.Rows(load_schema(), connection, parameters))


@settings(max_examples=300)
@given(condition=CONDITIONS)
def test_sql_and_python_find_the_same_records(stored: Stored, condition: Condition) -> None:
    expected = stored.in_python(condition)
    assert stored.in_sql(condition) == expected
    assert stored.in_sql(Not(condition)) == stored.calls.keys() - expected


@settings(max_examples=200)
@given(condition=CONDITIONS)
def test_what_is_left_of_a_condition_means_the_same(stored: Stored, condition: Condition) -> None:
    left = simplified(condition)
    assert stored.in_python(left) == stored.in_python(condition)
    assert simplified(left) == left


def with_other_values(condition: Condition, chance: random.Random) -> Condition:
    """The same condition of other values of the same types."""
    match condition:
        case All(of) | Any(of):
            return type(condition)(tuple(with_other_values(each, chance) for each in of))
        case Not(inner):
            return Not(with_other_values(inner, chance))
        case Exists(rows, where):
            return Exists(rows, with_other_values(where, chance))
    return leaf_with_other_values(condition, chance)


def leaf_with_other_values(leaf: Condition, chance: random.Random) -> Condition:
    match leaf:
        case Compare(_, _, Literal(value)):
            known = [*NUMBERS, *TEXTS, *TIMES]
            others = [each for each in known if type(each) is type(value)] or [value]
            return replace(leaf, right=Literal(chance.choice(others)))
        case Text():
            return replace(leaf, value=chance.choice(["b", "%", "", "A"]))
        case In(_, values):
            return replace(leaf, values=values[::-1])
    return leaf


@settings(max_examples=200)
@given(condition=CONDITIONS, seed=st.integers(0, 5))
def test_conditions_of_one_shape_are_one_statement_with_other_values(
    stored: Stored, condition: Condition, seed: int
) -> None:
    text, found = stored.by_shape(condition)
    assert found == stored.in_python(condition)
    other = with_other_values(condition, random.Random(seed))
    assert shape(other)[0] == shape(condition)[0]
    text_of_other, found = stored.by_shape(other)
    assert (text_of_other, found) == (text, stored.in_python(other))


def test_how_many_values_there_are_of_several_makes_few_shapes() -> None:
    def of(count: int) -> Condition:
        return In(Field("length"), tuple(range(count)))

    counts = range(1, 3000)
    assert len({shape(of(count))[0] for count in counts}) <= 16
    for count in (1, 2, 3, 500, 513, 2999):
        whole, values = shape(of(count))
        assert set(values) == set(range(count))
        assert isinstance(whole, In)
        assert len(whole.values) == len(values) < max(2 * count, count + 512)
    assert shape(In(Field("length"), (None,)))[0] == In(Field("length"), ())


def test_a_flag_is_a_part_of_the_shape_and_a_number_is_none() -> None:
    flags = {shape(equals("employee", value=each))[0] for each in (True, False)}
    assert len(flags) == 2
    numbers = {shape(equals("length", each))[0] for each in (0, 1, 7)}
    assert len(numbers) == 1
    assert numbers.isdisjoint(flags)


@settings(max_examples=100)
@given(condition=CONDITIONS, number=st.integers(0, 119))
def test_a_record_that_is_not_stored_is_judged_alike(
    stored: Stored, condition: Condition, number: int
) -> None:
    key = list(stored.calls)[number]
    call = stored.calls[key]
    described = stored.records.schema.catalogue.objects["call"]
    values = {name: call[name] for name in tree.paths(condition)}
    expected = holds(condition, call.__getitem__, stored.facts)
    assert stored.records.judgements.of_given(described, condition, values) is expected
    known = settled(condition, call.__getitem__, Facts(PRESENT_TIME, 1))
    assert known in {None, expected}


def test_alternatives_that_leave_nothing_out_are_every_record() -> None:
    of_account = filled("orgId")
    of_staff = All((equals("employee", value=True), Empty(Field("orgId"))))
    neither = Not(Any((of_account, of_staff)))
    assert simplified(Any((of_account, of_staff, neither))) == EVERY
    assert simplified(Any((of_account, neither))) == simplified(Any((of_account, Not(of_staff))))
    through = [Exists(Rows("contact", "contactId"), each) for each in (of_account, of_staff)]
    assert simplified(Any((*through, Not(Any(tuple(through)))))) == EVERY


def test_nothing_is_left_to_ask_of_what_nobody_can_fulfil() -> None:
    assert simplified(All((filled("orgId"), Any()))) == NOTHING
    assert simplified(Exists(Rows("contact", "contactId"), NOTHING)) == NOTHING
    assert simplified(Compare(Field("orgId"), "=", Literal(None))) == NOTHING


def test_only_the_database_knows_other_records() -> None:
    of_contact = Exists(Rows("contact", "contactId"), filled("orgId"))
    with pytest.raises(TypeError, match="only the database can tell"):
        holds(of_contact, {"contactId": 5}.__getitem__, Facts())
    assert holds(of_contact, {"contactId": None}.__getitem__, Facts()) is False
