"""The object catalogue in memory: immutable, and complete once it is loaded.

Everything the server knows about objects stands here; the other rooms ask it and add behaviour
by name. Shapes follow `schemas/`, whose form `docs/catalogue.md` explains.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeVar

from packetserver.catalogue.types import EMPTY_NUMBERS, FieldType

Known = TypeVar("Known")


def other_case(name: str) -> str:
    """The name with its first letter in the other case."""
    return name[:1].swapcase() + name[1:]


def in_either_case(known: Mapping[str, Known]) -> dict[str, Known]:
    """What is known by its names, under both spellings of each; a name as it stands wins."""
    return {other_case(name): each for name, each in known.items()} | dict(known)


NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Texts(tuple[str, ...]):
    """An argument that is known to be a list of texts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Named:
    """The name of a function that another room provides, with its arguments."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=lambda: NOTHING)

    def text(self, argument: str, default: str = "") -> str:
        """An argument as text; a missing one is the default."""
        value = self.arguments.get(argument)
        return default if value is None else str(value)

    def texts(self, argument: str) -> tuple[str, ...]:
        """An argument that is a list of texts, or one text; a missing one is empty."""
        value = self.arguments.get(argument, ())
        if isinstance(value, Texts):
            return value
        return (value,) if isinstance(value, str) else tuple(str(each) for each in value)


def means_nothing(none: str | None, value: object) -> bool:
    """Whether a value means `no filter`, by what the filter says of it (schemas: `none`)."""
    if value is None or none is None:
        return value is None
    if isinstance(value, bool):
        return none == str(value).lower()
    if isinstance(value, int) and none in EMPTY_NUMBERS:
        return bool(EMPTY_NUMBERS[none](value))
    words = {"" if word == "empty" else word for word in none.split(" or ")}
    return str(value) in words


NOW: Final = "now"
"""A column default that means the time of the write."""

Scalar = str | int | float | bool | None

SECRET, USER_CODE = "secret", "user code"
"""What a secret field holds: something that is compared as sent, or a user's MD5 in hex."""

NAME: Final = "name"
"""What a unique field holds: a name, which no two have in any letter case or with blanks around."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the database has it."""

    name: str
    type: str
    max_length: int | None = None
    nullable: bool = True
    default: Scalar = None
    references: str | None = None
    """The table that it points to, and whether the database sees to that."""
    constrained: bool = True
    belongs: bool = False
    """Whether a row goes with the one that it points to."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the database; ``key`` is its serial column, None when it has none."""

    name: str
    key: str | None
    sequence: str | None
    columns: Mapping[str, Column]
    first_key: int = 1
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    names: tuple[str, ...] = ()
    """Columns with a name, each of which one row alone has (schemas: `unique`)."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a table that belong to rows of another: ``column`` holds the key of their ``owner``.

    With ``when``, a column or `column.column` from the row, they do only where that has ``value``.
    """

    table: str
    column: str
    owner: str
    when: str | None = None
    value: int | None = None


@dataclass(frozen=True, slots=True)
class ReferenceChoice:
    """A reference whose object depends on another field: its name, and elements by its values."""

    field: str
    elements: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Field:
    """A property of an object: a stored column, or something derived when ``column`` is None."""

    name: str
    type: FieldType
    column: str | None
    unset: str
    key: bool = False
    max_length: int | None = None
    nullable: bool = True
    required: bool = False
    default: Scalar = None
    initial: Scalar = None
    references: str | None = None
    references_table: str | None = None
    references_by: ReferenceChoice | None = None
    mentions: bool = False
    """Whether the record only mentions the one that it refers to, and does not belong to it."""
    foreign_key: bool = True
    references_also: str | None = None
    """A column of the table that it points to, whose values name a row as well as its key does."""
    empty: str | None = None
    insert: bool = True
    update: bool = True
    cut: int | None = None
    secret: str | None = None
    unique: str | None = None
    derived: Named | None = None
    shown: Named | None = None

    def is_empty(self, value: object) -> bool:
        """Whether a value stands for an empty column (schemas: `empty`)."""
        if self.empty is None or isinstance(value, bool):
            return False
        if isinstance(value, int | float):
            return bool(EMPTY_NUMBERS[self.empty](value))
        return value == self.empty


@dataclass(frozen=True, slots=True)
class Control:
    """An input that is not stored but steers rules and effects."""

    name: str
    type: FieldType
    initial: Scalar = None


@dataclass(frozen=True, slots=True)
class Filter:
    """An input of a list: which records it returns."""

    name: str
    type: FieldType
    match: Named
    column: str | None = None
    none: str | None = None
    default: Scalar = None
    field: Field | None = None
    """The field whose reading it compares; None for one that a schema declares."""

    def is_none(self, value: object) -> bool:
        """Whether a value means `no filter` (schemas: `none`)."""
        return means_nothing(self.none, value)


@dataclass(frozen=True, slots=True)
class Rule:
    """A validation rule of one field."""

    field: str
    rule: Named


@dataclass(frozen=True, slots=True)
class Ownership:
    """The fields that say whose a record is: its access type, and its owner (schemas: `owned`)."""

    access: str
    owner: str


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One object of the catalogue: what a client may send of it and ask for."""

    element: str
    list_element: str | None
    kind: str
    file: str
    table: str | None
    key: Field | None
    identified_by: tuple[str, ...]
    key_may_be_sent: bool
    permission: str | None
    permission_rule: str
    forced_to_user: tuple[str, ...]
    own_records: str | None
    owned: Ownership | None
    belongs_to: tuple[str, ...]
    """References to records whose access type holds for this one, too."""
    known_by: tuple[str, ...]
    """Fields that whoever sees a record that refers to this one may read."""
    order: tuple[str, ...]
    order_paged: tuple[str, ...]
    always: tuple[Named, ...]
    sync_inserted: str | None
    sync_updated: str | None
    trashes: bool
    removes: tuple[tuple[str, str], ...]
    ignored_filters: frozenset[str]
    fields: Mapping[str, Field]
    aliases: Mapping[str, str]
    controls: Mapping[str, Control]
    filters: Mapping[str, Filter]
    filter_aliases: Mapping[str, str]
    rules: tuple[Rule, ...]
    on_insert: tuple[Named, ...]
    on_update: tuple[Named, ...]
    on_delete: tuple[Named, ...]
    actions: Mapping[str, str]
    stored_fields: tuple[Field, ...] = dataclasses.field(init=False)
    """The fields that are columns, in the catalogue's order."""
    filter_defaults: Mapping[str, Scalar] = dataclasses.field(init=False, repr=False)
    """The values of filters that are in force unless others are sent."""
    names: tuple[Field, ...] = dataclasses.field(init=False)
    """The fields that hold a name which is one record's alone."""
    _by_wire_name: Mapping[str, Field] = dataclasses.field(init=False, repr=False)
    _filters: Mapping[str, Filter] = dataclasses.field(init=False, repr=False)
    _by_column: Mapping[str, Field] = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Look up once what every record of every packet asks for."""
        aliased = {name: self.fields[of] for name, of in self.aliases.items() if of in self.fields}
        stored = tuple(each for each in self.fields.values() if each.column)
        of_columns = {each.column or "": each for each in reversed(stored)}
        object.__setattr__(self, "stored_fields", stored)
        others = {name: self.filters.get(of) for name, of in self.filter_aliases.items()}
        filters = {**self.filters, **{name: one for name, one in others.items() if one}}
        defaults = {one.name: one.default for one in self.filters.values()}
        in_force = {name: each for name, each in defaults.items() if each is not None}
        object.__setattr__(self, "filter_defaults", in_force)
        object.__setattr__(self, "_by_wire_name", in_either_case({**self.fields, **aliased}))
        object.__setattr__(self, "_filters", in_either_case(filters))
        object.__setattr__(self, "names", tuple(each for each in stored if each.unique == NAME))
        object.__setattr__(self, "_by_column", of_columns)

    def field(self, name: str) -> Field | None:
        """The field of a wire name, in either case of its first letter, or of an alias of it."""
        return self._by_wire_name.get(name)

    def reference(self, name: str) -> Field | None:
        """The stored reference that `a` of `a.b` means: the field `a` itself, or `aId`."""
        for candidate in (name, f"{name}Id"):
            found = self.field(candidate)
            if found is not None and found.references is not None and found.column is not None:
                return found
        return None

    def stored_in(self, column: str) -> Field | None:
        """The first field that shows a column, None when none does."""
        return self._by_column.get(column)

    def filter(self, name: str) -> Filter | None:
        """The filter of a wire name, in either case of its first letter, or of an alias of it."""
        return self._filters.get(name)

    @property
    def modified(self) -> Field | None:
        """The field that says when a record last changed, None when the object has none."""
        found = self.fields.get("modified")
        return found if found is not None and found.column else None

    @property
    def trashed_column(self) -> str | None:
        """The column of the trashed date, None when records are removed instead."""
        found = self.fields.get("trashedDate")
        return found.column if self.trashes and found is not None else None


@dataclass(frozen=True, slots=True)
class Target:
    """What an element of a packet names: an object, singly or as its list."""

    object: ObjectType
    is_list: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All objects and tables."""

    objects: Mapping[str, ObjectType]
    tables: Mapping[str, Table]
    targets: Mapping[str, Target]
    parts: tuple[Part, ...] = ()
    """What belongs to what (packetserver.catalogue.belonging)."""
    first_of_table: Mapping[str, ObjectType] = dataclasses.field(init=False, repr=False)
    """By table: the object whose records its rows are, the first where there are several."""

    def __post_init__(self) -> None:
        """Look up once what every subquery asks for."""
        of_tables = {each.table: each for each in reversed([*self.objects.values()]) if each.table}
        object.__setattr__(self, "first_of_table", MappingProxyType(of_tables))

    def target(self, element: str) -> Target | None:
        """What an element names, None when it is unknown; names are case sensitive."""
        return self.targets.get(element)

    def table_of(self, field: Field) -> str | None:
        """The table that a reference points to, None when the field is none."""
        if field.references is not None:
            return self.objects[field.references].table
        return field.references_table
