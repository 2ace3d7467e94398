"""The records of all objects, for one principal and in one unit of work: what protocols work with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from packetserver.catalogue.conditions import EVERY, Condition
from packetserver.catalogue.model import ObjectType
from packetserver.failures import Failure, Kind, Refused
from packetserver.records import additions, changing, creating, reading
from packetserver.records.preferences import Preferences
from packetserver.records.rights import Held, Rights
from packetserver.records.writing import ALL, Given, How, Seen, Written
from packetserver.security.principal import Principal
from packetserver.store.lists import WHOLE, Page, Selection
from packetserver.store.parameters import CLIENT, NO_CLIENT, PRESENT, READER
from packetserver.store.plans import Asked, Plan, Row
from packetserver.store.row_locks import TouchedRows
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema
from packetserver.store.unit_of_work import UnitOfWork


@dataclass(slots=True)
class Records:
    """Creates, changes, removes and reads records of any object, with rights, rules and effects.

    Whatever cannot be done raises Refused, and what was done before it in the same part of the unit
    of work has to be undone with it. ``touched`` notes what is locked and changed, ``closely`` is
    what a refused statement may cost beforehand (store.diagnosis), ``permitted`` what is known of
    the principal's rights already. New records may wait for their like, until `settle`.
    """

    work: UnitOfWork
    schema: Schema
    principal: Principal
    preferences: Preferences
    touched: TouchedRows | None = None
    closely: bool = False
    permitted: dict[str, frozenset[str]] = field(default_factory=dict)
    rows: Rows = field(init=False)
    rights: Rights = field(init=False)

    def __post_init__(self) -> None:
        """What is asked on behalf of the principal, and what he may."""
        client_id = self.principal.client_id
        parameters = {
            PRESENT: self.preferences.now(),
            READER: self.principal.user_id,
            CLIENT: NO_CLIENT if client_id is None else client_id,
        }
        self.rows = Rows(
            self.schema, self.work.connection, parameters, self.touched, closely=self.closely
        )
        held = Held(self.rows, self.principal, self.permitted)
        self.rights = Rights(self.schema, self.principal, self.preferences.policy, held)
        self.rows.sight = self.rights

    @property
    def present(self) -> datetime:
        """The present as it was when this was made, which is what statements are told."""
        found: datetime = self.rows.parameters[PRESENT]
        return found

    def now(self) -> datetime:
        """The present, see Preferences.now."""
        return self.preferences.now()

    def object(self, element: str) -> ObjectType:
        """An object of the catalogue. Raises Refused (UNKNOWN) when there is none of that name."""
        found = self.schema.catalogue.objects.get(element)
        if found is None:
            raise Refused(Failure(Kind.UNKNOWN, element, reason=f"there is no object {element}"))
        return found

    def plan(self, element: str, asked: Sequence[Asked]) -> Plan:
        """How what is asked of an object's records is read, as far as it tells of what may be seen.

        Fields are asked for by name, `a.b` is a stored field of the record that `a` names, and a
        `ClientId` (store.plans) what the client calls one. Raises Refused (UNKNOWN) for what cannot
        be read.
        """
        return self.rights.plan(element, tuple(asked))

    def opens(self, element: str, verb: str) -> Condition:
        """To which records of an object the principal may do this: EVERY, NOTHING or some."""
        return self.rights.opens(element, verb)

    def create(
        self, element: str, given: Given, how: How = ALL, show: Plan | None = None
    ) -> Written:
        """Store a new record with its effects; ``show`` is what will be read of it at once."""
        return creating.create(self, self.object(element), given, how, show)

    def change(
        self, element: str, key: Any, given: Given, how: How = ALL, seen: Seen | None = None
    ) -> Written:
        """Change what is given of a record, and keep the rest.

        Raises Refused: MISSING when there is no such record, CONFLICT when its last change is not
        one that the caller has ``seen``.
        """
        return changing.change(self, self.object(element), key, given, how, seen)

    def remove(
        self, element: str, key: Any, given: Given | None = None, show: Plan | None = None
    ) -> Written:
        """Trash or remove a record, with what belongs to it; what is not there has gone already.

        ``given`` are values that say which record it would be, where there is none.
        """
        return changing.remove(self, self.object(element), key, given or Given(), show)

    def add(self, addition: str, element: str, key: Any, given: Given, how: How = ALL) -> Written:
        """Add something to a record that is there, by a named addition of the catalogue."""
        return additions.add(self, addition, self.object(element), key, given, how)

    def retrieve(
        self, element: str, key: Any, show: Plan, given: Mapping[str, Any] | None = None
    ) -> Row | None:
        """The planned columns of one record, None when there is none.

        Raises Refused (DENIED) when it may not be seen.
        """
        return reading.retrieve(self, self.object(element), key, show, given or {})

    def put(self, element: str, by: Mapping[str, Any], given: Given, how: How = ALL) -> Written:
        """The record that has these values alone: it is changed, or else created with them, too.

        However many do so at once, there is one such record; also where it may not be seen, and
        then cannot be changed either.
        """
        return changing.put(self, self.object(element), by, given, how)

    def selection(
        self, element: str, where: Condition = EVERY, order: Sequence[str] = ()
    ) -> Selection:
        """The records for which a condition holds, as far as the principal may see them.

        Fields are those of the object, also `a.b` through a reference; in the order a `-` before
        one descends, and the key ends all ties. Raises Refused: DENIED when none may be seen,
        UNKNOWN for a field that is not there, NOT_READABLE for one that tells of what is hidden.
        """
        return reading.selection(self, self.object(element), where, order)

    def find(
        self,
        element: str,
        show: Plan,
        where: Condition = EVERY,
        order: Sequence[str] = (),
        page: Page = WHOLE,
    ) -> Iterator[Row]:
        """The planned columns of a selection's records, streamed; close it before its end, or read on."""
        return self.rows.select(self.selection(element, where, order), show, page)

    def count(self, element: str, where: Condition = EVERY) -> int:
        """How many records a selection has."""
        return self.rows.count(self.selection(element, where))

    def settle(self) -> None:
        """Store what waits; raises Refused for the first that cannot be stored."""
        self.rows.settle()
