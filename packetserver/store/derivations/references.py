"""Fields that show something of the record that a reference points to, or another own field."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement

from packetserver.catalogue.model import Field, Named
from packetserver.store.derivations.linked import row_of_key
from packetserver.store.derivations.reading import filled, own_column, reading, shown, value_column
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
