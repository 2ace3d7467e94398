"""What packages hold: which lists, and how a record of each is written (PROTOCOL.md 6.7, 6.8).

The lists, and what is odd about some of them, stand in `schemas/packet/package.toml`.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from packetserver.catalogue.model import Catalogue, Field, ObjectType
from packetserver.store.guid_columns import GUID, is_mappable, list_of, map_element
from packetserver.sync.packages import ListAction, PackageList

FILE = "package.toml"
FIRST_NUMBER = 1

LOOKUP_FIELDS = ("description", "defaultItem", "level", "enabled", "entered", "modified")
TRIPLE_TYPES = {"integer": "4", "double": "8", "text": "12", "boolean": "16"}
TIME = "93"
"""What the third of a triple says of a column (catalogue, mapped tables)."""

FieldTexts = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class FirstList:
    """What is different about a list in a first package: its first number, and its filters."""

    identity: int = FIRST_NUMBER
    filters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PackageContent:
    """The file `package.toml`; elements are those of single records."""

    lists: tuple[str, ...]
    again: tuple[str, ...]
    first: Mapping[str, FirstList]
    adds: Mapping[str, Mapping[str, str]]
    inserts: Mapping[str, str]
    omits: Mapping[str, Sequence[str]]

    def first_list(self, element: str) -> FirstList:
        """What is different about the list of an element in a first package."""
        return self.first.get(element, FirstList())


@functools.cache
def package_content() -> PackageContent:
    """The installed content."""
    file = resources.files("packetserver.schemas") / "packet" / FILE
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    return PackageContent(
        lists=tuple(found["lists"]),
        again=tuple(found["again"]),
        first={name: FirstList(**line) for name, line in found["first"].items()},
        adds=found["adds"],
        inserts=found["inserts"],
        omits=found["omits"],
    )


def package_lists(
    catalogue: Catalogue, *, is_first: bool, identities: Mapping[str, int]
) -> Iterator[PackageList]:
    """The lists of a new package; ``identities`` are what the client asks for, by list element."""
    content = package_content()
    for element in content.lists:
        name = map_element(catalogue.objects[element])
        usual = content.first_list(element).identity if is_first else FIRST_NUMBER
        yield PackageList(name, ListAction.SYNC, identities.get(name, usual))
    for element in content.again:
        name = map_element(catalogue.objects[element])
        yield PackageList(name, ListAction.SELECT, FIRST_NUMBER)


@dataclass(frozen=True, slots=True)
class PackedObject:
    """How the records of an object are asked for, and how they stand in a package."""

    object: ObjectType
    meta: tuple[str, ...]
    content: PackageContent

    def action(self, action: str) -> str:
        """What a client is to do with a record that is answered with an action."""
        if action == "insert":
            return self.content.inserts.get(self.object.element, action)
        return "update"

    def fields(self, names: Sequence[str], texts: Sequence[str]) -> FieldTexts:
        """The fields of a record, from the elements and texts that answer it."""
        if self.object.kind == "lookup":
            return self._lookup(names, texts)
        if self.object.kind == "table":
            return self._triples(names, texts)
        return self._plain(names, texts)

    def _lookup(self, names: Sequence[str], texts: Sequence[str]) -> FieldTexts:
        for name, text in zip(names, texts, strict=True):
            if name != GUID:
                yield name, text
            else:
                yield "code", text
                yield "tableName", self.object.table or ""

    def _triples(self, names: Sequence[str], texts: Sequence[str]) -> FieldTexts:
        yield "tableName", self.object.table or ""
        for name, text in zip(names, texts, strict=True):
            if name == GUID:
                key = self.object.key
                yield "uniqueField", "" if key is None else key.column or ""
                yield "id", text
                continue
            found = self.object.field(name)
            kind = TIME if found is None else TRIPLE_TYPES.get(found.type.name, TIME)
            yield from (("field", name), ("data", text), ("type", kind))

    def _plain(self, names: Sequence[str], texts: Sequence[str]) -> FieldTexts:
        for name, text in zip(names, texts, strict=True):
            yield ("id" if name == GUID else name), text
        yield from self.content.adds.get(self.object.element, {}).items()
        yield "offline", "true"


def packed_object(catalogue: Catalogue, described: ObjectType) -> PackedObject:
    """How a package asks for an object's records."""
    content = package_content()
    return PackedObject(described, tuple(_meta(catalogue, described, content)), content)


def _meta(catalogue: Catalogue, described: ObjectType, content: PackageContent) -> Iterator[str]:
    if is_mappable(described):
        yield GUID
    if described.kind == "lookup":
        yield from (name for name in LOOKUP_FIELDS if described.field(name) is not None)
        return
    omitted = content.omits.get(described.element, ())
    for each in described.stored_fields:
        if each.name not in omitted and not (each.key and is_mappable(described)):
            yield _property(catalogue, each)


def _property(catalogue: Catalogue, found: Field) -> str:
    """The notation that asks for the client's own id where a field refers to a record."""
    if found.references_by is not None:
        return f"{found.name}^${{{found.references_by.field}}}Guid"
    if found.references is not None and list_of(catalogue, found.references) is not None:
        return f"{found.name}^{found.references}Guid"
    return found.name


def filters_of(described: ObjectType, *, is_first: bool) -> Mapping[str, Any]:
    """The filters that an object's list has in a package."""
    return package_content().first_list(described.element).filters if is_first else {}
