"""Example packets, made from what the catalogue says of an object.

What is the reader's to fill in stands in braces: `{account}` is the id of an account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from xml.sax.saxutils import escape

from packetserver.catalogue.model import (
    USER_CODE,
    Control,
    Field,
    Filter,
    ObjectType,
    Rule,
)
from packetserver.records.rules import CREATION

LAST, NEXT = "2026-11-22 09:15:08.0", "2026-11-23 09:15:08.0"
USER = "<id>{host}</id><systemId>4</systemId><username>{user name}</username><code>{code}</code>"
CLIENT = (
    "<id>{host}</id><systemId>4</systemId><clientId>{client}</clientId><code>{client code}</code>"
    f"<lastAnchor>{LAST}</lastAnchor><nextAnchor>{NEXT}</nextAnchor>"
)
"""Who sends a packet: a user, or a sync client with the anchors of its last sync and of this."""

SAMPLES = {
    "integer": "1",
    "double": "12.5",
    "boolean": "true",
    "text": "Example",
    "timestamp": "2036-02-03 09:15:00.0",
    "date": "2036-02-03",
    "tristate": "1",
    "local-date": "2036-02-03",
    "id-list": "1,2",
}
"""A value of each type."""

CHANGED = "Another example"
ADDRESS = "ann@example.com"
OTHER = "other "
NEW_CODE = "{new code}"
GUID, MODIFIED = "guid", "modified"

DEMANDING = frozenset({"required", "all_required", "one_of_required", "at_least"})
CONDITIONS = ("when", "when_set", "when_sent")
EXCUSES = ("unless", "unless_set", "unless_sent")
"""Arguments of a rule that name fields with which it holds, and without which it does."""

COMPARING = ("like_if_percent", "equals", "gte")
"""Matches whose filters need no other filter and take any value of their type, best first."""

SHOWN_FIELDS = 3
"""How many fields an example asks for besides the key."""

Values = Mapping[str, str]


def example_packets(described: ObjectType) -> Iterator[tuple[str, list[str]]]:
    """A packet for each action, with a title that names it; every one is whole."""
    if described.table is None:
        for action in described.actions:
            yield action, _packet(CLIENT, [], _item(described.element, action, {}))
        return
    sample, element, listed = _Sample(described), described.element, described.list_element
    names, identity = sample.names, sample.identity
    yield "insert", _packet(USER, names, _item(element, "insert", sample.new))
    yield "select", _packet(USER, names, _item(element, "select", identity))
    if listed is not None:
        paged = _item(listed, "select", sample.filters, ' offset="0" items="10"')
        yield "select of the list", _packet(USER, names, paged)
    yield "update", _packet(USER, names, _item(element, "update", identity | sample.change))
    yield "delete", _packet(USER, list(identity), _item(element, "delete", identity))
    if listed is not None:
        yield "sync", _packet(CLIENT, [GUID, *names], _item(listed, "sync", {}))


@dataclass(frozen=True)
class _Sample:
    """Values for a record of an object."""

    object: ObjectType

    @cached_property
    def names(self) -> list[str]:
        """Fields to ask for: what names a record, and a few more."""
        fields = (each for each in self.object.stored_fields if not each.secret)
        others = [each.name for each in fields if each.name not in self.identity]
        return [*self.identity, *others[:SHOWN_FIELDS]]

    @cached_property
    def identity(self) -> dict[str, str]:
        """What names a record."""
        key = self.object.key
        if key is not None:
            number = key.type.name == "integer"
            return {key.name: f"{{{self.object.element}}}" if number else self._value(key)}
        return {name: self._value(self.object.fields[name]) for name in self.object.identified_by}

    @cached_property
    def new(self) -> dict[str, str]:
        """What an insert must have, or the first field that it may have."""
        wanted = self._demanded()
        settable = self._settable()
        fields = [each for each in settable if each.name in wanted] or settable[:1]
        values = {each.name: self._value(each) for each in fields}
        controls = (each for each in self.object.controls.values() if each.name in wanted)
        return values | {each.name: self._value(each) for each in controls}

    @cached_property
    def change(self) -> dict[str, str]:
        """A field that an update changes; a text, if there is one, says more than a number."""
        free = [
            each
            for each in self._settable()
            # What is sent as modified is what the client has seen.
            if each.update
            and not self._target(each)
            and each.name not in {*self.identity, MODIFIED}
        ]
        free.sort(key=lambda each: each.type.name != "text")
        conditional = [
            each
            for each in self.object.rules
            if each.rule.name in DEMANDING and any(each.rule.texts(name) for name in CONDITIONS)
        ]
        changed = self._with_demands({each.name for each in free[:1]}, conditional)
        return {each.name: self._other_value(each) for each in free if each.name in changed}

    @cached_property
    def filters(self) -> dict[str, str]:
        """A filter of the list that takes any value of its type."""
        usable = [
            each
            for each in self.object.filters.values()
            if each.match.name in COMPARING and each.column and not each.match.arguments
        ]
        usable.sort(key=lambda each: COMPARING.index(each.match.name))
        return {each.name: self._compared(each) for each in usable[:1]}

    def _compared(self, one: Filter) -> str:
        fields = (each for each in self.object.stored_fields if each.column == one.column)
        return self._value(next(fields, one))

    def _settable(self) -> list[Field]:
        """The fields that an insert stores, and the key where the client chooses it."""
        return [
            each
            for each in self.object.stored_fields
            if each.insert
            and each.name not in CREATION
            and (not each.key or each.type.name != "integer")
        ]

    def _demanded(self) -> set[str]:
        """The fields and controls that a new record must have a value for."""
        needed = {
            each.name
            for each in self._settable()
            if each.required or each.key or each.secret == USER_CODE
        }
        rules = [each for each in self.object.rules if each.rule.name in DEMANDING]
        found = self._with_demands({*needed, *self.object.identified_by}, rules)
        deciding = (
            each.references_by.field
            for each in self.object.stored_fields
            if each.references_by is not None and each.name in found
        )
        return found | {*deciding}

    def _with_demands(self, found: set[str], rules: list[Rule]) -> set[str]:
        """The names, and those that rules demand along with them."""
        more = found.union(*(self._demanded_by(each, found) for each in rules))
        return found if more == found else self._with_demands(more, rules)

    def _demanded_by(self, rule: Rule, found: set[str]) -> Iterable[str]:
        """What a rule demands of a record that has values for what was ``found`` so far."""
        named = rule.rule
        if any(found & {*named.texts(each)} for each in EXCUSES):
            return ()
        if any(named.texts(each) and not found & {*named.texts(each)} for each in CONDITIONS):
            return ()
        names = named.texts("of") or (rule.field,)
        field = self.object.field(names[0])
        if named.name == "at_least" and (field is None or field.nullable):
            return ()
        return names[:1] if named.name == "one_of_required" else names

    def _value(self, one: Field | Control | Filter) -> str:
        if isinstance(one, Field) and one.secret == USER_CODE:
            return NEW_CODE
        target = self._target(one) if isinstance(one, Field) else None
        if target is not None:
            return f"{{{target}}}"
        decided = self._decided(one.name)
        if decided is not None:
            return decided
        if any(each.rule.name == "email" and each.field == one.name for each in self.object.rules):
            return ADDRESS
        length = one.max_length if isinstance(one, Field) else None
        return escape(SAMPLES[one.type.name][:length])

    def _other_value(self, field: Field) -> str:
        is_text = field.type.name == "text" and field.secret is None
        return CHANGED[: field.max_length] if is_text else self._value(field)

    def _target(self, field: Field) -> str | None:
        """Whose id a field takes; another one than the field that it may not be equal to."""
        choice = field.references_by
        first = next(iter(choice.elements.values())) if choice is not None else None
        target = field.references or field.references_table or first
        differs = any(
            each.rule.name == "not_equal" and (each.rule.text("of") or each.field) == field.name
            for each in self.object.rules
        )
        return f"{OTHER}{target}" if differs and target is not None else target

    def _decided(self, name: str) -> str | None:
        """The value by which a field decides what another one refers to."""
        for each in self.object.stored_fields:
            if each.references_by is not None and each.references_by.field == name:
                return str(next(iter(each.references_by.elements)))
        return None


def _packet(who: str, meta: list[str], item: list[str]) -> list[str]:
    asked = "".join(f"<property>{name}</property>" for name in meta)
    lines = [f"<meta>{asked}</meta>", *item] if meta else item
    return [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<app>",
        f"  <authentication>{who}</authentication>",
        '  <transaction id="1">',
        *("    " + line for line in lines),
        "  </transaction>",
        "</app>",
    ]


def _item(element: str, action: str, values: Values, attributes: str = "") -> list[str]:
    head = f'{element} action="{action}"{attributes}'
    if not values:
        return [f"<{head}/>"]
    lines = (f"  <{name}>{text}</{name}>" for name, text in values.items())
    return [f"<{head}>", *lines, f"</{element}>"]
