"""Hostile texts in every place of every object: they are stored as they are, or told to be wrong.

A new object, field or filter is attacked without a new line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest
from hostile.arenas import Arena
from hostile.attacking import (
    CLIENT,
    Complaint,
    Item,
    Target,
    check_document,
    errors_of,
    item,
    packet,
    tried,
)
from lxml import etree
from making import Maker, creatable, is_odd

from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import Field, Filter, ObjectType

# One process for them all: what they share takes longer to make than most of them take.
pytestmark = pytest.mark.xdist_group("hostile every object")

CATALOGUE = load_catalogue()
ELEMENTS = creatable(CATALOGUE)
AREAS = sorted({CATALOGUE.objects[each].file for each in ELEMENTS})
COUNTED = [
    f'(SELECT count(*) FROM "{name}") AS "{name}"'  # noqa: S608 (the catalogue's own names)
    for name in CATALOGUE.tables
    # What was asked, and by whom, is written down whatever came of it.
    if name not in {"sync_log", "sync_transaction_log", "packetserver_login"}
]
NO_HEADERS: Mapping[str, str] = {}
SINGLY = {"commit-level": "transaction"}
UNCHECKED = {"object-validation": "false"}

TEXTS = (
    "'; DROP TABLE access; --",
    "\"\\' OR 1=1 /* %_\\%",
    "x' UNION SELECT password FROM access WHERE 'a'='a",
    "$1 :name ?1 %s %(name)s {0} ${x}",
    "<b>&amp;]]></b> #{1+1} <%= 1 %>",
    "\u202e\u0301\ufeff\U0001f4a3\u2028\x85\u0130\u00df\ufb01",
    " \t\r\nNULL ",
)
"""For fields of text: what means something to one of those that it passes on the way."""

VALUES = (
    "1 OR 1=1",
    "1;--",
    "''",
    "1e309",
    "-99999999999999999999",
    "0x1f",
    "\u0661",
    "1_000",
    "nan",
    "1,2);--",
    "9999-99-99 99:99:99",
    "0000-00-00",
)
"""For fields of another type."""

KEYS = ("1 OR 1=1", "' OR ''='", "$C{account.id}", "9" * 4000, "\U0001f4a3")

TABLE_INPUTS = ("tableName", "table", "uniqueField") * 2
TABLES = ("access", "access; --", "access, role", '"access"', "pg_shadow", "1")

NAMES = (
    "name.name.name",
    "orgId.orgId",
    "__class__",
    "_sa_instance_state",
    "name^",
    "name^^accountGuid",
    "name^accountGuid",
    "orgId^${x}Guid",
    "_guid",
    "Guid",
    "a" * 5000,
    "\u00e9l\u00e9ment",
)
"""For meta properties: an element each, that most likely reads as empty."""

NO_NAMES = ("id; --", "na'me", 'na"me', "$C{account.id}", "^Guid", ".guid", "*", "count(*)")
"""For meta properties: what can be no element."""

ACTIONS = ("'; --", "", "__init__", "insert;", "selectAll")
NUMBERS = ("-1", "2147483648", "9" * 400, "1.5", "1e309", "1 OR 1=1")
"""For the attributes that count."""


def some(texts: Sequence[str], described: ObjectType, number: int) -> list[str]:
    """As many of the texts, others for every object: all of them meet every kind of place."""
    first = ELEMENTS.index(described.element)
    return [texts[(first + place) % len(texts)] for place in range(number)]


def objects_of(area: str) -> list[ObjectType]:
    return [CATALOGUE.objects[each] for each in ELEMENTS if CATALOGUE.objects[each].file == area]


def counts(arena: Arena) -> dict[str, int]:
    """How many rows every table has."""
    with arena.engine.database.connect() as connection:
        return dict(connection.exec_driver_sql(f"SELECT {', '.join(COUNTED)}").mappings().one())


def changed(before: Mapping[str, int], after: Mapping[str, int]) -> set[str]:
    return {name for name, number in after.items() if number != before[name]}


def fitted(field: Field, text: str) -> str:
    """As much of a text as the field takes without complaint."""
    most = min(each for each in (field.max_length, field.cut, len(text)) if each is not None)
    return text[:most]


def plain_texts(maker: Maker, element: str) -> list[Field]:
    """The fields that take any text."""
    return [
        each
        for each in maker.settable(element)
        if each.type.name == "text"
        and each.references is None
        and each.references_table is None
        and each.name not in CATALOGUE.objects[element].identified_by
    ]


def play(
    target: Target, items: list[Item], meta: list[str], headers: Mapping[str, str] = NO_HEADERS
) -> etree._Element:
    """Each item in a transaction of its own, as a sync client that may do everything."""
    transactions = (([each], meta) for each in items)
    tried.inputs += len(items) - 1
    return target.play(packet(*transactions, credentials=CLIENT), headers=headers)


def records_of(document: etree._Element) -> list[dict[str, str]]:
    """The first record of each response."""
    return [
        {each.tag: each.text or "" for each in response.iterfind("recordSet/record[1]/*")}
        for response in document.iterchildren("response")
    ]


def insert_of(maker: Maker, element: str, values: Mapping[str, str]) -> Item:
    needed = {**maker.needed(element), **maker.wire_only(element)}
    return item(element, "insert", {**needed, **values})


@dataclass(frozen=True)
class Faithful:
    """What a harmless record of an object shows: the fields that are stored as they are sent."""

    described: ObjectType
    fields: list[Field]
    meta: list[str]
    harmless: dict[str, str]


@pytest.mark.parametrize("area", AREAS)
def test_a_hostile_text_is_stored_as_it_is(arena: Arena, area: str) -> None:
    before = counts(arena)
    known = [found for each in objects_of(area) if (found := faithful(arena, each)) is not None]
    usual = changed(before, between := counts(arena))
    for each in known:
        store_texts(arena, each)
    assert changed(between, counts(arena)) <= usual


def faithful(arena: Arena, described: ObjectType) -> Faithful | None:
    maker, element = arena.maker, described.element
    fields = plain_texts(maker, element)
    if not fields:
        return None
    meta = [each.name for each in fields]
    meta = meta if described.key is None else [described.key.name, *meta]
    harmless = {each.name: maker.value(each) for each in fields}
    items = [insert_of(maker, element, harmless)]
    (stored,) = records_of(play(arena.target, items, meta, UNCHECKED))
    kept = [each for each in fields if stored.get(each.name) == harmless[each.name]]
    return Faithful(described, kept, meta, harmless)


def store_texts(arena: Arena, known: Faithful) -> None:
    """Every text, each in all fields of a record at once."""
    element, key = known.described.element, known.described.key
    sent = [{each.name: fitted(each, text) for each in known.fields} for text in TEXTS]
    items = [insert_of(arena.maker, element, {**known.harmless, **values}) for values in sent]
    answer = play(arena.target, items, known.meta, UNCHECKED)

    assert errors_of(answer) == [""] * len(TEXTS), element
    found = records_of(answer)
    check_equal(element, sent, found)
    if key is not None:
        items = [item(element, "select", {key.name: each[key.name]}) for each in found]
        check_equal(element, sent, records_of(play(arena.target, items, known.meta)))


def check_equal(element: str, sent: list[dict[str, str]], found: list[dict[str, str]]) -> None:
    for values, record in zip(sent, found, strict=True):
        assert {name: record.get(name) for name in values} == values, element


@pytest.mark.parametrize("area", AREAS)
def test_what_is_not_of_its_type_is_told(arena: Arena, area: str) -> None:
    for each in objects_of(area):
        typed = [one for one in arena.maker.settable(each.element) if is_strict(one)]
        if not typed:
            continue
        wrong = [
            {one.name: wrong_value(one, text) for one in typed} for text in some(VALUES, each, 3)
        ]
        items = [insert_of(arena.maker, each.element, values) for values in wrong]
        before = counts(arena)
        answer = play(arena.target, items, ["id"])
        for values, told in zip(wrong, errors_of(answer), strict=True):
            assert told_of(told) >= set(values), f"{each.element}: {told}"
        assert counts(arena) == before
        play(arena.target, items, ["id"], {**SINGLY, **UNCHECKED})


def is_strict(field: Field) -> bool:
    return field.type.name in {"integer", "double", "boolean", "timestamp", "date"} and not is_odd(
        field
    )


def wrong_value(field: Field, text: str) -> str:
    """A text that is not of the field's type, this one if it is such."""
    return "nan" if field.type.name == "double" and text.startswith("-9") else text


def told_of(error: str) -> set[str]:
    return {line.partition(":")[0] for line in error.splitlines()}


@pytest.mark.parametrize("area", AREAS)
def test_no_filter_lets_more_through_than_its_value(arena: Arena, area: str) -> None:
    before = counts(arena)
    for each in objects_of(area):
        if each.list_element is None:
            continue
        items = list(filtered(each))
        for begin in range(0, len(items), 400):
            check_filters(arena, items[begin : begin + 400])
    assert counts(arena) == before


def filtered(described: ObjectType) -> Iterator[Item]:
    for one in described.filters.values():
        for text in TEXTS if one.type.name == "text" else some(VALUES, described, 3):
            yield item(described.list_element or "", "select", {one.name: text})


def check_filters(arena: Arena, items: list[Item]) -> None:
    answer = play(arena.target, items, [])
    for sent, response in zip(items, answer.iterchildren("response"), strict=True):
        ((name, text),) = sent.values
        described = CATALOGUE.target(sent.element)
        assert described is not None
        one = described.object.filter(name)
        if one is not None and is_typed(one) and text is not None:
            told = response.findtext("errorText") or ""
            assert name in told, f"{sent}: {told}"


def is_typed(one: Filter) -> bool:
    """Whether the filter takes no other text than such of its type."""
    return one.type.name in {"integer", "double", "timestamp", "boolean"}


@pytest.mark.parametrize("area", AREAS)
def test_no_key_number_or_name_does_harm(arena: Arena, area: str) -> None:
    before = counts(arena)
    for each in objects_of(area):
        sent = [*((items, ["id"]) for items in misnamed(each)), *asked(each)]
        tried.inputs += len(sent) - 1
        arena.target.play(packet(*sent))
    assert counts(arena) == before


def misnamed(described: ObjectType) -> Iterator[list[Item]]:
    """Records that are named by what is no key, and lookups in tables that are not their own."""
    keys = [described.key.name] if described.key is not None else list(described.identified_by)
    for action in ("select", "update", "delete"):
        for text in some(KEYS, described, 3):
            yield [item(described.element, action, dict.fromkeys([*keys, "id", "guid"], text))]
    has_own_table = described.kind in {"lookup", "table"}
    for name, text in zip(TABLE_INPUTS, TABLES if has_own_table else TABLES[:1], strict=False):
        yield [item(described.list_element or described.element, "select", {name: text})]
        yield [item(described.element, "delete", {name: text, "id": "1999999999"})]


def asked(described: ObjectType) -> Iterator[tuple[list[Item], list[str]]]:
    """Pages, names and actions that cannot be."""
    for action in some(ACTIONS, described, 2):
        yield [item(described.element, action)], ["id"]
    listed = described.list_element
    if listed is None:
        return
    guids = (f"{name}^accountGuid" for name in described.fields)
    yield [item(listed, "select", {"id": "-7"})], [*NAMES, *guids]
    for name in some(NO_NAMES, described, 2):
        yield [item(listed, "select", {"id": "-7"})], ["id", name]
    for text in some(NUMBERS, described, 3):
        for action in ("select", "sync"):
            yield [item(listed, action, {"id": "-7"}, offset=text, items=text, identity=text)], []


def test_the_server_is_well_after_all_of_it(arena: Arena) -> None:
    assert arena.target.is_well()


def test_a_complaint_is_made_of_an_answer_that_tells_too_much() -> None:
    with pytest.raises(Complaint):
        errors_of(_told("Transaction failed\n(psycopg.errors.UndefinedTable) no such table"))


def _told(text: str) -> etree._Element:
    answer = (
        f"<aspcfs><response><status>1</status><errorText>{text}</errorText></response></aspcfs>"
    )
    return check_document(answer.encode())
