"""Creating records: permitted, completed, held to their rules, and stored with all that belongs to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from packetserver.catalogue.model import NOW, USER_CODE, Field, ObjectType
from packetserver.failures import Failure, Kind, Refused, unfit
from packetserver.records import effects
from packetserver.records.permissions import demand, demand_any, denied
from packetserver.records.references import check_references
from packetserver.records.rules import CREATION, REQUIRED, validate
from packetserver.records.ways import ADD
from packetserver.records.writing import Given, How, Identity, Writing, Written, identity_of
from packetserver.security.secrets import hash_secret, user_code
from packetserver.store.guid_columns import is_mappable, map_element
from packetserver.store.new_keys import LARGEST_CHOSEN, TOO_LARGE
from packetserver.store.plans import Plan
from packetserver.store.schema import Schema
from packetserver.sync.packet_log import note_arrival

if TYPE_CHECKING:
    from packetserver.records.records import Records

CLIENT_ELEMENT = "syncClient"
OBJECTS_KEPT = 1024


def create(
    records: Records, described: ObjectType, given: Given, how: How, show: Plan | None = None
) -> Written:
    """See Records.create."""
    demand_creation(records, described)
    given.check(described)
    if how.forced:
        force_to_user(records, described, given, is_new=True)
    writing = Writing(records, described, given, None, how)
    effects.before_insert(writing)
    demand(records, described, ADD, writing.value)
    validate(writing)
    stamp(records, described, given, CREATION)
    values = _columns(writing)
    check_references(records, described, values)
    if how.later and _may_wait(writing):
        _store_later(writing, values)
        return Written(described, {}, waits=True)
    return _store(writing, values, show)


def demand_creation(records: Records, described: ObjectType) -> None:
    """Raises Refused where nobody, or not this principal, creates records of an object."""
    if described.table is None:
        reason = f"{described.element} cannot be created"
        raise Refused(Failure(Kind.UNSUPPORTED, described.element, reason=reason))
    # A setting keeps users and their clients from making clients.
    preferences, principal = records.preferences, records.principal
    may_register = preferences.allow_client_registration or principal.unrestricted
    if described.element == CLIENT_ELEMENT and not may_register:
        raise denied(described, ADD)
    demand_any(records, described, ADD)


def force_to_user(records: Records, described: ObjectType, given: Given, *, is_new: bool) -> None:
    """Set the fields that the object forces to the user who asks, whatever is given."""
    if not records.principal.acts_as_user:
        return
    user = records.principal.user_id
    for name in described.forced_to_user:
        found = described.field(name)
        if found is not None and (is_new or found.update):
            if given.values.get(found.name) not in {None, user}:
                given.dropped.append((found.name, "it is always the user who asks"))
            given.values[found.name] = user


def stamp(records: Records, described: ObjectType, given: Given, names: tuple[str, ...]) -> None:
    """Name the principal in some fields where nobody else is named."""
    for name in names:
        found = described.field(name)
        if found is not None and found.column is not None and given.values.get(found.name) is None:
            given.values[found.name] = records.principal.entered_by


def column_value(field: Field, value: Any) -> Any:
    """The value that a column gets; a secret is stored as a salted slow hash of itself.

    Raises Refused for a user's code that is none: nobody could log in with it.
    """
    if field.secret is None or not isinstance(value, str):
        return value
    if field.secret == USER_CODE:
        code = user_code(value)
        if code is None:
            raise unfit(field.name, "not an MD5 in 32 hex digits")
        return hash_secret(code)
    return hash_secret(value)


def _store(writing: Writing, values: dict[str, Any], show: Plan | None) -> Written:
    """Store a record with all that belongs to it."""
    described, rows = writing.object, writing.rows
    key = rows.insert(described, _without_empty(writing, values), show)
    named = key if described.key is not None else writing.given.values
    identity = identity_of(described, named)
    effects.after_insert(writing, key)
    if _is_late(writing):
        # Clients look for new records where they stopped looking, and must get it all the same.
        note_arrival(rows, map_element(described), key, writing.now())
    shown_by = None if show is None else _singled_out(writing, values)
    return Written(described, identity, key, shown_by)


def _without_empty(writing: Writing, values: dict[str, Any]) -> dict[str, Any]:
    """The values that a statement must name: most columns of most new records stay empty."""
    empty = new_row(writing.rows.schema, writing.object.element).empty
    return {name: each for name, each in values.items() if each is not None or name not in empty}


def _singled_out(writing: Writing, values: dict[str, Any]) -> Identity | None:
    """What no other record answers to: one without a key may share its identity with others."""
    described = writing.object
    # A column of the original's may have rounded a value, and then is not equal to it.
    if described.key is None and writing.rows.exists(described.table or "", values):
        return values
    return None


def _may_wait(writing: Writing) -> bool:
    """Whether nobody needs the record's key, so that it may be stored together with others."""
    described = writing.object
    return (
        not described.key_may_be_sent
        and not effects.has_after_insert(described)
        and not _is_late(writing)
    )


def _store_later(writing: Writing, values: dict[str, Any]) -> None:
    rows = writing.rows
    own = new_row(rows.schema, writing.object.element).own
    if any(values.get(column) is not None for column in own):
        # It must not find a record that is only stored after it.
        rows.settle()
        rows.insert(writing.object, values)
    else:
        rows.insert_later(writing.object, values, origin=writing.how.origin)


def _is_late(writing: Writing) -> bool:
    """Whether it was entered before now, as its sender says, and sync clients have it."""
    described = writing.object
    if described.sync_inserted is None or not is_mappable(described):
        return False
    field = described.stored_in(described.sync_inserted)
    entered = None if field is None else writing.given.values.get(field.name)
    return isinstance(entered, datetime) and entered < writing.now()


def _columns(writing: Writing) -> dict[str, Any]:
    """Column values of a new record: what is given, and the defaults of the rest.

    Raises Refused for a column that may not be empty and has no value.
    """
    described, given = writing.object, writing.given.values
    row, now = new_row(writing.rows.schema, described.element), writing.now()
    values = {**row.columns, **dict.fromkeys(row.times, now)}
    if row.dates:
        values.update(dict.fromkeys(row.dates, now.date()))
    for name, value in given.items():
        field = row.taken.get(name)
        if field is not None and value is not None:
            values[field.column or ""] = value
    values.update(_chosen_key(described, writing.given))
    for field in row.checked:
        column = field.column or ""
        if values[column] is None and not field.nullable:
            raise unfit(field.name, REQUIRED)
        values[column] = column_value(field, values[column])
    return values


def _chosen_key(described: ObjectType, given: Given) -> Mapping[str, int]:
    """The key that is chosen, by its column, where one may be.

    Raises Refused for one that leaves too few for later records.
    """
    key = described.key
    if key is None or not described.key_may_be_sent or not counts_itself(key):
        return {}
    chosen = given.values.get(key.name)
    if not isinstance(chosen, int) or chosen < 0:
        return {}
    if chosen > LARGEST_CHOSEN:
        raise unfit(given.called(key.name), TOO_LARGE, Kind.LIMIT)
    return {key.column or "": chosen}


@dataclass(frozen=True, slots=True)
class NewRow:
    """The row that an object's new record has before anything is given.

    ``columns`` are the defaults, where None stands for none, without a key that counts itself;
    ``times`` and ``dates`` are the columns that have the present instead. ``taken`` are the fields
    that may be given, by name; ``checked`` those that may not be empty or that are secret, in the
    catalogue's order; ``own`` the columns that refer to the object's own table; ``empty`` those
    that stay empty when a statement does not name them.
    """

    columns: Mapping[str, Any]
    times: tuple[str, ...]
    dates: tuple[str, ...]
    taken: Mapping[str, Field]
    checked: tuple[Field, ...]
    own: tuple[str, ...]
    empty: frozenset[str]


@lru_cache(maxsize=OBJECTS_KEPT)
def new_row(schema: Schema, element: str) -> NewRow:
    """The row of a new record of an object that has a table; worked out once."""
    described = schema.catalogue.objects[element]
    table = schema.catalogue.tables[described.table or ""].columns
    fields = [each for each in described.stored_fields if not counts_itself(each)]
    covered = {each.column for each in fields}
    # Times that no field covers are this server's too: syncs go by them.
    beside = [each.name for each in table.values() if each.default == NOW]
    present = [each for each in fields if each.initial is None and each.default == NOW]
    return NewRow(
        columns={each.column or "": _constant(each) for each in fields},
        times=(
            *(each.column or "" for each in present if each.type.name != "date"),
            *(name for name in beside if name not in covered),
        ),
        dates=tuple(each.column or "" for each in present if each.type.name == "date"),
        taken={each.name: each for each in fields if each.insert},
        checked=tuple(each for each in fields if not each.nullable or each.secret is not None),
        own=tuple(each.name for each in table.values() if each.references == described.table),
        empty=frozenset(each.name for each in table.values() if each.default is None),
    )


def counts_itself(field: Field) -> bool:
    """Whether a field is a key that the database gives, unless it may be chosen."""
    return field.key and field.type.name == "integer"


def _constant(field: Field) -> Any:
    if field.initial is not None:
        return field.initial
    return None if field.default == NOW else field.default
