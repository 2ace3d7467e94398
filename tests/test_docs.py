"""The pages of docs/ say what is so."""

from __future__ import annotations

import ast
import configparser
import re
import shutil
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import pytest

from packetserver.catalogue import fields, loader
from packetserver.catalogue.model import Named, ObjectType
from packetserver.catalogue.types import EMPTY_NUMBERS, TYPES
from packetserver.cli import catalogue_words as phrases
from packetserver.cli.catalogue import MARK, pages
from packetserver.cli.examples import example_packets
from packetserver.protocols.packet.actions import NAMED_INSERTS
from packetserver.protocols.packet.builder import Limits
from packetserver.protocols.packet.reader import PacketReader
from packetserver.records.effects import AFTER, BEFORE, INSTEAD
from packetserver.records.filters import MATCHES
from packetserver.records.opening import load_schema
from packetserver.records.rules import RULES
from packetserver.records.ways import PERMISSION_RULES
from packetserver.store.derived import DERIVATIONS

ROOT = Path(__file__).parents[1]
DOCS, SCHEMAS = ROOT / "docs", ROOT / "schemas"
CATALOGUE_PAGE = (DOCS / "catalogue.md").read_text(encoding="utf-8")
SCHEMA = load_schema()
OBJECTS = [pytest.param(each, id=each.element) for each in SCHEMA.catalogue.objects.values()]

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
def reference() -> dict[str, str]:
    return dict(pages(SCHEMA))


def derivations(described: ObjectType) -> list[Named]:
    found = ((each.derived, each.shown) for each in described.fields.values())
    return [named for pair in found for named in pair if named is not None]


def matches(described: ObjectType) -> list[Named]:
    return [*described.always, *(each.match for each in described.filters.values())]


def rules(described: ObjectType) -> list[Named]:
    return [each.rule for each in described.rules]


def effects(described: ObjectType) -> list[Named]:
    return [*described.on_insert, *described.on_update, *described.on_delete]


FUNCTIONS: dict[str, Callable[[ObjectType], list[Named]]] = {
    "Derivations": derivations,
    "Matches": matches,
    "Rules": rules,
    "Effects": effects,
}
"""The functions that an object names, by the section of the page that explains them."""


def functions(described: ObjectType) -> Iterator[tuple[phrases.Phrases, Named]]:
    """The functions that pages have phrases for, each with the phrases for its kind."""
    yield from ((phrases.FIELDS, each) for each in derivations(described))
    yield from ((phrases.FILTERS, each) for each in matches(described))
    yield from ((phrases.RULES, each) for each in rules(described))


def test_the_reference_is_what_the_catalogue_says() -> None:
    written = {each.name: each.read_text(encoding="utf-8") for each in (DOCS / "objects").iterdir()}
    stale = {
        name for name in {*written, *reference()} if written.get(name) != reference().get(name)
    }
    assert not stale, "run packetserver catalogue docs"


def test_every_link_of_the_reference_leads_to_a_page() -> None:
    found = reference()
    links = {link for text in found.values() for link in re.findall(r"\]\(([^)#]+)", text)}
    assert links
    assert [link for link in links if not (DOCS / "objects" / link).is_file()] == []


def test_the_first_page_knows_every_type() -> None:
    assert all(f"| `{name}` |" in reference()["README.md"] for name in TYPES)


@pytest.mark.parametrize("described", OBJECTS)
def test_a_page_names_all_that_there_is(described: ObjectType) -> None:
    page = reference()[f"{described.element}.md"]
    assert page.startswith(MARK)
    names = {*described.fields, *described.aliases, *described.controls, *described.actions}
    names |= {*described.forced_to_user}
    if described.list_element is not None:
        names |= {described.list_element, *described.filters, *described.filter_aliases}
        names |= described.ignored_filters
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
    for each in effects(described):
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
        target = SCHEMA.catalogue.target(item.element)
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


def section(title: str) -> str:
    """A section of the page on the catalogue's form, its subsections included."""
    return CATALOGUE_PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def used(folder: str, *path: str) -> set[str]:
    """The keys that lines of the files in a folder have, below such a path in each table."""
    keys: set[str] = set()
    for file in (SCHEMAS / folder).glob("*.toml"):
        for definition in tomllib.loads(file.read_text(encoding="utf-8")).values():
            found = [definition]
            for name in path:
                found = [each[name] for each in found if name in each]
            keys.update(key for lines in found for line in lines.values() for key in line)
    return keys


def table_keys() -> set[str]:
    files = (SCHEMAS / "tables").glob("*.toml")
    parsed = (tomllib.loads(each.read_text(encoding="utf-8")) for each in files)
    return {key for file in parsed for definition in file.values() for key in definition}


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Keys of an object", {*loader.DEFINITION_KEYS, *loader.KINDS}),
        ("Fields", {*fields.FIELD_KEYS, *EMPTY_NUMBERS, *TYPES, "alias"}),
        ("Columns", used("objects", "columns") | used("tables", "columns") | table_keys()),
        ("Controls", used("objects", "controls")),
        ("Filters", fields.FILTER_KEYS),
        ("Derivations", DERIVATIONS),
        ("Matches", MATCHES),
        ("Rules", RULES),
        ("Permission rules", PERMISSION_RULES),
        ("Effects", {**BEFORE, **AFTER, **INSTEAD}),
        ("Named inserts", {name for _, name in NAMED_INSERTS}),
    ],
)
def test_the_form_of_the_catalogue_is_explained_whole(title: str, names: Iterable[str]) -> None:
    text = section(title)
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("title", FUNCTIONS)
def test_every_argument_is_explained_beside_its_function(title: str) -> None:
    text = section(title)
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*)$", text, re.MULTILINE))
    head = text.partition("\n| name |")[0]
    for described in SCHEMA.catalogue.objects.values():
        for named in FUNCTIONS[title](described):
            said = f"{rows[named.name]} {head}"
            missing = [name for name in named.arguments if f"`{name}`" not in said]
            assert missing == [], f"{named.name} of {described.element}"


def test_the_example_of_an_object_is_one(tmp_path: Path) -> None:
    example = re.findall(r"^    (.*)$", section("Adding something"), re.MULTILINE)
    objects = tmp_path / "objects"
    shutil.copytree(SCHEMAS / "objects", objects)
    shutil.copytree(SCHEMAS / "tables", tmp_path / "tables")
    (objects / "example.toml").write_text("\n".join(example), encoding="utf-8")
    catalogue = loader.load_catalogue(tmp_path)
    assert catalogue.targets["holidayList"].object.element == "holiday"
    assert catalogue.tables["holiday"].key == "holiday_id"


ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")
FILE = r"[\w.-]+(?:/[\w.-]+)*(?:\.(?:cfg|md|py|toml)|/)"


def file_of(name: str) -> Path:
    """A file or folder that the page names; most are within packetserver/."""
    found = [each / name for each in (ROOT, ROOT / "packetserver") if (each / name).exists()]
    assert found, f"there is no {name}"
    return found[0]


def names_of(tree: ast.AST) -> Iterator[str]:
    """What a module or class defines, also within its classes."""
    for each in ast.iter_child_nodes(tree):
        match each:
            case ast.FunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
                yield from (f"{name}.{inner}" for inner in names_of(each))
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name


@pytest.mark.parametrize("name", sorted({*re.findall(rf"`({FILE})`", ARCHITECTURE)}))
def test_what_the_page_on_the_architecture_names_is_there(name: str) -> None:
    file_of(name)


def test_what_that_page_says_is_in_a_file_is_in_it() -> None:
    # `name` (`file`), or `a`, `b` or `c` (`file`).
    said = re.findall(rf"((?:`[\w.]+`(?:, | or | and )?)+)\s+\(`({FILE})`\)", ARCHITECTURE)
    found = {(name, file) for names, file in said for name in re.findall(r"`([\w.]+)`", names)}
    assert {"before", "instead", "Records"} <= {name for name, _ in found}
    trees = {file: ast.parse(file_of(file).read_text(encoding="utf-8")) for _, file in found}
    known = {file: set(names_of(tree)) for file, tree in trees.items()}
    assert sorted((name, file) for name, file in found if name not in known[file]) == []


def test_that_page_shows_who_may_import_whom() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    layers = parser["importlinter:contract:rooms"]["layers"].strip().splitlines()
    assert "".join(f"    {each.strip()}\n" for each in layers) in ARCHITECTURE


PAGES = [ROOT / "README.md", *DOCS.glob("*.md"), *(DOCS / "decisions").glob("*.md")]


def anchors(page: Path) -> set[str]:
    """What the headings of a page can be linked to as."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each).strip().lower().replace(" ", "-") for each in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text(encoding="utf-8"))
    for path, anchor in links:
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"
