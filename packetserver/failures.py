"""What a record, or what is asked of it, fails at: values that each protocol puts into its own words."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from packetserver.errors import PacketServerError

NO_FACTS: Mapping[str, Any] = MappingProxyType({})


class Kind(enum.Enum):
    """The kinds of failures; metrics, audit and logs know them by their values."""

    UNKNOWN = "unknown"
    """There is no such object, field or operation."""
    UNSUPPORTED = "unsupported"
    """The object is none to which this can be done."""
    DENIED = "permission"
    """The principal may not do it, to this record or to any."""
    MISSING = "missing"
    """There is no such record."""
    CONFLICT = "conflict"
    """The record is another by now than the one that was seen."""
    INVALID = "validation"
    """A rule is broken, or a value cannot be read; all complaints about a record come together."""
    VALUE = "value"
    """A value cannot be stored or asked for, whatever is validated."""
    REFERENCE = "reference"
    """What a field refers to is not there."""
    TWIN = "twin"
    """Another record has what must be this one's alone."""
    IN_USE = "in_use"
    """The record is needed, and has to stay."""
    NOT_READABLE = "not_readable"
    """A field by which nothing can be found or ordered: it is secret, or made of what is hidden."""
    LIMIT = "limit"
    """It is more than the server does for one request."""
    NOT_AUTHORIZED = "not_authorized"
    """Whoever asks has not proved who he is."""
    FORBIDDEN = "forbidden"
    """Whoever asks may ask for nothing of the sort, of whatever record."""
    UNDONE = "rolled_back"
    """It was done, and undone because something else failed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is wrong.

    ``object`` is an element of the catalogue, ``field`` one of its fields, or several with commas
    between them. ``reason`` says what is wrong in a few words that follow the field's name, or in a
    sentence of its own. ``facts`` are values that a protocol may have words for.
    """

    kind: Kind
    object: str = ""
    key: Any = None
    field: str | None = None
    reason: str = ""
    facts: Mapping[str, Any] = dataclasses.field(default_factory=lambda: NO_FACTS, compare=False)

    @property
    def sentence(self) -> str:
        """The reason, behind the field where there is one."""
        return self.reason if self.field is None else f"{self.field}: {self.reason}"


class Refused(PacketServerError):
    """What was asked cannot be done; nothing of it is left in the unit of work's part.

    ``origin`` is what a row that waited to be stored was told to come from, None for any other.
    """

    def __init__(self, *failures: Failure) -> None:
        super().__init__("; ".join(each.sentence or each.kind.value for each in failures))
        self.failures = failures
        self.origin: object = None

    @property
    def kind(self) -> Kind:
        """The kind of the first failure."""
        return self.failures[0].kind


class KeyTaken(Refused):
    """A key that the database gave to a row of ``table`` is another row's, or is none."""

    def __init__(self, table: str) -> None:
        super().__init__(Failure(Kind.TWIN, reason="A record with the same key exists already"))
        self.table = table


def invalid(element: str, complaints: Iterable[tuple[str, str]]) -> Refused:
    """All that is wrong with a record, each once: fields, and what is wrong with them."""
    found = dict.fromkeys(complaints)
    return Refused(*(Failure(Kind.INVALID, element, None, *each) for each in found))


def unfit(field: str, reason: str, kind: Kind = Kind.VALUE) -> Refused:
    """A single value that cannot be."""
    return Refused(Failure(kind, field=field, reason=reason))


def because(*reasons: str, kind: Kind = Kind.VALUE) -> Refused:
    """What cannot be, in sentences of their own."""
    return Refused(*(Failure(kind, reason=reason) for reason in reasons))
