"""What whoever asks may see of the rows that a query looks at beside the records themselves."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from packetserver.catalogue.conditions import EVERY, NOTHING, Condition
from packetserver.failures import because

UNREADABLE = "{}: cannot be filtered by, for it is made of what the user may not see"


class Sight(Hashable, Protocol):
    """What whoever asks may see of the rows that a query looks at beside the records themselves."""

    def of_rows(self, element: str, /) -> Condition:
        """Which records of an object: what is worked out from them must not tell of others."""

    def of_names(self, element: str, /) -> Condition:
        """Which of them show their names behind a record that refers to them."""


class AllSeeing:
    """Nothing is kept from whoever asks."""

    def of_rows(self, _element: str) -> Condition:
        """Every record."""
        return EVERY

    of_names = of_rows


ALL_SEEING: Sight = AllSeeing()


@dataclass(frozen=True, slots=True)
class Asking:
    """What a filter may look at, by its name: rows of which none can be seen refuse it."""

    sight: Sight
    name: str

    def of_rows(self, element: str) -> Condition:
        """Which records of an object; raises Refused when there are none."""
        found = self.sight.of_rows(element)
        if found == NOTHING:
            raise because(UNREADABLE.format(self.name))
        return found

    def of_names(self, element: str) -> Condition:
        """Which of them show their names behind a record that refers to them."""
        return self.sight.of_names(element)


class LookedAt(NamedTuple):
    """The objects whose rows something is worked out from, and those of which it shows names."""

    rows: tuple[str, ...]
    names: tuple[str, ...]


class Onlooker:
    """Sees everything, and remembers what was looked at."""

    def __init__(self) -> None:
        self._rows: dict[str, None] = {}
        self._names: dict[str, None] = {}

    def of_rows(self, element: str) -> Condition:
        """Every record."""
        self._rows[element] = None
        return EVERY

    def of_names(self, element: str) -> Condition:
        """Every record."""
        self._names[element] = None
        return EVERY

    @property
    def looked_at(self) -> LookedAt:
        """What it was asked about."""
        return LookedAt(tuple(self._rows), tuple(self._names))
