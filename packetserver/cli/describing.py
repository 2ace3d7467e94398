"""An object of the catalogue in words, for those who write clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packetserver.catalogue.model import (
    NOW,
    Catalogue,
    Control,
    Field,
    Filter,
    Named,
    ObjectType,
)
from packetserver.cli.examples import example_packets
from packetserver.cli.program import aligned
from packetserver.engine.stamps import CREATION as STAMPED

STANDARD_ACTIONS = ("insert", "update", "delete", "select")
INDENT = "  "


def describe(catalogue: Catalogue, described: ObjectType) -> Iterator[str]:
    """The lines that `catalogue show` prints."""
    yield from _head(described)
    yield from _table(
        "Fields: what may be sent, and asked for in meta",
        ("name", "type", "notes"),
        [*_field_rows(catalogue, described), *_alias_rows(described.aliases)],
    )
    yield from _table(
        "Inputs that are not stored",
        ("name", "type", "without it"),
        [_control_row(each) for each in described.controls.values()],
    )
    yield from _table(
        f"Filters of {described.list_element}",
        ("name", "type", "notes"),
        [
            *(_filter_row(each) for each in described.filters.values()),
            *_alias_rows(described.filter_aliases),
        ],
    )
    yield from _table(
        "Rules of validation",
        ("complaint about", "rule"),
        [(each.field, _named_text(each.rule)) for each in described.rules],
    )
    for title, packet in example_packets(described):
        yield from ("", title, "", *(INDENT + line for line in packet))


def _head(described: ObjectType) -> Iterator[str]:
    both = f"{described.element}, {described.list_element}"
    yield both if described.list_element else described.element
    yield f"{INDENT}declared in {described.file}"
    if described.table:
        yield f"{INDENT}records of the table {described.table}"
    yield f"{INDENT}actions: {', '.join(_actions(described))}"
    yield f"{INDENT}permission: {_permission(described)}"
    if described.forced_to_user:
        yield f"{INDENT}set to the user, whatever is sent: {', '.join(described.forced_to_user)}"
    if described.own_records:
        yield f"{INDENT}a user's list holds only records whose {described.own_records} it is"
    if described.ignored_filters:
        names = ", ".join(sorted(described.ignored_filters))
        yield f"{INDENT}accepted without effect: {names}"


def _actions(described: ObjectType) -> Iterator[str]:
    if described.table:
        yield from STANDARD_ACTIONS
        if described.list_element:
            yield f"select of {described.list_element}"
    yield from described.actions


def _permission(described: ObjectType) -> str:
    base = described.permission or "none needed"
    if described.permission_rule == "plain":
        return base
    return f"{base} (the rule {described.permission_rule} decides from the record)"


def _table(title: str, heading: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    if rows:
        yield from ("", title, "")
        yield from (INDENT + line for line in aligned([heading, *rows]))


def _field_rows(catalogue: Catalogue, described: ObjectType) -> Iterator[tuple[str, ...]]:
    for each in described.fields.values():
        notes = ", ".join(_field_notes(catalogue, described, each))
        yield each.name, _type_text(each), notes


def _alias_rows(aliases: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    return ((alias, "", f"another name of {name}") for alias, name in aliases.items())


def _type_text(each: Field) -> str:
    return f"{each.type.name}({each.max_length})" if each.max_length else each.type.name


def _field_notes(catalogue: Catalogue, described: ObjectType, each: Field) -> Iterator[str]:
    if each.column is None:
        yield "only to be read"
        return
    if each.key:
        yield "key" if described.key_may_be_sent else "key, given by the server"
        return
    if each.name in STAMPED:
        yield "the user when not sent"
    elif each.required:
        yield "required"
    yield from _reference_notes(catalogue, each)
    yield from _default_notes(each)
    yield from _storing_notes(each)


def _reference_notes(catalogue: Catalogue, each: Field) -> Iterator[str]:
    target = each.references or catalogue.table_of(each)
    if target:
        yield f"id of {target}"
    if each.references_by is not None:
        elements = " or ".join(sorted(set(each.references_by.elements.values())))
        yield f"id of {elements}, which {each.references_by.field} decides"
    if each.empty:
        yield f"{each.empty} means none"


def _default_notes(each: Field) -> Iterator[str]:
    value = each.default if each.initial is None else each.initial
    if value == NOW:
        yield "the present time when not sent"
    elif value not in {None, ""}:
        yield f"{_plain(value)} when not sent"


def _storing_notes(each: Field) -> Iterator[str]:
    if each.secret:
        yield "reads as empty"
    if each.cut:
        yield f"cut after {each.cut} characters"
    if not each.insert and not each.update:
        yield "not stored when sent"
    elif not each.insert:
        yield "not stored on insert"
    elif not each.update:
        yield "never changed by an update"


def _control_row(each: Control) -> tuple[str, ...]:
    return each.name, each.type.name, "" if each.initial is None else _plain(each.initial)


def _filter_row(each: Filter) -> tuple[str, ...]:
    return each.name, each.type.name, ", ".join(_filter_notes(each))


def _filter_notes(each: Filter) -> Iterator[str]:
    match = _named_text(each.match)
    yield f"{match} {each.column}" if each.column else match
    if each.none is not None:
        yield f"no filter when {each.none}"
    if each.default is not None:
        yield f"{_plain(each.default)} when not sent"


def _named_text(named: Named) -> str:
    arguments = [f"{name} {_plain(value)}" for name, value in named.arguments.items()]
    name = named.name.replace("_", " ")
    return f"{name} ({', '.join(arguments)})" if arguments else name


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return " and ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
