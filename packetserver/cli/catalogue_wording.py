"""Says what the catalogue knows of an object in sentences, by the names that travel on the wire."""

from __future__ import annotations

import inspect
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from packetserver.catalogue.model import Catalogue, Filter, Named, ObjectType
from packetserver.cli.catalogue_phrases import (
    COMPARED,
    EFFECTS,
    FIELDS,
    FILTERS,
    FILTERS_BY_TIME,
    MOMENTS,
    QUALIFIERS,
    RULE_CONDITIONS,
    RULES,
    TWO_SIDED,
    Phrases,
)

ORDERS = frozenset({"order", "order_otherwise"})
TIMES = frozenset({"timestamp", "date", "local-date"})
LABELS = frozenset({"label", "referenced"})
LABEL = "description"

ALL_OF_THEM = frozenset(
    {
        *("accounts_at_same_site", "all_equal", "all_required", "chosen_alone", "detach"),
        *("filled_and_empty", "joined_text", "percent_to_fraction", "together"),
    }
)
"""Functions that mean all that a list has; the others mean one of it."""

OF_ROWS = frozenset(
    {
        *("compares", "current", "empty", "first", "not_past", "not_set", "past", "reads"),
        *("same", "set", "sorted", "where", "where_not"),
    }
)
"""Arguments that are columns of the rows of `table`, where there is one."""


def code(text: object) -> str:
    """A name or a value as Markdown shows it."""
    return f"`{str(text).lower() if isinstance(text, bool) else text}`"


def listing(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    *head, tail = [*words] or [""]
    return f"{', '.join(head)} {last} {tail}" if head else tail


def meaning(function: Callable[..., Any]) -> str:
    """What a function says of itself, in its first paragraph."""
    text = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    return text.partition(" Raises ")[0].replace("``", "`")


@dataclass(frozen=True, slots=True)
class Wording:
    """Words for one object."""

    catalogue: Catalogue
    object: ObjectType

    def element(self, table: str) -> str:
        """The element whose records a table has, or the table itself."""
        if table == self.object.table:
            return self.object.element
        objects = self.catalogue.objects.values()
        return next((each.element for each in objects if each.table == table), table)

    def path(self, table: str, path: str) -> str:
        """`column.column` of a table by wire names: `contactId.orgId`."""
        names = []
        for column in path.split("."):
            names.append(self._field_name(table, column))
            found = self.catalogue.tables[table].columns.get(column)
            table = found.references or table if found is not None else table
        return code(".".join(names))

    def own(self, name: str) -> str:
        """A field, an input, a column or a path of the object; any other text stays as it is."""
        name = name.removeprefix("path:").removeprefix("field:")
        described, table = self.object, self.object.table or ""
        if self._is_place(name):
            place, _, column = name.partition(":")[0].partition(".")
            return code(f"{self.element(place)}.{self._field_name(place, column)}")
        if "." in name:
            return self.path(table, name)
        known = described.field(name) or described.filter(name) or described.controls.get(name)
        if known is not None:
            return code(known.name)
        if table and name in self.catalogue.tables[table].columns:
            return self.path(table, name)
        return name.replace("_", " ")

    def order(self, names: Iterable[str]) -> str:
        """Columns to order by, one after the other."""
        return ", then ".join(
            f"{self.own(each.removeprefix('-'))} from the last"
            if each.startswith("-")
            else self.own(each)
            for each in names
        )

    def _is_place(self, name: str) -> bool:
        """Whether a name is `table.column`, and not a path from an own column."""
        first, separator, _ = name.partition(".")
        own = self.catalogue.tables[self.object.table].columns if self.object.table else ()
        return bool(separator) and first in self.catalogue.tables and first not in own

    def _field_name(self, table: str, column: str) -> str:
        objects = (self.object, *self.catalogue.objects.values())
        fields = (field for each in objects if each.table == table for field in each.stored_fields)
        return next((each.name for each in fields if each.column == column), column)

    def words(self, named: Named) -> dict[str, str]:
        """The arguments of a function, each in words."""
        found = {key: self._word(named, key, value) for key, value in named.arguments.items()}
        if named.name in LABELS:
            found["reads"] = self._label(named)
            del found["of"]
        return {"how": COMPARED["equals"], **found} if "compares" in found else found

    def _label(self, named: Named) -> str:
        """A field of the record that a reference points to, as a path from that reference."""
        reads, found = named.text("reads", LABEL), self.object.field(named.text("of"))
        if found is None or found.column is None or "." in reads:
            return code(f"{named.text('of')}.{reads}")
        target = self.catalogue.table_of(found)
        name = reads if target is None else self._field_name(target, reads)
        return code(f"{found.name}.{name}")

    def _word(self, named: Named, key: str, value: Any) -> str:
        if key == "how":
            return COMPARED[value]
        if key == "at":
            return MOMENTS[value]
        if key in ORDERS:
            return self.order(value)
        if key == "table":
            return code(self.element(value))
        if key == "tables":
            return listing(code(self.element(each)) for each in value)
        table = named.arguments.get("table") if key in OF_ROWS else None
        return self._value(value, table, "and" if named.name in ALL_OF_THEM else "or")

    def _value(self, value: Any, table: str | None, last: str = "or") -> str:
        if isinstance(value, Mapping):
            return self._pairs(value, table)
        if isinstance(value, list | tuple):
            return listing((self._value(each, table) for each in value), last)
        if isinstance(value, str):
            return self.path(table, value) if table else self.own(value)
        return code(value)

    def _pairs(self, pairs: Mapping[str, Any], table: str | None) -> str:
        """`where` and the like by column, texts by their code."""
        if all(key.isdecimal() for key in pairs):
            return ", ".join(f"{code(key)} {text}" for key, text in pairs.items())
        words = (
            f"{self._value(key, table)} is {value if isinstance(value, str) else code(value)}"
            for key, value in pairs.items()
        )
        return listing(words, "and")

    def sentence(self, phrases: Phrases, named: Named, others: Phrases, **more: str) -> str:
        """The phrase of a function, and behind it what the ``others`` say of its arguments."""
        words = self.words(named) | more
        phrase = phrases[named.name]
        said = {name for _, name, _, _ in string.Formatter().parse(phrase) if name is not None}
        rest = [
            others[key].format(word)
            for key, word in words.items()
            if key in others and key not in said
        ]
        text = phrase.format_map({name: words.get(name, "") for name in said})
        return ", ".join(filter(None, (text, *rest)))

    def field(self, named: Named) -> str:
        """What a field reads that is worked out."""
        return self.sentence(FIELDS, named, QUALIFIERS)

    def effect(self, named: Named, function: Callable[..., Any]) -> str:
        """What an effect does, in a sentence; one without arguments says it itself."""
        if named.name not in EFFECTS:
            return meaning(function)
        return f"{self.sentence(EFFECTS, named, QUALIFIERS)}."

    def rule(self, field: str, named: Named) -> str:
        """What a rule demands, and when."""
        of = {} if "of" in named.arguments else {"of": code(field)}
        return self.sentence(RULES, named, {**QUALIFIERS, **RULE_CONDITIONS}, **of)

    def restriction(self, named: Named, one: Filter | None = None) -> str:
        """Which records a filter lists, or a condition that every list has."""
        column = one.column if one is not None else None
        compared = named.text("path") or column or named.text("column")
        what = self.path(self.object.table or "", compared) if compared else ""
        text = self.sentence(_phrases(one), named, QUALIFIERS, what=what)
        if one is None or one.type.name != "tristate":
            return text
        if named.name == "equals":
            return f"1: {text}; 0: false"
        return f"1: {text}; 0: all others" if named.name in TWO_SIDED else text


def _phrases(one: Filter | None) -> Phrases:
    """The phrases for the type of a filter."""
    if one is None:
        return FILTERS
    if one.type.name in TIMES:
        return {**FILTERS, **FILTERS_BY_TIME}
    is_flag = one.type.name == "tristate" or one.none == "false"
    return {**FILTERS, "equals": "whose {what} is true"} if is_flag else FILTERS
