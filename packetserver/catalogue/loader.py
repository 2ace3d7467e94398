"""Reads `schemas/` into the catalogue, and refuses it whole when anything in it is wrong.

No other room reads these files. A mistake is a CatalogueError that names the file and the object.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from packetserver.catalogue import fields as field_reading
from packetserver.catalogue.belonging import parts_of
from packetserver.catalogue.checks import check_object
from packetserver.catalogue.model import (
    Catalogue,
    Named,
    ObjectType,
    Ownership,
    Rule,
    Target,
)
from packetserver.catalogue.tables import TableBuilder
from packetserver.errors import CatalogueError

Definition = Mapping[str, Any]
DEFINITION_KEYS = frozenset(
    {
        *("kind", "like", "without", "list", "table", "sequence", "first_key", "identified_by"),
        *("key_may_be_sent", "permission", "permission_rule", "forced_to_user", "own_records"),
        *("owned", "belongs_to", "known_by"),
        *("order", "order_paged", "always", "sync", "delete", "removes", "ignored_filters"),
        *("on_insert", "on_update", "on_delete", "actions", "unset", "fields", "columns"),
        *("controls", "filters", "rules"),
    }
)
KINDS = frozenset({"object", "lookup", "table", "action"})


def load_catalogue(root: Traversable | None = None) -> Catalogue:
    """The catalogue of a schemas folder, by default of the one that is installed.

    Raises CatalogueError when a file cannot be read or contradicts itself or another one.
    """
    root = root or resources.files("packetserver.schemas")
    objects = {
        each.element: each for file in _toml_files(root / "objects") for each in _read_objects(file)
    }
    builder = TableBuilder(objects)
    for file in _toml_files(root / "tables"):
        for name, definition in _parse(file).items():
            builder.declare(file.name, name, definition)
    for file in _toml_files(root / "objects"):
        for element, definition in _definitions(file):
            builder.add_object(objects[element], definition)
    catalogue = Catalogue(
        objects=MappingProxyType(objects),
        tables=MappingProxyType(builder.tables()),
        targets=MappingProxyType(_targets(objects)),
    )
    for each in objects.values():
        check_object(each, catalogue)
    return dataclasses.replace(catalogue, parts=parts_of(objects))


def read_defaults(root: Traversable | None = None) -> Iterator[tuple[str, Definition]]:
    """The files of default rows as (file name, content), in the order of their names."""
    for file in _toml_files((root or resources.files("packetserver.schemas")) / "defaults"):
        yield file.name, _parse(file)


def _toml_files(folder: Traversable) -> list[Traversable]:
    found = (each for each in folder.iterdir() if each.name.endswith(".toml"))
    return sorted(found, key=lambda each: each.name)


def _parse(file: Traversable) -> Definition:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(file.name, "file", str(error)) from error


def _definitions(file: Traversable) -> Iterator[tuple[str, Definition]]:
    """The objects of a file with what they inherit, in the file's order."""
    parsed = _parse(file)
    for element, definition in parsed.items():
        if not element.startswith("_"):
            yield element, _inherit(file.name, element, definition, parsed)


def _inherit(file: str, element: str, definition: Definition, parsed: Definition) -> Definition:
    like = definition.get("like")
    if like is None:
        return definition
    if like not in parsed:
        raise CatalogueError(file, element, f"is like {like!r}, which the file does not have")
    merged = _merge(_inherit(file, like, parsed[like], parsed), definition)
    for name in definition.get("without", ()):
        merged["fields"].pop(name, None)
    return merged


def _merge(base: Definition, change: Definition) -> dict[str, Any]:
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in base.items()}
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _read_objects(file: Traversable) -> Iterator[ObjectType]:
    for element, definition in _definitions(file):
        _check_keys(file.name, element, definition)
        try:
            yield _read_object(file.name, element, definition)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = f"cannot be read: {error}"
            raise CatalogueError(file.name, element, problem) from error


def _read_object(file: str, element: str, definition: Definition) -> ObjectType:
    where = (file, element)
    lines = definition.get("fields", {})
    read_fields, aliases = field_reading.read_fields(where, lines, definition.get("unset"))
    key = next((each for each in read_fields.values() if each.key), None)
    filters, filter_aliases = field_reading.read_filters(where, definition.get("filters", {}))
    field_reading.add_key_filters(key, aliases, filters, filter_aliases)
    return ObjectType(
        element=element,
        list_element=definition.get("list"),
        kind=definition.get("kind", "object"),
        file=file,
        table=definition.get("table"),
        key=key,
        identified_by=tuple(definition.get("identified_by", ())),
        key_may_be_sent=definition.get("key_may_be_sent", False),
        **_read_rights(definition),
        order=tuple(definition.get("order", ())),
        order_paged=tuple(definition.get("order_paged", ())),
        always=_named_list(definition.get("always", ())),
        sync_inserted=definition.get("sync", {}).get("inserted"),
        sync_updated=definition.get("sync", {}).get("updated"),
        trashes=definition.get("delete", "remove") == "trash",
        removes=tuple(_table_and_column(each) for each in definition.get("removes", ())),
        ignored_filters=frozenset(definition.get("ignored_filters", ())),
        fields=MappingProxyType(read_fields),
        aliases=MappingProxyType(aliases),
        controls=MappingProxyType(field_reading.read_controls(definition.get("controls", {}))),
        filters=MappingProxyType(filters),
        filter_aliases=MappingProxyType(filter_aliases),
        rules=tuple(_read_rule(each) for each in definition.get("rules", ())),
        on_insert=_named_list(definition.get("on_insert", ())),
        on_update=_named_list(definition.get("on_update", ())),
        on_delete=_named_list(definition.get("on_delete", ())),
        actions=MappingProxyType(dict(definition.get("actions", {}))),
    )


def _read_rights(definition: Definition) -> dict[str, Any]:
    """What says who may do what to records, and what the user is put into."""
    return {
        "permission": definition.get("permission"),
        "permission_rule": definition.get("permission_rule", "plain"),
        "forced_to_user": tuple(definition.get("forced_to_user", ())),
        "own_records": definition.get("own_records"),
        "owned": Ownership(**definition["owned"]) if "owned" in definition else None,
        "belongs_to": tuple(definition.get("belongs_to", ())),
        "known_by": tuple(definition.get("known_by", ())),
    }


def _check_keys(file: str, element: str, definition: Definition) -> None:
    unknown = set(definition) - DEFINITION_KEYS
    if unknown:
        raise CatalogueError(file, element, f"unknown keys: {', '.join(sorted(unknown))}")
    if definition.get("kind", "object") not in KINDS:
        raise CatalogueError(file, element, f"unknown kind {definition['kind']!r}")


def _named_list(values: Any) -> tuple[Named, ...]:
    return tuple(
        Named(each) if isinstance(each, str) else field_reading.named(each, "name")
        for each in values
    )


def _table_and_column(text: str) -> tuple[str, str]:
    table, _, column = text.partition(".")
    return table, column


def _read_rule(definition: Definition) -> Rule:
    rest = {key: value for key, value in definition.items() if key != "field"}
    return Rule(definition["field"], field_reading.named(rest, "rule"))


def _targets(objects: Mapping[str, ObjectType]) -> dict[str, Target]:
    targets: dict[str, Target] = {}
    for each in objects.values():
        for element, is_list in ((each.element, False), (each.list_element, True)):
            if element in targets:
                raise CatalogueError(each.file, each.element, f"{element} is declared twice")
            if element is not None:
                targets[element] = Target(each, is_list)
    return targets
