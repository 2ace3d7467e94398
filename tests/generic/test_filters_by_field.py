"""A list is filtered by each field as a slow reader of the whole list would do it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
from driving import HOST, ListSink, Record
from making import Maker, creatable

from packetserver.catalogue.model import Field, ObjectType
from packetserver.protocols.packet.packet import Item, Options, Packet, Property, Transaction
from packetserver.records.opening import load_schema
from packetserver.store.field_filters import uncompared_fields

CATALOGUE = load_schema().catalogue
LISTED = [each for each in creatable(CATALOGUE) if CATALOGUE.objects[each].list_element]

ABSENT = {
    "integer": "1888888888",
    "double": "123456.75",
    "boolean": "true",
    "text": "nobody wrote this",
    "timestamp": "1999-09-09 09:09:09.9",
    "date": "1999-09-09",
}
"""A value of each type that hardly any record has."""

VALUES: dict[str, Callable[[str], object]] = {
    "integer": int,
    "double": float,
    "boolean": lambda text: text == "true",
    "text": str.lower,
}
"""What two texts of a type are when they mean the same; those of times are written alike."""

Question = tuple[Field, str]


@dataclass(frozen=True)
class Asked:
    """The answers to selects of one list, each with one filter or none."""

    maker: Maker
    described: ObjectType

    def all(
        self, questions: Sequence[tuple[str, str | None]], meta: list[str]
    ) -> list[list[Record]]:
        """The records of each question, (filter, value), in one packet."""
        element = self.described.list_element or ""
        items = [Item(element, {"action": "select"}, (Property(*each),)) for each in questions]
        transactions = tuple(
            Transaction(number, tuple(meta), (item,)) for number, item in enumerate(items, 1)
        )
        driver, sink = self.maker.driver, ListSink()
        packet = Packet(driver.credentials, transactions)
        responses = driver.engine.process(packet, Options(), HOST, HOST, sink)
        found = []
        for question, response in zip(questions, responses, strict=True):
            assert response.errors == (), question
            assert response.records is not None
            found.append(sink.records[response.records.start : response.records.end])
        return found


def compared_fields(described: ObjectType) -> dict[str, Field]:
    """The fields that filter the list without a line of a schema, by all of their names."""
    uncompared = {each.name for each in uncompared_fields(described)}
    named = {**{name: name for name in described.fields}, **described.aliases}
    declared = {name for name, one in described.filters.items() if one.field is None}
    return {
        name: described.fields[of]
        for name, of in named.items()
        if not described.fields[of].secret
        and of not in uncompared
        and name not in declared
        and name not in described.filter_aliases
    }


def reads_as(field: Field, text: str, wanted: str) -> bool:
    """Whether a text that a record shows is what the filter asks for."""
    if field.type.name == "text" and "%" in wanted:
        parts = (
            ".*" if each == "%" else "." if each == "_" else re.escape(each)
            for each in wanted.lower()
        )
        return re.fullmatch("".join(parts), text.lower(), re.DOTALL) is not None
    if text == "":
        return False
    read = VALUES.get(field.type.name, str)
    return read(text) == read(wanted)


def probes(field: Field, texts: Counter[str]) -> Iterator[str]:
    """Values to ask for: of one record as of few others as can be, and of none."""
    shown = [each for each, _ in texts.most_common() if each]
    yield ABSENT[field.type.name]
    yield from dict.fromkeys((*shown[:1], *shown[-1:]))
    if field.type.name == "text" and shown:
        yield shown[-1].swapcase()
        yield f"%{shown[-1][1:]}"
        yield f"{shown[-1][:-1]}_%"


@pytest.mark.parametrize("element", LISTED)
def test_each_field_filters_its_list_by_what_it_reads_as(maker: Maker, element: str) -> None:
    described = CATALOGUE.objects[element]
    maker.insert(element)
    for second in (False, True):
        fields = maker.settable(element)
        maker.insert(element, {each.name: maker.value(each, second=second) for each in fields})
    asked, fields_by_name = Asked(maker, described), compared_fields(described)
    if not fields_by_name:
        pytest.skip("declares all of its fields as filters")
    key = [] if described.key is None else [described.key.name]
    identity = key or [each.name for each in described.stored_fields]
    meta = [*identity, *(name for name in fields_by_name if name not in identity)]
    (rows,) = asked.all([("guid", None)], meta)
    questions = [
        (name, value)
        for name, field in fields_by_name.items()
        for value in probes(field, Counter(row[name] for row in rows))
    ]

    answers = asked.all(questions, identity)

    for (name, value), found in zip(questions, answers, strict=True):
        field = fields_by_name[name]
        wanted = Counter(
            tuple(row[each] for each in identity)
            for row in rows
            if reads_as(field, row[name], value)
        )
        assert Counter(each.texts for each in found) == wanted, (name, value)


@pytest.mark.parametrize("element", LISTED)
def test_a_value_that_is_not_of_its_fields_type_is_an_error_and_an_empty_one_asks_nothing(
    maker: Maker, element: str
) -> None:
    described = CATALOGUE.objects[element]
    list_element = described.list_element or ""
    whole = maker.driver.one(list_element, "select").response.records
    for name, field in compared_fields(described).items():
        if field.type.name in {"text", "boolean"}:
            continue
        refused = maker.driver.one(list_element, "select", {name: "neither"})
        assert refused.errors[0] == "Transaction failed"
        assert refused.errors[1].startswith(f"item 1 ({list_element}): {name}: ")
        empty = maker.driver.one(list_element, "select", {name: None}).response.records
        assert whole is not None
        assert empty is not None
        assert empty.count == whole.count
