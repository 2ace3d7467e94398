"""Reading and writing the records of the catalogue's objects."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, Select, select

from packetserver.catalogue.conditions import EVERY, Condition
from packetserver.catalogue.model import ObjectType
from packetserver.failures import Refused
from packetserver.store.chosen import parted
from packetserver.store.diagnosis import Attempt, refusals_explained
from packetserver.store.inserting import Result, numbered, store_row
from packetserver.store.judging import Judged, Judgements
from packetserver.store.lists import LIMIT, WHOLE, KeptList, Page, Selection, page_values
from packetserver.store.new_keys import counts_keys
from packetserver.store.plans import JustStored, Plan, Row
from packetserver.store.row_locks import Strength, TouchedRows
from packetserver.store.schema import Schema
from packetserver.store.sight import ALL_SEEING, Sight
from packetserver.store.streams import PAGE_OF_ROWS, Streams
from packetserver.store.waiting import WaitingRows, stored_together


class Rows:
    """The records of all objects, over one connection.

    Rows may wait to be stored with others. Nobody can tell: they are stored before their table is
    looked at, before the connection is used for anything else, and by `settle`, which has to be
    called in the end.
    """

    def __init__(
        self,
        schema: Schema,
        connection: Connection,
        parameters: Mapping[str, Any] | None = None,
        touched: TouchedRows | None = None,
        *,
        closely: bool = True,
    ) -> None:
        """``parameters`` are what statements leave open, such as the time of the reading.

        ``touched`` is told of the rows that are locked, changed or removed by equal columns, and
        ``closely`` is what a refused statement may cost beforehand (diagnosis.Attempt).
        """
        self.schema = schema
        self._connection = connection
        self._closely = closely
        self._waiting = WaitingRows()
        self._read_values: dict[str, dict[Hashable, Any]] = {}
        self._just_stored: JustStored | None = None
        self._touched = touched
        self.sight: Sight = ALL_SEEING
        """Which rows a refusal may tell of."""
        self.streams = Streams()
        self.parameters = dict(parameters or {})
        self.judgements = Judgements(schema, self.parameters, self._beside)

    def table(self, name: str) -> sqlalchemy.Table:
        """A table of the catalogue."""
        return self.schema.metadata.tables[name]

    @property
    def connection(self) -> Connection:
        """The connection, on which no row waits.

        Raises Refused for a row that waited, as all methods do which look at its table.
        """
        self.settle()
        self._read_values.clear()
        self.judgements.forget()
        self._just_stored = None
        return self._connection

    def insert_later(
        self, described: ObjectType, values: Mapping[str, Any], origin: object = None
    ) -> None:
        """Store a record whose key nobody needs, together with others like it.

        Raises Refused for a row that waited longer, with the ``origin`` that it was given.
        """
        table = described.table or ""
        if parted(values)[1]:
            self.insert_row(table, values)
            return
        if not self._waiting.takes(table, values):
            self.settle()
        self._waiting.add(table, values, origin)
        self._read_values.pop(table, None)
        self.judgements.forget(table)

    def settle(self) -> None:
        """Store the rows that wait.

        Raises Refused for the first that is refused; none after it is stored.
        """
        if self._waiting.table is None:
            return
        table, rows, origins = self._waiting.take()
        statement = self.schema.statements.insert(table, None)
        if len(rows) > 1 and stored_together(self._connection, statement, rows):
            return
        for row, origin in zip(rows, origins, strict=True):
            try:
                self.insert_row(table, row)
            except Refused as refusal:
                refusal.origin = origin
                raise

    def _beside(self, *tables: str) -> Connection:
        """The connection for a statement on tables; what waits for others may wait on."""
        return self.connection if self._waiting.table in tables else self._connection

    def _note(self, table: str, identity: Mapping[str, Any], strength: Strength) -> None:
        if self._touched is not None:
            self._touched.note(table, identity, strength)

    def _attempt(
        self,
        table: str,
        values: Mapping[str, Any],
        removing: Sequence[ColumnElement[bool]] = (),
        counted: tuple[str, ...] = (),
    ) -> Attempt:
        known = (self._closely, counted, self.sight, self.parameters)
        return Attempt(self.connection, self.schema, table, values, removing, *known)

    def _new_row(self, table: str, given: Mapping[str, Any], key: str | None) -> Attempt:
        """To store a row, whose key the database gives unless it is given already."""
        is_counted = key not in given and counts_keys(self.schema, table)
        return self._attempt(table, given, (), (table,) if is_counted else ())

    def insert(
        self, described: ObjectType, values: Mapping[str, Any], plan: Plan | None = None
    ) -> Any:
        """Store a record, given as column values; returns its key, None for a keyless object.

        ``plan`` is what will be read of it: where the statement can tell that too, `read` asks no
        more, unless the connection was used for something else meanwhile.
        """
        table = described.table or ""
        key = self.schema.catalogue.tables[table].key
        if plan is None or key is None or not plan.is_stored:
            return self.insert_row(table, values)
        given, chosen = parted(values)
        statement = self.schema.statements.insert_shown(table, key, plan, chosen)
        row = store_row(self._new_row(table, given, key), statement)
        self._just_stored = JustStored(plan, {key: row[-1]}, row)
        return row[-1]

    def insert_row(self, table: str, values: Mapping[str, Any]) -> Any:
        """Store a row of any table; returns its key. The database may choose values (store.chosen)."""
        key = self.schema.catalogue.tables[table].key
        given, chosen = parted(values)
        statement = self.schema.statements.insert(table, key, chosen)
        attempt = self._new_row(table, given, key)
        if key is not None:
            return store_row(attempt, statement)[-1]
        with refusals_explained(attempt):
            statement.change(attempt.connection, given)
        return None

    def numbered(
        self, tables: tuple[str, ...], carry_out: Callable[[Connection], Result]
    ) -> Result:
        """Carry out what stores rows whose keys the database gives. Raises Refused."""
        attempt = self._attempt(tables[0], {}, (), tables)
        return numbered(attempt, lambda: carry_out(attempt.connection))

    def update(
        self, described: ObjectType, identity: Mapping[str, Any], values: Mapping[str, Any]
    ) -> int:
        """Change the columns of the record that ``identity`` names; returns how many changed."""
        return self.update_rows(described.table or "", identity, values)

    def update_rows(
        self, table: str, identity: Mapping[str, Any], values: Mapping[str, Any]
    ) -> int:
        """Change rows of any table, chosen by equal columns; returns how many changed."""
        prepared = self.schema.statements.update(table, identity, values)
        self._note(table, identity, Strength.CHANGE)
        with refusals_explained(self._attempt(table, values)):
            return prepared.change(self.connection)

    def delete_rows(self, table: str, identity: Mapping[str, Any]) -> int:
        """Remove rows of any table, chosen by equal columns; returns how many went."""
        prepared = self.schema.statements.delete(table, identity)
        self._note(table, identity, Strength.REMOVAL)
        with refusals_explained(self._attempt(table, {}, _equal(self.table(table), identity))):
            return prepared.change(self.connection)

    def delete_belongings(self, table: str, identity: Mapping[str, Any]) -> None:
        """Remove the rows that go with rows of a table (schemas: `on_delete`).

        A database of the original does not do so by itself.
        """
        target, key = self.table(table), self.schema.catalogue.tables[table].key or ""
        self._delete_pointing_to(table, select(target.c[key]).where(*_equal(target, identity)))

    def _delete_pointing_to(self, table: str, keys: Select[Any]) -> None:
        for name, column in self.schema.belongings.get(table, ()):
            target, key = self.table(name), self.schema.catalogue.tables[name].key
            pointing = target.c[column].in_(keys)
            if key is not None:
                self._delete_pointing_to(name, select(target.c[key]).where(pointing))
            with refusals_explained(self._attempt(name, {}, [pointing])):
                self.connection.execute(sqlalchemy.delete(target).where(pointing))

    def stored(
        self, described: ObjectType, identity: Mapping[str, Any], *, lock: Strength | None = None
    ) -> dict[str, Any] | None:
        """The stored values of a record by field name, None when there is no such record.

        ``lock`` keeps others from changing it until this unit of work ends.
        """
        return self.judged(described, identity, EVERY, lock)[0]

    def judged(
        self,
        described: ObjectType,
        identity: Mapping[str, Any],
        condition: Condition,
        lock: Strength | None = None,
    ) -> Judged:
        """As `stored`, and whether a condition holds for it; both in one statement."""
        if lock is not None:
            self._note(described.table or "", identity, lock)
        return self.judgements.of_stored(self.connection, described, identity, condition, lock)

    def value(self, table: str, column: str, identity: Mapping[str, Any]) -> Any:
        """One column of the first row with equal columns; None when there is no such row.

        What was read is read again only once the connection was used for something else.
        """
        known = self._read_values.setdefault(table, {})
        question = (column, *identity.items())
        if question not in known:
            prepared = self.schema.statements.read(table, (column,), identity, limit=1)
            row = prepared.first(self._beside(table))
            found = None if row is None else row[0]
            # The table's answers may have been dropped meanwhile, with what waited for it.
            self._read_values.setdefault(table, {})[question] = found
            return found
        return known[question]

    def values(self, table: str, column: str, identity: Mapping[str, Any]) -> list[Any]:
        """One column of every row with equal columns."""
        prepared = self.schema.statements.read(table, (column,), identity)
        return [row[0] for row in prepared.rows(self._beside(table))]

    def exists(self, table: str, identity: Mapping[str, Any]) -> bool:
        """Whether a table has a row with equal columns."""
        prepared = self.schema.statements.exists(table, identity)
        return prepared.first(self._beside(table)) is not None

    def read(
        self,
        described: ObjectType,
        plan: Plan,
        identity: Mapping[str, Any],
        condition: Condition = EVERY,
    ) -> Row | None:
        """The planned columns of one record; behind them whether a ``condition`` holds for it."""
        known = None if condition != EVERY else self._just_stored
        if known is not None and known.plan is plan and known.identity == identity:
            return known.row
        prepared = self.schema.statements.planned(
            self.schema.scope(described), plan, condition, identity, self.parameters
        )
        return prepared.first(self.connection)

    def count(self, selection: Selection) -> int:
        """How many records a selection leaves."""
        counted = self.schema.lists.count(selection)
        return int(counted.value(self.connection, {**self.parameters, **selection.values}))

    def values_of(self, selection: Selection, column: str, most: int) -> list[tuple[Any, Any]]:
        """The keys of records that a selection leaves, each with a column; of so many at most."""
        statement = self.schema.lists.values(selection, column)
        values = {**self.parameters, **selection.values, LIMIT: most}
        return [(key, value) for key, value in statement.rows(self.connection, values)]

    def select(self, selection: Selection, plan: Plan, page: Page = WHOLE) -> Iterator[Row]:
        """The planned columns of the records that a selection leaves, or of a page of them.

        What a cursor would fetch first is read at once; only where there is more, one is opened.
        """
        kept = self.schema.lists.rows(selection, plan, page)
        values = {**self.parameters, **selection.values, **page_values(page)}
        rows = kept.at_once(self.connection, values, page)
        yield from self._streamed(kept, values) if rows is None else rows

    def _streamed(self, kept: KeptList, values: Mapping[str, Any]) -> Iterator[Row]:
        count = 0
        for row in self.streams.rows(self.connection, kept.whole(), values):
            count += 1
            yield row
        kept.is_long = count > PAGE_OF_ROWS

    def stream(self, statement: Select[Any]) -> Iterator[Row]:
        """The rows of a statement, fetched a page at a time while they are used.

        Whoever does not read them to the end calls `streams.end`.
        """
        yield from self.streams.rows(self.connection, statement, self.parameters)


def _equal(table: sqlalchemy.Table, identity: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in identity.items()]
