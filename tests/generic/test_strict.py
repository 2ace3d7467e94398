"""What nothing heeds is an error where a packet asks for that, and is noted where it does not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from driving import HOST, Answer, Driver, ListSink, Values, item
from making import Maker, creatable

from packetserver.catalogue.loader import load_catalogue
from packetserver.protocols.packet.packet import Item, Options, Packet, Property, Transaction
from packetserver.protocols.packet.unheeded import KINDS

CATALOGUE = load_catalogue()
ELEMENTS = creatable(CATALOGUE)
CATALOGUE_PAGES = Path(__file__).parents[2] / "docs"
LISTED = [each for each in ELEMENTS if CATALOGUE.objects[each].list_element]


def send(driver: Driver, items: list[Item], meta: Iterable[str] = (), **options: bool) -> Answer:
    packet = Packet(driver.credentials, (Transaction(1, tuple(meta), tuple(items)),))
    sink = ListSink()
    (response,) = driver.engine.process(packet, Options(**options), HOST, HOST, sink)
    return Answer(response, sink.records)


def strictly(
    maker: Maker, element: str, action: str, values: Values, meta: Iterable[str] = (), **more: bool
) -> Answer:
    return send(maker.driver, [item(element, action, values)], meta, strict=True, **more)


def doubled(name: str) -> str:
    """The name with a letter in it written twice."""
    return name[:2] + name[1:2] + name[2:] if len(name) > 1 else name * 3


def edits(first: str, second: str) -> int:
    """How many letters must be put in, left out or exchanged to make one of the other."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


def said(answer: Answer, element: str, kind: str, name: str) -> str:
    """The nearest name that the one complaint tells."""
    assert answer.errors[0] == "Transaction failed"
    assert answer.records == []
    pattern = f"item 1 \\({element}\\): the {kind} {name} is unknown, the nearest is (\\w+)"
    (found,) = filter(None, (re.fullmatch(pattern, line) for line in answer.errors))
    return found[1]


@pytest.mark.parametrize("element", ELEMENTS)
def test_a_misspelt_field_is_refused_with_the_nearest_and_nothing_is_stored(
    maker: Maker, element: str
) -> None:
    described = CATALOGUE.objects[element]
    needed = {**maker.needed(element), **maker.wire_only(element)}
    for field in maker.settable(element)[:3]:
        name = doubled(field.name)
        if described.field(name) is not None:
            continue
        answer = strictly(maker, element, "insert", {**needed, name: "1"}, validate=False)
        nearest = said(answer, element, "field", name)
        assert edits(nearest.lower(), name.lower()) <= 1


@pytest.mark.parametrize("element", LISTED)
def test_a_misspelt_filter_and_meta_property_are_refused_with_the_nearest(
    maker: Maker, element: str
) -> None:
    described = maker.driver.engine.schema.catalogue.objects[element]
    listed = described.list_element or ""
    name = doubled(next(each for each in described.filters if each not in {"id", "guid"}))
    if described.filter(name) is None:
        nearest = said(strictly(maker, listed, "select", {name: "1"}), listed, "filter", name)
        assert edits(nearest.lower(), name.lower()) <= 1
    name = doubled(next(each for each in described.fields if each != "id"))
    if described.field(name) is None:
        answer = strictly(maker, listed, "select", {}, [name])
        assert edits(said(answer, listed, "meta property", name).lower(), name.lower()) <= 1


@pytest.mark.parametrize("element", ELEMENTS)
def test_what_every_object_can_do_is_no_complaint(maker: Maker, element: str) -> None:
    described = CATALOGUE.objects[element]
    settable = [each for each in maker.settable(element) if each.cut is None]
    fields = {each.name: maker.value(each) for each in settable}
    needed = {**maker.needed(element), **maker.wire_only(element)}
    sent = {**needed, **fields}
    meta = [*described.fields, *described.aliases, "guid"]
    answer = strictly(maker, element, "insert", sent, meta, validate=False)
    assert answer.errors == ()
    assert answer.response.unheeded is None
    if described.key is None:
        return
    (record,) = answer.records
    named = {described.key.name: record[described.key.name]}
    again = {
        name: record[name]
        for name, found in described.fields.items()
        if found.column and not found.secret and found.shown is None and name != "modified"
    }
    changed = strictly(maker, element, "update", again, meta, validate=False)
    assert changed.errors == (), "what a client read it may send back"
    for action in ("select", "delete"):
        assert strictly(maker, element, action, named, meta).errors == ()


DROPPED = [
    ("insert", {"name": "A", "employees": "many"}, "item 1 (account): employees: not an integer"),
    (
        "insert",
        {"name": "A", "ownerName": "Ann"},
        "item 1 (account): ownerName: it is worked out, and cannot be set",
    ),
    (
        "insert",
        {"name": "A", "orgId": "99"},
        "item 1 (account): orgId: the server gives new records their keys",
    ),
    (
        "update",
        {"id": "0", "enteredBy": "2"},
        "item 1 (account): enteredBy: an update does not change it",
    ),
    ("select", {"id": "0", "name": "A"}, "item 1 (account): name: nothing looks at it here"),
]
"""Values that are dropped, without validation, and what is said of them."""


@pytest.mark.parametrize(("action", "values", "complaint"), DROPPED)
def test_a_value_that_would_be_dropped_is_an_error(
    maker: Maker, action: str, values: dict[str, str], complaint: str
) -> None:
    answer = strictly(maker, "account", action, values, validate=False)
    assert answer.errors == ("Transaction failed", complaint)
    ignored = send(maker.driver, [item("account", action, values)], validate=False)
    assert ignored.errors == ()
    assert ignored.response.unheeded is not None
    assert ignored.response.unheeded.counts == {"value": 1}


FILTERS = [
    (
        "accountList",
        {"ownerName": "x"},
        "ownerName: can be read, but lists cannot be filtered by it",
    ),
    ("userList", {"expired": "perhaps"}, "expired: can only be 1, 0 or -1"),
    ("accountList", {"buildResources": "1"}, "buildResources: the filter has no effect"),
    (
        "contactList",
        {"enteredStart": "2026-01-02 03:04:05"},
        "enteredStart: the filter takes a mere date",
    ),
    (
        "actionPlanList",
        {"catCode": "1", "subCat1": "2"},
        "catCode: it is not looked at together with subCat1",
    ),
]
"""Filters that ask nothing, and what is said of them."""


@pytest.mark.parametrize(("element", "values", "complaint"), FILTERS)
def test_a_filter_that_asks_nothing_is_an_error(
    maker: Maker, element: str, values: dict[str, str], complaint: str
) -> None:
    answer = strictly(maker, element, "select", values)
    assert answer.errors == ("Transaction failed", f"item 1 ({element}): {complaint}")


REPEATED = [
    ("account", "insert", ["A", "B"], {"value": 1}),
    ("account", "insert", ["A", None], {"value": 1}),
    ("account", "insert", ["A", "A"], {}),
    ("account", "insert", [None, "A"], {}),
    ("accountList", "select", ["A", "B", "C"], {"filter": 2}),
    ("accountList", "select", ["A", None], {}),
]
"""Names that are sent several times, and what is not heeded of them: values that others replace."""


@pytest.mark.parametrize(("element", "action", "names", "counts"), REPEATED)
def test_a_value_that_another_one_replaces_is_an_error(
    maker: Maker, element: str, action: str, names: list[str | None], counts: dict[str, int]
) -> None:
    # The first letter may be sent in either case.
    sent = [Property("Name" if place else "name", text) for place, text in enumerate(names)]
    one = Item(element, {"action": action}, tuple(sent))
    found = send(maker.driver, [one], validate=False).response.unheeded
    assert (found.counts if found else {}) == counts
    complaint = "name: it is sent again with another value, and the last one counts"
    said = ("Transaction failed", *[f"item 1 ({element}): {complaint}"] * sum(counts.values()))
    strict = send(maker.driver, [one], strict=True, validate=False).errors
    assert strict == (said if counts else ())


ATTRIBUTES = [
    (
        "accountList",
        {"action": "select", "offest": "1"},
        "the attribute offest is unknown, the nearest is offset",
    ),
    ("accountList", {"action": "select", "offset": "first"}, "offset: not an integer"),
    ("account", {"action": "insert", "items": "3"}, "items: nothing looks at it here"),
    ("account", {"action": "insert", "shareKey": "yes"}, "shareKey: can only be true or false"),
]
"""Attributes that mean nothing, and what is said of them."""


@pytest.mark.parametrize(("element", "attributes", "complaint"), ATTRIBUTES)
def test_an_attribute_that_means_nothing_is_an_error(
    maker: Maker, element: str, attributes: dict[str, str], complaint: str
) -> None:
    properties = item(element, "insert", {"name": "A"} if element == "account" else {}).properties
    answer = send(maker.driver, [Item(element, attributes, properties)], strict=True)
    assert answer.errors == ("Transaction failed", f"item 1 ({element}): {complaint}")


def test_all_is_told_together_with_its_place_and_within_bounds(maker: Maker) -> None:
    first = item("account", "insert", {"name": "A"})
    many = {f"unknown{number}": "x" for number in range(50)}
    answer = send(maker.driver, [first, item("account", "insert", many)], strict=True)
    assert answer.errors[1].startswith("item 2 (account): the field unknown0 is unknown")
    assert len(answer.errors) == 22
    assert answer.errors[-1] == "item 2 (account): and 30 more"
    found = send(maker.driver, [item("account", "insert", {"name": "A", **many})]).response.unheeded
    assert found is not None
    assert found.counts == {"field": 50}
    assert len(found.names) == 20


def test_the_kinds_are_on_the_page_of_filters() -> None:
    page = (CATALOGUE_PAGES / "filters.md").read_text(encoding="utf-8")
    assert [kind for kind, what in KINDS.items() if f"| `{kind}` | {what} |" not in page] == []
