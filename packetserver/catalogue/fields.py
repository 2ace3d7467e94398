"""Reads the lines of one object: fields, controls, filters."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from packetserver.catalogue.model import (
    NAME,
    SECRET,
    USER_CODE,
    Control,
    Field,
    Filter,
    Named,
    ReferenceChoice,
    Texts,
)
from packetserver.catalogue.types import EMPTY_NUMBERS, TYPES, FieldType, odd_boolean
from packetserver.errors import CatalogueError

Where = tuple[str, str]
Line = Mapping[str, Any]

FIELD_KEYS = frozenset(
    {
        *("column", "type", "key", "max", "null", "default", "initial"),
        *("required", "references", "references_table", "references_by", "mentions", "foreign_key"),
        "references_also",
        *("unset", "empty", "insert", "update", "cut", "secret", "true_texts", "derived", "shown"),
        "unique",
    }
)
KEY_FILTER = "id"
FILTER_KEYS = frozenset({"type", "match", "column", "none", "default"})


def named(line: Line, key: str) -> Named:
    """The function that a line names under ``key``, with the line's other keys as arguments."""
    rest = {name: _argument(value) for name, value in line.items() if name != key}
    return Named(str(line[key]), MappingProxyType(rest))


def _argument(value: Any) -> Any:
    is_texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return Texts(value) if is_texts else value


def read_fields(
    where: Where, lines: Mapping[str, Line], unset: str | None = None
) -> tuple[dict[str, Field], dict[str, str]]:
    """The fields and the aliases of an object; ``unset`` is what its empty columns read as.

    Raises CatalogueError for an unknown type.
    """
    aliases = {name: line["alias"] for name, line in lines.items() if "alias" in line}
    fields = {
        name: _read_field(where, name, line, unset)
        for name, line in lines.items()
        if name not in aliases
    }
    return fields, aliases


def _read_field(where: Where, name: str, line: Line, unset: str | None) -> Field:
    rest = {key: value for key, value in line.items() if key not in FIELD_KEYS}
    if rest and "derived" not in line and "shown" not in line:
        raise CatalogueError(*where, f"{name} has unknown keys: {', '.join(sorted(rest))}")
    if line.get("empty") not in {None, *EMPTY_NUMBERS}:
        raise CatalogueError(*where, f"{name} has an unknown empty rule {line['empty']!r}")
    field_type = _type(where, name, line)
    if ("column" in line) == ("derived" in line):
        raise CatalogueError(*where, f"{name} needs either a column or a derivation")
    return Field(
        name=name,
        type=field_type,
        column=line.get("column"),
        unset=str(line.get("unset", field_type.unset if unset is None else unset)),
        key=line.get("key", False),
        max_length=line.get("max"),
        nullable=line.get("null", not line.get("key", False)),
        required=line.get("required", False),
        default=line.get("default"),
        initial=line.get("initial"),
        references=line.get("references"),
        references_table=line.get("references_table"),
        references_by=_choice(line.get("references_by")),
        mentions=line.get("mentions", False),
        foreign_key=line.get("foreign_key", True),
        references_also=line.get("references_also"),
        empty=line.get("empty"),
        insert=line.get("insert", True),
        update=line.get("update", True),
        cut=line.get("cut"),
        secret=_secret(where, name, line.get("secret", False)),
        unique=_unique(where, name, line.get("unique")),
        derived=_function(line, "derived", rest),
        shown=_function(line, "shown", rest),
    )


def _choice(line: Line | None) -> ReferenceChoice | None:
    if line is None:
        return None
    elements = {int(value): element for value, element in line.items() if value != "field"}
    return ReferenceChoice(line["field"], MappingProxyType(elements))


def _secret(where: Where, name: str, value: object) -> str | None:
    """Which secret a field holds: a user's code, or any other that is compared as it is."""
    if value is False:
        return None
    kind = SECRET if value is True else value
    if kind not in {SECRET, USER_CODE}:
        raise CatalogueError(*where, f"{name} has an unknown secret {value!r}")
    return str(kind)


def _unique(where: Where, name: str, value: object) -> str | None:
    """As what a field is unique, None when it need not be."""
    if value not in {None, NAME}:
        raise CatalogueError(*where, f"{name} is unique as {value!r}, which is unknown")
    return NAME if value == NAME else None


def _function(line: Line, key: str, arguments: Line) -> Named | None:
    return Named(line[key], MappingProxyType(dict(arguments))) if key in line else None


def _type(where: Where, name: str, line: Line) -> FieldType:
    if "true_texts" in line:
        return odd_boolean(line["true_texts"])
    if line.get("type") not in TYPES:
        raise CatalogueError(*where, f"{name} has an unknown type {line.get('type')!r}")
    return TYPES[line["type"]]


def read_controls(lines: Mapping[str, Line]) -> dict[str, Control]:
    """The inputs of an object that are not stored."""
    return {
        name: Control(name, TYPES[line["type"]], line.get("initial"))
        for name, line in lines.items()
    }


def read_filters(
    where: Where, lines: Mapping[str, Line]
) -> tuple[dict[str, Filter], dict[str, str]]:
    """The filters of an object's list, and their second names."""
    aliases = {name: line["alias"] for name, line in lines.items() if "alias" in line}
    filters = {
        name: _read_filter(where, name, line) for name, line in lines.items() if name not in aliases
    }
    return filters, aliases


def _read_filter(where: Where, name: str, line: Line) -> Filter:
    arguments = {key: value for key, value in line.items() if key not in FILTER_KEYS}
    return Filter(
        name=name,
        type=_type(where, f"the filter {name}", line),
        match=Named(line["match"], MappingProxyType(arguments)),
        column=line.get("column"),
        none=line.get("none"),
        default=line.get("default"),
    )


def add_key_filters(
    key: Field | None,
    aliases: Mapping[str, str],
    filters: dict[str, Filter],
    filter_aliases: Mapping[str, str],
) -> None:
    """`id` and the key's own names filter every list (DECISIONS.md, Select)."""
    if key is None:
        return
    names = {
        KEY_FILTER,
        key.name,
        *(name for name, target in aliases.items() if target == key.name),
    }
    for name in sorted(names - set(filters) - set(filter_aliases)):
        filters[name] = Filter(name, key.type, Named("equals"), key.column, none="-1")
