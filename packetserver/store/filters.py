"""Which records a list returns: conditions by the name that the catalogue gives them.

A match gets the selection, its own name with arguments, and the filter and value that call it;
conditions that every select carries (schemas: `always`) have neither. None demands nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, FromClause, not_

from packetserver.catalogue.conditions import EVERY, Condition
from packetserver.catalogue.conditions import NOTHING as NO_RECORD
from packetserver.catalogue.model import Filter, Named, ObjectType
from packetserver.failures import because
from packetserver.store.conditions import Kept, sql
from packetserver.store.hiding import is_hidden
from packetserver.store.scope import ALL_SEEING, Selection, Sight

Match = Callable[[Selection, Named, Filter | None, Any], ColumnElement[bool] | None]
MATCHES: dict[str, Match] = {}

NOTHING = "nothing"
"""The match of filters that do nothing by themselves."""
UNREADABLE = "{}: cannot be filtered by, for it is made of what the user may not see"

ORDER = "order"
"""The match of filters that choose an order instead of records."""


def match(name: str) -> Callable[[Match], Match]:
    """Registers a function under the name that `match` and `always` of a schema use."""

    def register(function: Match) -> Match:
        MATCHES[name] = function
        return function

    return register


def conditions(selection: Selection, *, kept: bool = False) -> list[ColumnElement[bool]]:
    """What the rights, the filters in force, the object's own conditions and the user demand.

    The rights may be ``kept``, see packetserver.store.conditions.Kept.
    """
    described, free = selection.scope.object, _unlimited(selection)
    found = [_condition(free, each, None, None) for each in described.always]
    for name, value in selection.values.items():
        one = described.filters[name]
        # What nobody has asked for is the list's own.
        asking = _limited(selection, one) if value != one.default else free
        found.append(_condition(asking, one.match, one, value))
    found.append(_own_records(selection, described))
    hidden = is_hidden(free.scope)
    found.append(None if hidden is None else not_(hidden))
    if selection.rights != EVERY:
        rights, scope = selection.rights, selection.scope
        found.append(_restriction(selection) if kept else sql(rights, scope))
    return [each for each in found if each is not None]


RESTRICTIONS_KEPT = 4096
_restrictions: dict[tuple[FromClause, Condition], Kept] = {}


def _restriction(selection: Selection) -> Kept:
    """The rights as SQL, which are the same for all who hold the same."""
    place = (selection.scope.table, selection.rights)
    found = _restrictions.get(place)
    if found is None:
        if len(_restrictions) >= RESTRICTIONS_KEPT:
            _restrictions.clear()
        found = _restrictions[place] = Kept(selection.rights, selection.scope)
    return found


def _unlimited(selection: Selection) -> Selection:
    """The same selection for what is not the client's to ask."""
    if selection.scope.sight is ALL_SEEING:
        return selection
    return replace(selection, scope=replace(selection.scope, sight=ALL_SEEING))


def _limited(selection: Selection, one: Filter) -> Selection:
    """The same selection for a filter that was sent: it tells nothing of what cannot be seen."""
    scope = selection.scope
    if scope.sight is ALL_SEEING:
        return selection
    return replace(selection, scope=replace(scope, sight=Asking(scope.sight, one.name)))


@dataclass(frozen=True, slots=True)
class Asking:
    """What a filter may look at, by its name: rows of which none can be seen refuse it."""

    sight: Sight
    name: str

    def of_rows(self, element: str) -> Condition:
        """Which records of an object; raises Refused when there are none."""
        found = self.sight.of_rows(element)
        if found == NO_RECORD:
            raise because(UNREADABLE.format(self.name))
        return found

    def of_names(self, element: str) -> Condition:
        """Which of them show their names behind a record that refers to them."""
        return self.sight.of_names(element)


def _condition(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> ColumnElement[bool] | None:
    """`unless` and `with` name filters that switch a condition off and on.

    What a client sends counts by itself: only a default waits for the filters of `with`.
    """
    if selection.in_force(named.texts("unless")):
        return None
    needed = named.texts("with")
    is_sent = one is not None and value != one.default
    if needed and not is_sent and not selection.in_force(needed):
        return None
    return MATCHES[named.name](selection, named, one, value)


def switched_off_by(one: Filter, in_force: Collection[str]) -> Iterator[str]:
    """The filters in force that keep another one from being looked at."""
    return (name for name in one.match.texts("unless") if name in in_force)


def is_idle(described: ObjectType, one: Filter) -> bool:
    """Whether a filter is accepted without any effect, by itself or on others."""
    if one.match.name != NOTHING:
        return False
    others = (each.match for each in described.filters.values() if each.name != one.name)
    return not any(mentions(named, one.name) for named in (*others, *described.always))


def mentions(named: Named, name: str) -> bool:
    """Whether a function has a filter's name among its arguments."""
    arguments = (value for key, value in named.arguments.items() if key != "where")
    return any(
        value == name or (isinstance(value, list | tuple) and name in value) for value in arguments
    )


def _own_records(selection: Selection, described: ObjectType) -> ColumnElement[bool] | None:
    if selection.own_user is None or described.own_records is None:
        return None
    return selection.scope.field_column(described.own_records) == selection.own_user


def chosen_order(selection: Selection, default: Sequence[str]) -> Sequence[str]:
    """The columns that a list is ordered by: a filter may put others in front of its own."""
    for name, value in selection.values.items():
        named = selection.scope.object.filters[name].match
        if named.name == ORDER:
            return (*named.texts("order" if value else "order_otherwise"), *default)
    return default
