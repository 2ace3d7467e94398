"""Changing and removing records: what is given of them replaces what is stored, and the rest is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from packetserver.catalogue.model import NOW, Field, ObjectType
from packetserver.failures import Failure, Kind, Refused, unfit
from packetserver.records import effects
from packetserver.records.creating import column_value, create, force_to_user, stamp
from packetserver.records.permissions import demand_as_changed, demand_of_stored
from packetserver.records.references import check_references
from packetserver.records.rules import CHANGE, REQUIRED, validate
from packetserver.records.ways import DELETE, EDIT
from packetserver.records.writing import (
    Given,
    How,
    Identity,
    Seen,
    Writing,
    Written,
    identity_of,
)
from packetserver.store.belonging import Belongings
from packetserver.store.files import VERSIONS, release
from packetserver.store.plans import Plan
from packetserver.store.row_locks import Strength, take_turn_for
from packetserver.store.rows import Rows
from packetserver.sync.guids import element_id

if TYPE_CHECKING:
    from packetserver.records.records import Records

TICK = timedelta(milliseconds=1)


def change(
    records: Records,
    described: ObjectType,
    key: Any,
    given: Given,
    how: How,
    seen: Seen | None = None,
) -> Written:
    """See Records.change."""
    if described.table is None:
        reason = f"{described.element} cannot be changed"
        raise Refused(Failure(Kind.UNSUPPORTED, described.element, reason=reason))
    given.check(described)
    identity = identity_of(described, key)
    stored = demand_of_stored(
        records, described, EDIT, identity, given.values, lock=Strength.CHANGE
    )
    if stored is None:
        raise Refused(Failure(Kind.MISSING, described.element, key, reason="there is none"))
    before = last_change(records.rows, described, identity)
    if seen is not None and change_column(described) is not None and not seen(before):
        facts = {"changed": before}
        reason = "it was changed meanwhile"
        raise Refused(Failure(Kind.CONFLICT, described.element, key, reason=reason, facts=facts))
    writing = Writing(records, described, given, stored, how)
    _change(writing, identity, before)
    key_value = next(iter(identity.values()))
    return Written(described, identity, key_value, before=before, stored=stored)


def put(
    records: Records, described: ObjectType, by: Mapping[str, Any], given: Given, how: How
) -> Written:
    """See Records.put."""
    table, key = described.table, described.key
    fields = [(described.field(name), value) for name, value in by.items()]
    columns = {each.column or "": value for each, value in fields if each is not None}
    if table is None or key is None or len(columns) < len(fields) or not fields:
        reason = f"{described.element} cannot be put"
        raise Refused(Failure(Kind.UNSUPPORTED, described.element, reason=reason))
    take_turn_for(records.rows.connection, table, columns)
    trashed = described.trashed_column
    present = columns if trashed is None else {**columns, trashed: None}
    found = records.rows.value(table, key.column or "", present)
    if found is not None:
        return change(records, described, found, given, how)
    given.values.update(by)
    return create(records, described, given, how)


def remove(
    records: Records, described: ObjectType, key: Any, given: Given, show: Plan | None
) -> Written:
    """See Records.remove."""
    if described.table is None:
        reason = f"{described.element} cannot be removed"
        raise Refused(Failure(Kind.UNSUPPORTED, described.element, reason=reason))
    identity = identity_of(described, key)
    strength = removal_strength(described)
    stored = demand_of_stored(records, described, DELETE, identity, given.values, lock=strength)
    if stored is None or _is_trashed(described, stored):
        return Written(described, identity)
    before = None if show is None else records.rows.read(described, show, identity)
    writing = Writing(records, described, given, stored)
    if not effects.instead_of_delete(writing, identity):
        _remove(records, described, identity, stored)
    # A record that is only trashed, or disabled, is shown as it is now.
    row = None if show is None else records.rows.read(described, show, identity) or before
    return Written(described, identity, next(iter(identity.values())), stored=stored, row=row)


def removal_strength(described: ObjectType) -> Strength:
    """How a record is locked that is to be removed; one that is only trashed stays."""
    return Strength.REMOVAL if described.trashed_column is None else Strength.CHANGE


def last_change(rows: Rows, described: ObjectType, identity: Identity) -> datetime | None:
    """When a stored record last changed; None when it does not say."""
    column = change_column(described)
    found = rows.value(described.table or "", column, identity) if column else None
    return found if isinstance(found, datetime) else None


def change_column(described: ObjectType) -> str | None:
    """The column that says when a record last changed, whether or not a field shows it."""
    modified = described.modified
    return described.sync_updated or (None if modified is None else modified.column)


def _change(writing: Writing, identity: Identity, before: datetime | None) -> None:
    """Store the change of a record that is there and locked."""
    records, described, given = writing.records, writing.object, writing.given
    if writing.how.forced:
        force_to_user(records, described, given, is_new=False)
    effects.before_update(writing)
    demand_as_changed(writing)
    validate(writing)
    stamp(records, described, given, CHANGE)
    values = _columns(writing)
    check_references(records, described, values, writing.stored)
    changed = change_column(described)
    if changed is not None:
        now = writing.now()
        # Always later than before: two changes in one millisecond are two.
        values[changed] = now if before is None else max(now, before + TICK)
    if values:
        records.rows.update(described, identity, values)
    trashed = described.trashed_column
    if trashed in values:
        before_it = None if writing.stored is None else writing.stored["trashedDate"]
        _follow_trashed(records, described, identity, before_it, values[trashed])
    effects.after_update(writing, identity)


def _columns(writing: Writing) -> dict[str, Any]:
    """Column values of the change: what is given, emptied where it is given empty."""
    values: dict[str, Any] = {}
    for field in _given_fields(writing):
        value = writing.given.values[field.name]
        if field.secret is not None and value is None:
            # It reads as empty, so whoever sends back what he read does not mean to clear it.
            continue
        if value is None and not field.nullable:
            value = _cleared(field)
        values[field.column or ""] = column_value(field, value)
    return values


def _given_fields(writing: Writing) -> Iterator[Field]:
    described, given = writing.object, writing.given.values
    for field in described.stored_fields:
        is_meant = field.update and not field.key and field is not described.modified
        if is_meant and field.name in given:
            yield field


def _cleared(field: Field) -> Any:
    """What a column that may not be empty has once it is cleared."""
    if field.initial is not None:
        return field.initial
    if field.default is not None and field.default != NOW:
        return field.default
    if field.type.name == "text":
        return ""
    raise unfit(field.name, REQUIRED)


def _is_trashed(described: ObjectType, stored: Mapping[str, Any]) -> bool:
    return described.trashed_column is not None and stored["trashedDate"] is not None


def _remove(
    records: Records, described: ObjectType, identity: Identity, stored: Mapping[str, Any]
) -> None:
    if described.trashed_column is None:
        if VERSIONS in remove_row(records.rows, described.table or "", identity):
            records.work.after_commit(records.preferences.library.remove_released)
        return
    now = records.now()
    values = {described.trashed_column: now}
    if described.modified is not None:
        values[described.modified.column or ""] = max(now, stored["modified"] or now)
    records.rows.update(described, identity, values)
    _follow_trashed(records, described, identity, None, now)


def _follow_trashed(
    records: Records,
    described: ObjectType,
    identity: Identity,
    before: datetime | None,
    after: datetime | None,
) -> None:
    """Trash or restore what belongs to a record, whatever one may do to each part of it."""
    if (before is None) == (after is None):
        return
    key, rows = next(iter(identity.values())), records.rows

    def number(element: str) -> int:
        return element_id(rows.connection, rows.schema.metadata, element)

    belongings = Belongings(rows, described, key, number)
    if after is not None:
        belongings.trash(after, records.now())
    else:
        belongings.restore(records.now())


def remove_row(rows: Rows, table: str, identity: Identity) -> set[str]:
    """Remove rows with all that belongs to them, and to that in turn (schemas: `removes`).

    Returns the tables that rows were removed from.
    """
    catalogue = rows.schema.catalogue
    key = catalogue.tables[table].key
    tables = {table}
    children = {
        pair for each in catalogue.objects.values() if each.table == table for pair in each.removes
    }
    if children and key is not None:
        for value in rows.values(table, key, identity):
            for child, column in sorted(children):
                tables |= remove_row(rows, child, {column: value})
    if table == VERSIONS:
        release(rows.connection, rows.values(table, key or "", identity))
    if key is not None:
        rows.delete_belongings(table, identity)
    rows.delete_rows(table, identity)
    return tables
