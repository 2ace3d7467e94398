"""The pages of docs/ say what is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import pytest

from packetserver.catalogue import fields, loader, tables
from packetserver.catalogue.model import EMPTY_NUMBERS, Named, ObjectType
from packetserver.catalogue.types import TYPES
from packetserver.cli import catalogue_phrases as phrases
from packetserver.cli.catalogue_docs import pages
from packetserver.cli.catalogue_index import MARK
from packetserver.cli.examples import example_packets
from packetserver.engine.assembly import load_schema
from packetserver.engine.effects import AFTER, BEFORE, INSTEAD
from packetserver.engine.named_inserts import NAMED_INSERTS
from packetserver.engine.permissions import PERMISSION_RULES
from packetserver.engine.validation import RULES
from packetserver.protocols.packet.builder import Limits
from packetserver.protocols.packet.reader import PacketReader
from packetserver.store.derived import DERIVATIONS
from packetserver.store.filters import MATCHES
from packetserver.store.schema import Schema

DOCS = Path(__file__).parents[1] / "docs"
CATALOGUE_PAGE = (DOCS / "catalogue.md").read_text(encoding="utf-8")
OBJECTS = [pytest.param(each, id=each.element) for each in loader.load_catalogue().objects.values()]

UNSAID = {"link", "message", "name"}
"""Arguments that a page has no words for: which rows belong to a record goes without saying, and a
complaint stands in front of its rule."""

ALSO_READ = {
    "label": {"of"},
    "referenced": {"of"},
    "contact_name": {"reads"},
    "fits_field_type": {"of"},
}
"""Arguments that words of another argument are made of."""


@cache
def schema() -> Schema:
    return load_schema()


@cache
def reference() -> dict[str, str]:
    return dict(pages(schema()))


def functions(described: ObjectType) -> Iterator[tuple[phrases.Phrases, Named]]:
    """Every function that an object names, with the phrases for its kind."""
    for field in described.fields.values():
        yield from ((phrases.FIELDS, each) for each in (field.derived, field.shown) if each)
    yield from ((phrases.FILTERS, each.match) for each in described.filters.values())
    yield from ((phrases.FILTERS, each) for each in described.always)
    yield from ((phrases.RULES, each.rule) for each in described.rules)


def test_the_reference_is_what_the_catalogue_says() -> None:
    written = {
        each.name: each.read_text(encoding="utf-8") for each in (DOCS / "objects").iterdir()
    }
    stale = {name for name in {*written, *reference()} if written.get(name) != reference().get(name)}
    assert not stale, "run packetserver catalogue docs"


def test_every_link_of_the_reference_leads_to_a_page() -> None:
    found = reference()
    links = {link for text in found.values() for link in re.findall(r"\]\(([^)#]+)", text)}
    assert links
    assert links <= set(found)


def test_the_first_page_knows_every_type() -> None:
    assert all(f"| `{name}` |" in reference()["README.md"] for name in TYPES)


@pytest.mark.parametrize("described", OBJECTS)
def test_a_page_names_all_that_there_is(described: ObjectType) -> None:
    page = reference()[f"{described.element}.md"]
    assert page.startswith(MARK)
    names = {*described.fields, *described.aliases, *described.controls, *described.actions}
    names |= {*described.ignored_filters, *described.forced_to_user}
    if described.list_element is not None:
        names |= {described.list_element, *described.filters, *described.filter_aliases}
    names |= {name for element, name in NAMED_INSERTS if element == described.element}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []
    assert "mappingproxy" not in page
    assert all(f"{each.field}: " in page for each in described.rules)


@pytest.mark.parametrize("described", OBJECTS)
def test_a_page_has_words_for_every_argument(described: ObjectType) -> None:
    for kind, named in functions(described):
        said = {name for _, name, _, _ in Formatter().parse(kind[named.name]) if name}
        said |= {"path", "column"} if "what" in said else set()
        said |= {"table"} if named.name == "mapped_to_category" else set()
        said |= ALSO_READ.get(named.name, set()) | UNSAID
        said |= {*phrases.QUALIFIERS, *(phrases.RULE_CONDITIONS if kind is phrases.RULES else ())}
        assert set(named.arguments) <= said, named.name
    for each in (*described.on_insert, *described.on_update, *described.on_delete):
        assert not each.arguments or each.name in phrases.EFFECTS, each.name


@pytest.mark.parametrize("described", OBJECTS)
def test_every_example_is_a_packet_that_names_what_there_is(described: ObjectType) -> None:
    packets = list(example_packets(described))
    assert packets
    for _, lines in packets:
        packet = PacketReader(Limits(1000, 64)).read(lines)
        assert packet.credentials is not None
        (transaction,) = packet.transactions
        (item,) = transaction.items
        target = schema().catalogue.target(item.element)
        assert target is not None
        assert target.object is described
        assert all(described.field(name) or name == "guid" for name in transaction.meta)
        for each in item.properties:
            known = described.filter if target.is_list else described.field
            found = known(each.name) or described.controls.get(each.name)
            assert found is not None
            # What stands in braces is filled in by whoever uses the page.
            blank = each.text.startswith("{")
            assert blank or found.type.read(each.text, ZoneInfo("Europe/Berlin")) is not None


@pytest.mark.parametrize(
    ("kind", "names"),
    {
        "objects": loader.DEFINITION_KEYS,
        "kinds": loader.KINDS,
        "fields": fields.FIELD_KEYS,
        "filters": fields.FILTER_KEYS,
        "tables": tables.TABLE_KEYS,
        "columns": tables.COLUMN_KEYS,
        "types": TYPES,
        "numbers that are empty": EMPTY_NUMBERS,
        "derivations": DERIVATIONS,
        "matches": MATCHES,
        "rules": RULES,
        "permission rules": PERMISSION_RULES,
        "effects": {**BEFORE, **AFTER, **INSTEAD},
        "named inserts": {name for _, name in NAMED_INSERTS},
    }.items(),
)
def test_the_form_of_the_catalogue_is_explained_whole(kind: str, names: frozenset[str]) -> None:
    assert [name for name in sorted(names) if f"`{name}`" not in CATALOGUE_PAGE] == [], kind


def test_every_argument_of_a_function_is_explained_beside_it() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*)$", CATALOGUE_PAGE, re.MULTILINE))
    for each in schema().catalogue.objects.values():
        for kind, named in functions(each):
            general = "`unless`" if kind is phrases.RULES else "`with`"
            assert general
            missing = [
                name for name in named.arguments if f"`{name}`" not in rows[named.name]
            ]
            assert set(missing) <= GENERAL[id(kind)], named.name
