"""Example packets, made from what the catalogue says of an object."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from packetserver.catalogue.model import Field, ObjectType, Rule

AUTHENTICATION = (
    "<authentication>",
    "  <id>localhost</id>",
    "  <systemId>4</systemId>",
    "  <username>admin</username>",
    "  <code>the MD5 of the password, as 32 hex digits</code>",
    "</authentication>",
)
SAMPLES = {
    "integer": "1",
    "double": "12.5",
    "boolean": "true",
    "text": "Example",
    "timestamp": "2026-11-22 09:15:08.0",
    "date": "2026-11-22",
    "tristate": "1",
    "local-date": "2026-11-22",
    "id-list": "1,2",
}
"""A value of each type."""

STAMPED = frozenset({"enteredBy", "modifiedBy"})
"""What becomes the user when it is not sent."""

DEMANDING = frozenset({"required", "one_of_required"})
CONDITIONS = frozenset({"when", "when_set"})
"""Arguments of a rule that holds for some records only."""

SHOWN_FIELDS = 4
"""How many fields an example asks for."""


def example_packets(described: ObjectType) -> Iterator[tuple[str, list[str]]]:
    """Packets with a title each; every one is a whole packet but for the code."""
    if described.table is None:
        for action in described.actions:
            item = [f'<{described.element} action="{action}"/>']
            yield f"Example: {action}", _packet([], item)
        return
    meta = _meta(described)
    yield "Example: insert", _packet(meta, _item(described.element, "insert", _sent(described)))
    if described.list_element is not None:
        item = [f'<{described.list_element} action="select" offset="0" items="10"/>']
        yield "Example: the first ten records of the list", _packet(meta, item)


def _packet(meta: list[str], item: list[str]) -> list[str]:
    lines = ['<transaction id="1">', *_nested(meta), *_nested(item), "</transaction>"]
    body = [*AUTHENTICATION, *lines]
    return ['<?xml version="1.0" encoding="UTF-8"?>', "<app>", *_nested(body), "</app>"]


def _nested(lines: list[str]) -> list[str]:
    return ["  " + line for line in lines]


def _meta(described: ObjectType) -> list[str]:
    names = [each.name for each in described.stored_fields if not each.secret][:SHOWN_FIELDS]
    properties = [f"  <property>{name}</property>" for name in names]
    return ["<meta>", *properties, "</meta>"] if properties else []


def _item(element: str, action: str, fields: list[Field]) -> list[str]:
    properties = [f"  <{each.name}>{_sample(each)}</{each.name}>" for each in fields]
    return [f'<{element} action="{action}">', *properties, f"</{element}>"]


def _sent(described: ObjectType) -> list[Field]:
    """The fields that an insert must have, or the first that it may have."""
    usable = [
        each
        for each in described.stored_fields
        if each.insert and not each.key and each.name not in STAMPED
    ]
    ruled = {_demanded(each) for each in described.rules}
    return [each for each in usable if each.required or each.name in ruled] or usable[:1]


def _demanded(rule: Rule) -> str:
    """The field that a rule of validation always demands; empty when it does not."""
    if rule.rule.name not in DEMANDING or CONDITIONS & set(rule.rule.arguments):
        return ""
    names = rule.rule.arguments.get("of", rule.field)
    return str(names[0] if isinstance(names, list) else names)


def _sample(each: Field) -> str:
    sample = SAMPLES.get(each.type.name, "1")
    return escape(sample[: each.max_length] if each.max_length else sample)
