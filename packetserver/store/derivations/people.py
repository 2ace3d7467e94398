"""Fields that show what a reference points to: a label, another field, people by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement

from packetserver.catalogue.model import Field, Named
from packetserver.store.derivations.rows import (
    filled,
    joined,
    linked_rows,
    own_column,
    reading,
    row_of_key,
    shown,
    value_column,
)
from packetserver.store.derived import SAME, Derived, derivation
from packetserver.store.scope import Scope, reference_path

LABEL = "description"
"""The column that every lookup table keeps its text in."""


@derivation("referenced")
@derivation("label")
def _referenced(scope: Scope, field: Field, named: Named) -> Derived:
    """Column `reads` (a label: the description) of the record that the field `of` points to."""
    table = scope.referenced_table(named.text("of"))
    reads = named.text("reads", LABEL)
    row = row_of_key(scope, table, own_column(scope, named), reads)
    return Derived((row.select(row.column(reads)).scalar_subquery(),))


@derivation("joined_column")
def _joined_column(scope: Scope, field: Field, named: Named) -> Derived:
    """A column reached through references of the own table, by `path`."""
    return Derived((reference_path(scope, named.text("path")),))


@derivation(SAME)
def _same(scope: Scope, field: Field, named: Named) -> Derived:
    """What the field `of` reads; with `when` only while that flag is set."""
    derived = reading(scope, named.text("of"))
    if "when" not in named.arguments:
        return derived

    def show(is_shown: object, *values: Any) -> Any:
        return shown(derived, values) if is_shown else None

    return Derived((own_column(scope, named, "when"), *derived.columns), show)


@derivation("first_filled", shaped=True)
def _first_filled(scope: Scope, field: Field, named: Named) -> Derived:
    """The first of `columns`, each own or reached, that is neither empty nor blank."""
    columns = tuple(reference_path(scope, path) for path in named.texts("columns"))
    return Derived(columns, first_filled)


def first_filled(*values: Any) -> Any:
    """The first value that is there; None when none is."""
    return next((value for value in values if filled(value)), None)


@derivation("linked_label", shaped=True)
def _linked_label(scope: Scope, field: Field, named: Named) -> Derived:
    """A column of the record that the field `of` points to, whichever element that is of.

    `texts` has the column for each element; the field itself knows which value of which other
    field stands for which element (schemas: `references_by`).
    """
    linking = scope.object.field(named.text("of"))
    choice = None if linking is None else linking.references_by
    if linking is None or choice is None:
        raise KeyError(f"{scope.object.element}.{field.name} shows what no field points to")
    paths = named.arguments["texts"]
    elements = {value: name for value, name in choice.elements.items() if name in paths}
    key = value_column(scope, linking.name)
    labels = [_label(scope, name, key, paths[name]) for name in elements.values()]

    def show(decision: Any, *values: Any) -> Any:
        return dict(zip(elements, values, strict=True)).get(decision)

    return Derived((value_column(scope, choice.field), *labels), show)


def _label(scope: Scope, element: str, key: ColumnElement[Any], path: str) -> ColumnElement[Any]:
    row = row_of_key(scope, scope.catalogue.objects[element].table or "", key, path)
    return row.select(row.column(path)).scalar_subquery()


CONTACT = "contact"
USER = "access"

Text = str | None


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write a name: the columns that it needs, in the order in which ``write`` does."""

    columns: tuple[str, ...]
    write: Callable[..., Text]


def last_first(last: Text, first: Text) -> Text:
    """`Last, First`, or only what there is."""
    return joined(", ", last, first)


def last_first_middle(last: Text, first: Text, middle: Text) -> Text:
    """`Last, First Middle`, or only what there is."""
    return joined(", ", last, joined(" ", first, middle))


def first_last(first: Text, last: Text) -> Text:
    """`First Last`, or only what there is."""
    return joined(" ", first, last)


def initial_last(first: Text, last: Text) -> Text:
    """`F. Last`, or only what there is."""
    initial = f"{first.strip()[0]}." if first is not None and filled(first) else None
    return joined(" ", initial, last)


def full(*names: Text) -> Text:
    """Salutation, first, middle and last name, suffix, with blanks between what there is."""
    return joined(" ", *names)


def _or_company(write: Callable[..., Text]) -> Callable[..., Text]:
    """The company, which comes last, when there is no name."""

    def write_or_company(*names: Text) -> Text:
        *parts, company = names
        return write(*parts) or joined("", company)

    return write_or_company


LAST_FIRST = ("namelast", "namefirst")
FIRST_LAST = ("namefirst", "namelast")
FULL = ("namesalutation", "namefirst", "namemiddle", "namelast", "namesuffix")
COMPANY = "company"

FORMS: Mapping[str, Form] = {
    "last_first": Form(LAST_FIRST, last_first),
    "last_first_or_company": Form((*LAST_FIRST, COMPANY), _or_company(last_first)),
    "last_first_middle": Form((*LAST_FIRST, "namemiddle"), last_first_middle),
    "first_last": Form(FIRST_LAST, first_last),
    "first_last_or_company": Form((*FIRST_LAST, COMPANY), _or_company(first_last)),
    "initial_last": Form(FIRST_LAST, initial_last),
    "full_or_company": Form((*FULL, COMPANY), _or_company(full)),
}
"""By the name that `form` of a schema gives."""


@derivation("person_name", shaped=True)
def _person_name(scope: Scope, field: Field, named: Named) -> Derived:
    """The name of the person that the record itself is, in the given `form`."""
    form = FORMS[named.text("form")]
    return Derived(tuple(scope.column(column) for column in form.columns), form.write)


@derivation("contact_name", shaped=True)
def _contact_name(scope: Scope, field: Field, named: Named) -> Derived:
    """The name of a contact, or its company when it has none, in the `form` given.

    The contact is the one that the field `of` names, or column `reads` of the first linked row.
    """
    if "of" in named.arguments:
        contact = own_column(scope, named)
    else:
        contact = linked_rows(scope, named).first(named.text("reads"))
    return _named_contact(scope, contact, f"{named.text('form', 'last_first')}_or_company")


@derivation("user_name", shaped=True)
def _user_name(scope: Scope, field: Field, named: Named) -> Derived:
    """`Last, First` of the contact that the user in the field `of` is."""
    user = row_of_key(scope, USER, own_column(scope, named), "contact_id")
    contact = user.select(user.column("contact_id")).scalar_subquery()
    return _named_contact(scope, contact, "last_first")


def _named_contact(scope: Scope, contact: ColumnElement[Any], form: str) -> Derived:
    described = FORMS[form]
    rows = (row_of_key(scope, CONTACT, contact, each) for each in described.columns)
    columns = (row.select(row.column(row.reads)).scalar_subquery() for row in rows)
    return Derived(tuple(columns), described.write)
