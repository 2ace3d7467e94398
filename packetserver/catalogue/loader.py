"""Reads `schemas/` into the catalogue, and refuses it whole when anything in it is wrong.

No other room reads these files. A mistake is a CatalogueError that names the file and the object.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from packetserver.catalogue import fields as field_reading
from packetserver.catalogue.belonging import parts_of
from packetserver.catalogue.model import (
    Catalogue,
    Column,
    Field,
    Named,
    ObjectType,
    Ownership,
    Rule,
    Table,
    Target,
)
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


class TableBuilder:
    """Collects columns table by table; two objects may share a table, and must then agree."""

    def __init__(self, objects: Mapping[str, ObjectType]) -> None:
        self._objects = objects
        self._columns: dict[str, dict[str, Column]] = {}
        self._keys: dict[str, str | None] = {}
        self._sequences: dict[str, str | None] = {}
        self._unique: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._indexes: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._first_keys: dict[str, int] = {}
        self._names: dict[str, tuple[str, ...]] = {}

    def declare(self, file: str, name: str, definition: Definition) -> None:
        """Add a table that a file of `schemas/tables` describes."""
        self._keys[name] = definition.get("key")
        self._sequences[name] = definition.get("sequence")
        self._unique[name] = tuple(tuple(each) for each in definition.get("unique", ()))
        self._indexes[name] = tuple(tuple(each) for each in definition.get("indexes", ()))
        for column, line in definition["columns"].items():
            self._add(file, name, _plain_column(column, line))

    def add_object(self, described: ObjectType, definition: Definition) -> None:
        """Add the columns that an object's fields and its `columns` describe."""
        if described.table is None:
            return
        name = described.table
        if described.key is not None:
            self._keys[name] = described.key.column
        self._keys.setdefault(name, None)
        if "sequence" in definition:
            self._sequences[name] = definition["sequence"]
        self._first_keys.setdefault(name, definition.get("first_key", 1))
        for field in described.stored_fields:
            self._add(described.file, name, self._field_column(field))
        names = (*self._names.get(name, ()), *(each.column or "" for each in described.names))
        self._names[name] = tuple(dict.fromkeys(names))
        for column, line in definition.get("columns", {}).items():
            self._add(described.file, name, _plain_column(column, line))
            if line.get("key"):
                self._keys[name] = column

    def _add(self, file: str, table: str, column: Column) -> None:
        columns = self._columns.setdefault(table, {})
        known = columns.setdefault(column.name, column)
        if (known.type, known.max_length) != (column.type, column.max_length):
            raise CatalogueError(file, table, f"{column.name} is described in two ways")

    def _field_column(self, field: Field) -> Column:
        foreign = field.references_table
        if field.references is not None and field.references in self._objects:
            foreign = self._objects[field.references].table
        return Column(
            name=field.column or "",
            type=field.type.name,
            max_length=field.max_length,
            nullable=field.nullable,
            default=field.default,
            references=foreign,
            constrained=field.foreign_key,
        )

    def tables(self) -> dict[str, Table]:
        """The tables that were collected."""
        return {
            name: Table(
                name=name,
                key=self._keys.get(name),
                sequence=self._sequence(name),
                columns=MappingProxyType(columns),
                first_key=self._first_keys.get(name, 1),
                unique=self._unique.get(name, ()),
                indexes=self._indexes.get(name, ()),
                names=self._names.get(name, ()),
            )
            for name, columns in self._columns.items()
        }

    def _sequence(self, table: str) -> str | None:
        key = self._keys.get(table)
        if key is None or self._columns[table][key].type != "integer":
            return None
        return self._sequences.get(table) or f"{table}_{key}_seq"


def _plain_column(name: str, line: Definition) -> Column:
    return Column(
        name=name,
        type=line["type"],
        max_length=line.get("max"),
        nullable=line.get("null", True),
        default=line.get("default"),
        references=line.get("references_table"),
        constrained=line.get("foreign_key", True),
        belongs=line.get("on_delete") == "cascade",
    )


Problems = Iterator[str]


def check_object(described: ObjectType, catalogue: Catalogue) -> None:
    """Raises CatalogueError for the first name of an object that leads nowhere."""
    for check in CHECKS:
        for problem in check(described, catalogue):
            raise CatalogueError(described.file, described.element, problem)


def _references(described: ObjectType, catalogue: Catalogue) -> Problems:
    for field in described.fields.values():
        for target in _referenced_elements(field):
            if target not in catalogue.objects:
                yield f"{field.name} references {target}, which is no object"
        if field.references_table and field.references_table not in catalogue.tables:
            yield f"{field.name} references the table {field.references_table}, which is none"
        if field.references_also and not _has_column(catalogue, field, field.references_also):
            yield f"{field.name} names records by {field.references_also}, which is no column"
        if field.references_by is not None and described.field(field.references_by.field) is None:
            yield f"{field.name} depends on {field.references_by.field}, which is no field"


def _has_column(catalogue: Catalogue, field: Field, column: str) -> bool:
    table = catalogue.tables.get(catalogue.table_of(field) or "")
    return table is not None and column in table.columns


def _referenced_elements(field: Field) -> Iterator[str]:
    if field.references is not None:
        yield field.references
    if field.references_by is not None:
        yield from field.references_by.elements.values()


def _aliases(described: ObjectType, catalogue: Catalogue) -> Problems:
    for alias, target in described.aliases.items():
        if target not in described.fields:
            yield f"{alias} is another name of {target}, which is no field"
    for alias, target in described.filter_aliases.items():
        if target not in described.filters:
            yield f"the filter {alias} is another name of {target}, which is no filter"


def _columns(described: ObjectType, catalogue: Catalogue) -> Problems:
    columns = _known_columns(described, catalogue)
    for one in described.filters.values():
        if one.column is not None and one.column not in columns:
            yield f"the filter {one.name} compares {one.column}, which is no column"
    for column in (described.sync_inserted, described.sync_updated):
        if column is not None and column not in columns:
            yield f"the sync column {column} is no column"
    for name in (*described.order, *described.order_paged):
        bare = name.removeprefix("-")
        if bare not in columns and not bare.startswith("path:"):
            yield f"is ordered by {bare}, which is no column"


def _fields(described: ObjectType, catalogue: Catalogue) -> Problems:
    own = () if described.own_records is None else (described.own_records,)
    for name in (*described.forced_to_user, *described.identified_by, *own, *described.known_by):
        if described.field(name) is None:
            yield f"{name} is no field"
    owned = () if described.owned is None else (described.owned.access, described.owned.owner)
    for name in (*owned, *described.belongs_to):
        field = described.field(name)
        if field is None or not (field.column and tuple(_referenced_elements(field))):
            yield f"{name} is no reference"


def _removals(described: ObjectType, catalogue: Catalogue) -> Problems:
    for table, column in described.removes:
        known = catalogue.tables.get(table)
        if known is None or column not in known.columns:
            yield f"removes {table}.{column}, which is no column"


def _key(described: ObjectType, catalogue: Catalogue) -> Problems:
    identified = described.key is not None or described.identified_by
    if described.table and not identified and described.kind != "table":
        yield "has neither a key nor identified_by"


def _known_columns(described: ObjectType, catalogue: Catalogue) -> Collection[str]:
    table = catalogue.tables.get(described.table or "")
    return () if table is None else table.columns


CHECKS: tuple[Callable[[ObjectType, Catalogue], Problems], ...] = (
    _references,
    _aliases,
    _columns,
    _fields,
    _removals,
    _key,
)
