"""A record about to be stored: what is given over what is there, and how it is to be written."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from packetserver.catalogue.model import NOW, Field, ObjectType
from packetserver.catalogue.types import misfit
from packetserver.failures import Failure, Kind, Refused
from packetserver.store.plans import Row
from packetserver.store.rows import Rows

if TYPE_CHECKING:
    from packetserver.records.records import Records

LENGTH_EXCEEDED = "Length limit exceeded"

Identity = dict[str, Any]
"""The columns and values that single out a record."""

Seen = Callable[[datetime | None], bool]
"""Asked with the time of a record's last change: whether the caller has seen that."""


class Rules(enum.Enum):
    """Which rules of the catalogue a record is held to."""

    ALL = "all"
    AT_INSERT = "at insert"
    """Only those without which a record may never be stored; what cannot be read is dropped."""


@dataclass(slots=True)
class Given:
    """What a protocol gives of a record.

    ``values`` are by field name and of the fields' types, where None empties; ``controls`` are the
    catalogue's switches beside them. ``unread`` are values that are not of their type, with what
    is wrong with them; they are told together with the rules. What is given and does not count is
    put into ``dropped``, with the reason, as it is written.
    """

    values: dict[str, Any] = field(default_factory=dict)
    controls: dict[str, Any] = field(default_factory=dict)
    unread: list[tuple[str, str]] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    is_read: bool = False
    """Whether the values were read as their fields' types already."""
    names: dict[str, str] = field(default_factory=dict)
    """What fields are called by whoever gives their values, where that is not their name."""

    def called(self, name: str) -> str:
        """What a field is called in what its sender is told."""
        return self.names.get(name, name)

    def check(self, described: ObjectType) -> None:
        """Take values that are not of their fields' types for unread.

        Raises Refused (UNKNOWN) for fields and controls that the object does not have.
        """
        if self.is_read:
            return
        unknown = [name for name in self.values if name not in described.fields]
        unknown += [name for name in self.controls if name not in described.controls]
        if unknown:
            raise Refused(*(_unknown(described, each) for each in unknown))
        for name, value in list(self.values.items()):
            found = described.fields[name]
            reason = _fault(found, value)
            if reason is not None:
                del self.values[name]
                self.unread.append((self.called(name), reason))
            elif value is not None and found.is_empty(value):
                self.values[name] = None
        self.is_read = True


def _fault(field: Field, value: object) -> str | None:
    """Why a value cannot be one of a field, None when it can."""
    if value is None:
        return None
    is_long = isinstance(value, str) and len(value) > (field.max_length or len(value))
    return misfit(field.type.name, value) or (LENGTH_EXCEEDED if is_long else None)


def _unknown(described: ObjectType, name: str) -> Failure:
    return Failure(Kind.UNKNOWN, described.element, None, name, "there is no such field")


@dataclass(frozen=True, slots=True)
class How:
    """How a record is written.

    ``forced`` fields name the user who asks, whatever is given; ``mandatory`` fields have to have a
    value beyond what the rules say. A new record for whose key nobody waits may be stored ``later``,
    together with its like; ``origin`` is then told with its failure.
    """

    rules: Rules = Rules.ALL
    forced: bool = True
    mandatory: frozenset[str] = frozenset()
    later: bool = False
    origin: object = None


ALL = How()


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: where it stands now, and what is new by it.

    It ``waits`` where it is stored together with its like, later. ``key`` is that of the record, or of
    what was added to it; None for a record that waits or has no key. ``shown_by`` is what nothing else
    answers to. ``before`` is when a record that was changed had last changed, and ``stored`` what it,
    or one that was removed, was then, None where there was none.
    """

    object: ObjectType
    identity: Identity
    key: Any = None
    shown_by: Identity | None = None
    before: datetime | None = None
    stored: Mapping[str, Any] | None = None
    row: Row | None = None
    """What was to be shown of a record that was removed."""
    waits: bool = False

    @property
    def found_by(self) -> Identity:
        """What the record is read by."""
        return self.identity if self.shown_by is None else self.shown_by


@dataclass(slots=True)
class Writing:
    """A record about to be stored, for rules and effects: what is given over what is stored.

    ``stored`` holds the stored values by field name, None for a new record.
    """

    records: Records
    object: ObjectType
    given: Given
    stored: Mapping[str, Any] | None
    how: How = ALL

    @property
    def rows(self) -> Rows:
        """The rows of the database, within the unit of work."""
        return self.records.rows

    def now(self) -> datetime:
        """The present, see Preferences.now."""
        return self.records.preferences.now()

    @property
    def is_new(self) -> bool:
        """Whether the record is being created."""
        return self.stored is None

    def value(self, name: str) -> Any:
        """A field's value as it will be stored: given, else stored, else what a new one has."""
        found = self.object.field(name)
        if found is None:
            return None
        if found.name in self.given.values:
            value = self.given.values[found.name]
            return value if value is not None or self.stored is not None else initial(found)
        return self.stored.get(found.name) if self.stored is not None else initial(found)

    def control(self, name: str) -> Any:
        """A control's value, or what it is when it is not given."""
        return self.given.controls.get(name, self.object.controls[name].initial)

    def was_sent(self, name: str) -> bool:
        """Whether the field is given, empty or not."""
        found = self.object.field(name)
        return found is not None and found.name in self.given.values

    def set(self, name: str, value: Any) -> None:
        """Store another value than the one that is given."""
        self.given.values[name] = value

    def drop_unread(self) -> None:
        """Note that values which are not of their type are not stored: nobody validates."""
        self.given.dropped.extend(self.given.unread)


def initial(found: Field) -> Any:
    """What a field of a new record has when nothing is given for it, times left out."""
    if found.initial is not None:
        return found.initial
    return None if found.default == NOW else found.default


def identity_of(described: ObjectType, key: Any) -> Identity:
    """The columns and values that single out a record.

    ``key`` is its key; for an object without one, the values of the fields that identify it.
    """
    if described.key is not None:
        return {described.key.column or "": key}
    names = described.identified_by or tuple(each.name for each in described.stored_fields)
    values: Mapping[str, Any] = key or {}
    fields = (described.field(name) for name in names)
    return {each.column or "": values.get(each.name) for each in fields if each is not None}
