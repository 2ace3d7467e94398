"""Fields that show people by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement

from packetserver.catalogue.model import Field, Named
from packetserver.store.derivations.linked import linked_rows, row_of_key
from packetserver.store.derivations.reading import filled, joined, own_column
from packetserver.store.derived import Derived, derivation
from packetserver.store.scope import Scope

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
