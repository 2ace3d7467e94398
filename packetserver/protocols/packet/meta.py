"""Meta properties: what each asks of a record, in which notation, and how that is written as text.

The fields that `meta` names are the elements of a record, each of which has exactly one text
(PROTOCOL.md 3.5, 4.7).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from xml.parsers import expat

from packetserver.catalogue.model import Catalogue, Field, ObjectType, other_case
from packetserver.protocols.packet.failures import TransactionFailure
from packetserver.store.derived import is_shaped
from packetserver.store.guid_columns import GUID, UNMAPPED, is_mappable, list_of
from packetserver.store.plans import Asked, Cell, ClientId, Plan, Row
from packetserver.store.schema import PLANS_KEPT, Schema

GUIDS = frozenset({GUID, other_case(GUID)})
SUFFIX = "Guid"

NAME_START = (
    r"A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff"
    r"\u0370-\u037d\u037f-\u1fff\u3001-\ud7ff"
)
NAME_MORE = NAME_START + r"\-.0-9\u00b7\u0300-\u036f\u203f\u2040"
XML_NAME = re.compile(f"[{NAME_START}][{NAME_MORE}]*")
"""The names that XML 1.0 allows, without colon and without the rarest ranges."""


def is_guid(name: str) -> bool:
    """Whether a property is the client's own id of the record, in either case of its first letter."""
    return name in GUIDS


def output_elements(names: Sequence[str]) -> dict[str, str]:
    """The elements that meta properties are answered in, each with the property.

    One element that is asked for twice stands where it was asked for first, and shows what was
    asked for last.
    """
    return {_output_name(name): name for name in names}


def _output_name(name: str) -> str:
    """The element that a property is answered in: `orgId` for `orgId^accountGuid`."""
    return name.partition("^")[0]


def check_meta(names: Sequence[str]) -> None:
    """Raises TransactionFailure for a property that could be no element of a record."""
    for name in names:
        if not _is_element(_output_name(name)):
            raise TransactionFailure.because(f"The meta property {name!r} is not an XML name")


def _is_element(name: str) -> bool:
    """Whether every parser takes it: names of ASCII letters are beyond doubt, and most are that."""
    return XML_NAME.fullmatch(name) is not None and (name.isascii() or _is_parsed(name))


def _is_parsed(name: str) -> bool:
    """A parser is asked, because parsers differ in the letters that they allow."""
    try:
        expat.ParserCreate().Parse(f"<{name}/>", True)  # noqa: FBT003 (it takes no keywords)
    except expat.ExpatError:
        return False
    return True


class _Shown(NamedTuple):
    """What a property shows, None for what always reads as empty; ``unset`` is nothing as text."""

    asked: Asked | None
    unset: str = ""


EMPTY = _Shown(None)


@dataclass(frozen=True, slots=True, eq=False)
class Meta:
    """What a list of meta properties asks of an object; it is equal to itself alone.

    ``names`` are the elements of a record. ``asked`` is what is read for those that ``shown`` does
    not leave empty. ``guids`` are the places of the client's own id of the record.
    """

    names: tuple[str, ...]
    shown: tuple[_Shown, ...]
    asked: tuple[Asked, ...]
    guids: tuple[int, ...]
    unknown: tuple[str, ...]
    """The properties that mean nothing, and read as empty."""


@lru_cache(maxsize=PLANS_KEPT)
def read_meta(schema: Schema, element: str, names: tuple[str, ...]) -> Meta:
    """What meta properties ask of an object; worked out once."""
    catalogue, described = schema.catalogue, schema.catalogue.objects[element]
    elements = output_elements(names)
    found = {name: _in_either_case(catalogue, described, name) for name in elements.values()}
    shown = tuple(found[name] or EMPTY for name in elements.values())
    return Meta(
        names=tuple(elements),
        shown=shown,
        asked=tuple(each.asked for each in shown if each.asked is not None),
        guids=tuple(place for place, name in enumerate(elements) if is_guid(name)),
        unknown=tuple(name for name, each in found.items() if each is None),
    )


def _in_either_case(catalogue: Catalogue, described: ObjectType, name: str) -> _Shown | None:
    found = _shown(catalogue, described, name)
    return found or _shown(catalogue, described, other_case(name))


def _shown(catalogue: Catalogue, described: ObjectType, name: str) -> _Shown | None:
    """What a property shows; None for one that means nothing."""
    if is_guid(name):
        return _Shown(ClientId()) if is_mappable(described) else EMPTY
    field = described.field(name)
    if field is not None:
        return EMPTY if field.secret else _Shown(field.name, field.unset)
    return _client_id(catalogue, described, name) or _beside(catalogue, described, name)


def _client_id(catalogue: Catalogue, described: ObjectType, name: str) -> _Shown | None:
    """The client's id of what the record refers to: `xGuid`, `f^tGuid`, `f^${c}Guid` and `a.guid`."""
    first, separator, notation = name.partition("^")
    if separator:
        if notation.startswith("${") and notation.endswith(SUFFIX):
            return _by_choice(described, first)
        is_known = notation.endswith(SUFFIX)
        return _by_list(catalogue, described, first, notation) if is_known else None
    path, separator, last = _halves(name)
    if separator and is_guid(last):
        reference = described.reference(path)
        known = None if reference is None else ClientId(reference.name, list_of(catalogue, path))
        return None if known is None else _Shown(known)
    if name.endswith(SUFFIX):
        return _by_list(catalogue, described, f"{name.removesuffix(SUFFIX)}Id", name)
    return None


def _by_list(
    catalogue: Catalogue, described: ObjectType, field_name: str, named: str
) -> _Shown | None:
    """An id in the map of the list that is named; here nothing is a record that is not known, too.

    What holds no number names no record, whatever the field is called.
    """
    element = list_of(catalogue, named.removesuffix(SUFFIX))
    found = described.field(field_name)
    if element is None or found is None or found.type.name != "integer":
        return None
    if not _is_one_column(described, found):
        return None
    return _Shown(ClientId(found.name, element), str(UNMAPPED))


def _by_choice(described: ObjectType, field_name: str) -> _Shown | None:
    """A reference whose object is the record's own to say."""
    found = described.field(field_name)
    choice = None if found is None else found.references_by
    deciding = None if choice is None else described.field(choice.field)
    if found is None or deciding is None:
        return None
    columns = (_is_one_column(described, each) for each in (found, deciding))
    return _Shown(ClientId(found.name)) if all(columns) else None


def _is_one_column(described: ObjectType, field: Field) -> bool:
    return field.column is not None or not is_shaped(described, field)


def _beside(catalogue: Catalogue, described: ObjectType, name: str) -> _Shown | None:
    """`a.b` or `a_b`: a field of the record that the field `a` names."""
    first, separator, rest = _halves(name)
    reference = described.reference(first) if separator else None
    if reference is None:
        return None
    target = catalogue.objects[reference.references or ""]
    field = target.field(rest)
    if target.table is None or field is None or field.column is None:
        return None
    return EMPTY if field.secret else _Shown(f"{reference.name}.{field.name}")


def _halves(name: str) -> tuple[str, str, str]:
    return name.partition("." if "." in name else "_")


class _Text(NamedTuple):
    """How one text is made: by ``write``, or of the column at ``place``, ``unset`` when empty."""

    write: Callable[[Row], str] | None
    place: int = 0
    show: Callable[..., str] = str
    unset: str = ""


NO_TEXT = _Text(lambda _row: "")


@dataclass(frozen=True, slots=True, eq=False)
class MetaPlan:
    """The plan for meta properties, and how a row of it becomes the texts of a record.

    ``names`` are the elements of the record.
    """

    names: tuple[str, ...]
    plan: Plan
    _texts: tuple[_Text, ...]
    _guids: tuple[int, ...]

    def texts(self, row: Row, guid: str | None = None) -> list[str]:
        """The texts of a record, in the order of the names.

        ``guid`` is what a client calls the record, where it has just said so; otherwise the map
        is asked.
        """
        # Written out, for a call for each value would cost more than all else in a list.
        texts = [
            write(row)
            if write is not None
            else unset
            if (value := row[place]) is None
            else show(value)
            for write, place, show, unset in self._texts
        ]
        if guid is not None:
            for place in self._guids:
                texts[place] = guid
        return texts


@lru_cache(maxsize=PLANS_KEPT)
def meta_plan(meta: Meta, plan: Plan) -> MetaPlan:
    """How rows of the plan for what is asked are written; worked out once."""
    return MetaPlan(meta.names, plan, tuple(_texts(meta, plan)), meta.guids)


def _texts(meta: Meta, plan: Plan) -> Iterator[_Text]:
    cells = iter(plan.cells)
    for shown in meta.shown:
        yield NO_TEXT if shown.asked is None else _text(next(cells), shown.unset)


def _text(cell: Cell, unset: str) -> _Text:
    show = str if cell.field is None else cell.field.type.write
    places, shape = cell.places, cell.shape
    if shape is None:
        return _Text(None, places[0], show, unset)

    def write(row: Row) -> str:
        value = shape(*[row[place] for place in places])
        return unset if value is None else show(value)

    return _Text(write)
