"""Records of every object, for every kind of owner and access type that its rights may depend on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from generic.who_sees_what import FILES, FOLDERS, described
from making import Maker, creatable

Values = dict[str, str]

CONTACT_TYPES = {"public": "2", "personal": "3", "controlled": "1"}
OPPORTUNITY_TYPES = {"public": "7", "personal": "8", "controlled": "6"}
"""Access types of the default rows, by what they mean."""

FOLDER = "customFieldCategory"
"""Whose module decides about the records in it."""

OTHERS_MODULE = "99"
MODULES = {
    "linkModuleId": [*map(str, FILES), OTHERS_MODULE],
    "moduleId": [*map(str, FOLDERS), "327071502"],
}


def branches(element: str) -> bool:
    """Whether records of an object differ in who may see them."""
    definition = described(element)
    rule = definition.get("permission_rule", "plain")
    return rule not in {"plain", "lookup", "view_only", "usage"} or bool(
        definition.keys() & {"owned", "belongs_to"}
    )


@dataclass
class OwnedRows:
    """Makes them; ``reader`` and ``stranger`` are users."""

    maker: Maker
    reader: str
    stranger: str
    sent: dict[str, list[Values]] = field(default_factory=dict)
    """What the records of each object were made with."""
    _made: dict[str, list[str]] = field(default_factory=dict)

    def make_all(self) -> None:
        for element in creatable(self.maker.catalogue):
            self.keys(element)

    def keys(self, element: str) -> list[str]:
        """The keys of the records of an object; "" for those that have none."""
        if element not in self._made:
            if not branches(element) and element != FOLDER:
                self._made[element] = [self._known(element)]
            else:
                self._made[element] = []
                for each in self._variations(element):
                    chosen = {**self.maker.needed(element), **self.maker.wire_only(element)}
                    self._made[element].append(self.maker.insert(element, chosen | each))
                    self.sent.setdefault(element, []).append(chosen | each)
        return self._made[element]

    def _known(self, element: str) -> str:
        if self.maker.object(element).key is None:
            return self.maker.insert(element)
        return self.maker.known(element)

    def _variations(self, element: str) -> Iterator[Values]:
        yield from self._special(element)
        fields = described(element)["fields"]
        for name, line in fields.items():
            target = line.get("references")
            if target and target != element and (branches(target) or target == FOLDER):
                yield from ({name: key} for key in self.keys(target))
            elif "references_by" in line:
                yield from self._linked(name, dict(line["references_by"]))
            elif name in MODULES:
                yield from ({name: module} for module in MODULES[name])

    def _linked(self, name: str, choice: dict[str, Any]) -> Iterator[Values]:
        decisive = choice.pop("field")
        if decisive not in MODULES:
            return
        for module, target in choice.items():
            if branches(target):
                yield from ({name: key, decisive: module} for key in self.keys(target))

    def _special(self, element: str) -> Iterator[Values]:
        account = self.maker.known("account")
        if element == "contact":
            owners = [("public", self.stranger)]
            owners += itertools.product(("personal", "controlled"), (self.reader, self.stranger))
            places = [{}, {"orgId": account}, {"orgId": account, "employee": "true"}]
            places += [{"employee": "true"}, {"orgId": "0", "employee": "true"}]
            for place, (access, owner) in itertools.product(places, owners):
                yield {**place, "accessType": CONTACT_TYPES[access], "owner": owner}
        elif element == "opportunity":
            for access, owner in itertools.product(OPPORTUNITY_TYPES, (self.reader, self.stranger)):
                yield {"accessType": OPPORTUNITY_TYPES[access], "manager": owner}
        elif element == "report":
            categories = self.maker.driver.one("permissionCategoryList", "select", {}, ["id"])
            yield from ({"categoryId": each["id"]} for each in categories.records)
        elif element == "syncClient":
            yield from ({"userId": each} for each in (self.reader, self.stranger))
        else:
            yield {}
            if "orgId" in described(element)["fields"]:
                yield {"orgId": account}


def identity(row: Mapping[str, Any], element: str) -> tuple[str, ...]:
    """What tells the records of an object apart: the columns of its key, or of all whole numbers."""
    definition = described(element)
    fields = [each for each in definition["fields"].values() if each.get("key")] or [
        each for each in definition["fields"].values() if is_number(each)
    ]
    return tuple(str(row[each["column"]]) for each in fields)


def is_number(line: Mapping[str, Any]) -> bool:
    return line.get("type") == "integer" and "column" in line


def identity_fields(element: str) -> list[str]:
    fields = described(element)["fields"]
    keys = [name for name, each in fields.items() if each.get("key")]
    return keys or [name for name, each in fields.items() if is_number(each)]
