"""Statements that are compiled once and then handed to the driver as they are.

Most of what a small packet costs is not its statements but the way to them: SQLAlchemy looks for
the compiled text of a statement, and describes its result, each time anew. What goes with every
packet takes the short way. It is SQLAlchemy's own statement all the same, on its connection, within
its transaction, and it fails with SQLAlchemy's own errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar, cast

from sqlalchemy import Boolean, Connection, Delete, Insert, Select, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection

Row: TypeAlias = tuple[Any, ...]
Statement: TypeAlias = Select[Any] | Insert | Update | Delete
Convert: TypeAlias = Callable[[Any], Any]
Taken = TypeVar("Taken")

FORMS_KEPT = 2048
"""Which columns a record is stored with is a client's choice, so there may be ever new statements."""

DATABASES_KEPT = 4
"""A process has one database, and perhaps a replica of it."""

CURSORS = "packetserver_cursors"
"""Where a connection keeps a cursor for each text, which remembers how its values are sent."""

CURSOR_OPTIONS: Mapping[str, Mapping[str, Any]] = {"postgresql": {"binary": True}}
"""How cursors are made: numbers and times in PostgreSQL's own form are read faster than texts."""

CURSORS_KEPT = 100
ROWS_KEPT, LETTERS_KEPT = 10, 16 * 1024
"""A cursor keeps its last values and its last result; where they are more, it is not kept itself."""


class Direct:
    """A statement whose values alone differ; safe to use on many connections at once.

    One that ``stores_any`` is an insert which names the columns of the values that it is given.
    One that ``stands_alone`` is as good without a transaction, as a whole or not at all, where none
    has begun: what only reads, and locks nothing, or what is all that is written.
    """

    def __init__(
        self,
        statement: Statement | Callable[[], Statement],
        *,
        stores_any: bool = False,
        stands_alone: bool = False,
    ) -> None:
        """A ``statement`` that can be made anew is not kept: its text is a small part of its size."""
        self._statement = statement
        self._forms: dict[Dialect, _Form] = {}
        self._stores_any = stores_any
        self._stands_alone = stands_alone

    @property
    def statement(self) -> Statement:
        """The statement as SQLAlchemy has it."""
        return self._statement() if callable(self._statement) else self._statement

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[Row]:
        """Carry it out; all rows of its result. Raises DBAPIError, as all of these do."""
        form = self._form(connection.dialect, values)
        if form.is_different_each_time:
            return [tuple(row) for row in connection.execute(self.statement, values)]
        self._begin(connection)
        return carry_out(connection, form.text, form.parameters(values), form.rows)

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Row | None:
        """The first row of its result; None when there is none."""
        found = self.rows(connection, values)
        return found[0] if found else None

    def value(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The first column of the first row; None when there is none."""
        found = self.rows(connection, values)
        return found[0][0] if found else None

    def change(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Carry it out; how many rows it has changed."""
        form = self._form(connection.dialect, values)
        if form.is_different_each_time:
            return connection.execute(self.statement, values).rowcount
        self._begin(connection)
        return carry_out(connection, form.text, form.parameters(values), _count)

    def change_all(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Carry it out with each of the rows, which have the same columns."""
        dialect = connection.dialect
        if len(rows) == 1:
            self.change(connection, rows[0])
            return
        form = self._form(dialect, rows[0])
        # Many rows in one statement save more than the short way does.
        if form.is_different_each_time or dialect.use_insertmanyvalues_wo_returning:
            connection.execute(self.statement, rows)
            return
        parameters = [form.parameters(each) for each in rows]
        self._begin(connection)
        carry_out(connection, form.text, parameters, _count, dialect.do_executemany)

    def _begin(self, connection: Connection) -> None:
        if connection.in_transaction():
            return
        # In a file, what is read within one transaction is of one moment, and to begin costs nothing.
        if not self._stands_alone or connection.dialect.name == "sqlite":
            connection.begin()

    def _form(self, dialect: Dialect, values: Mapping[str, Any]) -> _Form:
        if self._stores_any:
            return _form_of(self, dialect, tuple(values))
        form = self._forms.get(dialect)
        if form is None:
            if len(self._forms) >= DATABASES_KEPT:
                self._forms.clear()
            form = self._forms[dialect] = _Form(self.statement, dialect, None)
        return form


class _Form:
    """A statement as one kind of database takes it."""

    def __init__(
        self, statement: Statement, dialect: Dialect, columns: tuple[str, ...] | None
    ) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        self.text = compiled.string
        self._dialect = dialect
        self._names = compiled.positiontup
        self._constants = {
            name: each.value for each, name in compiled.bind_names.items() if not each.required
        }
        self._senders = _conversions(
            (name, each.type.dialect_impl(dialect).bind_processor(dialect))
            for each, name in compiled.bind_names.items()
            # What Python calls true and false both drivers take as it is.
            if not isinstance(each.type, Boolean)
        )
        shown = () if isinstance(statement, Delete) else tuple(statement.exported_columns)
        self._types = tuple(each.type for each in shown)
        self._readers: dict[int, Convert] | None = None
        self.is_different_each_time = bool(
            compiled.post_compile_params
            or compiled.literal_execute_params
            or compiled.escaped_bind_names
            or compiled.insert_prefetch
            or compiled.update_prefetch
        )
        """Whether SQLAlchemy still has to do something to it whenever it is carried out."""

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """The values as the driver takes them; those that are not asked for are left out."""
        named = {**self._constants, **values} if self._constants else values
        if self._senders:
            named = dict(named)
            for name, convert in self._senders.items():
                named[name] = convert(named[name])
        return named if self._names is None else tuple([named[name] for name in self._names])

    def rows(self, cursor: Any) -> list[Row]:
        """The rows of a result, with values as they are meant."""
        found: list[Row] = cursor.fetchall()
        if self._readers is None:
            self._readers = self._reading(cursor.description)
        if not self._readers:
            return found
        converted: list[Row] = []
        for row in found:
            values = list(row)
            for place, convert in self._readers.items():
                values[place] = convert(values[place])
            converted.append(tuple(values))
        return converted

    def _reading(self, description: Sequence[Sequence[Any]]) -> dict[int, Convert]:
        """By place: how a value that the driver gives is read."""
        return _conversions(
            (place, each.dialect_impl(self._dialect).result_processor(self._dialect, told[1]))
            for place, (each, told) in enumerate(zip(self._types, description, strict=True))
        )


@lru_cache(maxsize=FORMS_KEPT)
def _form_of(direct: Direct, dialect: Dialect, columns: tuple[str, ...]) -> _Form:
    """A statement for a kind of database, which stores these columns."""
    return _Form(direct.statement, dialect, columns)


Key = TypeVar("Key")


def _conversions(found: Iterable[tuple[Key, Convert | None]]) -> dict[Key, Convert]:
    """Those that convert anything."""
    return {key: convert for key, convert in found if convert is not None}


def _count(cursor: Any) -> int:
    return int(cursor.rowcount)


def carry_out(
    connection: Connection,
    text: str,
    parameters: Any,
    take: Callable[[Any], Taken],
    how: Callable[..., None] | None = None,
) -> Taken:
    """Carry out a statement of the driver's, and take what its cursor tells; it begins nothing.

    ``how`` is the dialect's way to do so, where it is not the usual one. Raises DBAPIError.
    """
    dialect = connection.dialect
    try:
        cursor = kept_cursor(dialect, connection.connection, text)
        (how or dialect.do_execute)(cursor, text, parameters)
        taken = take(cursor)
    except dialect.loaded_dbapi.Error as error:
        raise _as_of_sqlalchemy(connection, text, error) from error
    if how is not None or cursor.rowcount > ROWS_KEPT or _is_long(parameters, taken):
        connection.info[CURSORS].pop(text, None)
    return taken


def _is_long(parameters: Any, taken: Any) -> bool:
    """Whether the texts that were sent, or those of few rows that were taken, are long."""
    sent = parameters.values() if isinstance(parameters, Mapping) else parameters
    rows = taken if isinstance(taken, list) else ()
    letters = sum([len(each) for each in sent if isinstance(each, str)])
    found = sum([len(each) for row in rows for each in row if isinstance(each, str)])
    return letters + found > LETTERS_KEPT


def kept_cursor(dialect: Dialect, connection: PoolProxiedConnection, text: str) -> Any:
    """The driver's cursor for a statement; a connection has one statement at work at a time."""
    kept: dict[str, Any] = connection.info.setdefault(CURSORS, {})
    cursor = kept.get(text)
    if cursor is None:
        cursor = connection.cursor(**CURSOR_OPTIONS.get(dialect.name, {}))
        if len(kept) >= CURSORS_KEPT:
            kept.clear()
        kept[text] = cursor
    return cursor


def _as_of_sqlalchemy(connection: Connection, text: str, error: Any) -> Exception:
    """An error of the driver as SQLAlchemy would raise it, and with what that does at one."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(error, connection.connection, None)
    leave_out_rows(error)
    if is_lost:
        connection.invalidate(error)
    found = DBAPIError.instance(
        text,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=dialect,
    )
    return cast("Exception", found)


def leave_out_rows(error: Any) -> bool:
    """Leave PostgreSQL's details out of an error: they show the whole row, with its secrets."""
    facts = getattr(error, "diag", None)
    if facts is None or not facts.message_detail:
        return False
    error.args = (facts.message_primary or "",)
    return True
