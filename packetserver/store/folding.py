"""When two texts differ in letter case alone, as both databases tell it (packetserver.letters).

Case is that of Unicode, whatever the locale of a database is (docs/operation.md).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import ColumnElement, String
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from packetserver.letters import BLANKS, FINAL_SIGMA, SIGMA, fold_case, fold_name

DOTTED, SMALL_DOTTED = "İ", "i\u0307"
COLLATIONS = ("und-x-icu", "pg_unicode_fast", "pg_c_utf8", "C.utf8", "C.UTF-8")
"""Collations of PostgreSQL that know Unicode's letters; each installation has some of them."""

KNOWING_DOTTED = frozenset(COLLATIONS[:2])
"""Those whose small İ has its dot; to the others it is an i."""

AVAILABLE = (
    "SELECT collname FROM pg_collation WHERE collnamespace = 'pg_catalog'::regnamespace"
    " AND collencoding IN (-1, pg_char_to_encoding('UTF8')) AND collname = ANY(%s)"
    " AND pg_char_to_encoding(getdatabaseencoding()) = pg_char_to_encoding('UTF8')"
)
NO_LETTERS = (
    "the database tells apart by letter case what is the same, beyond a to z: make it anew with"
    " ENCODING 'UTF8', on a PostgreSQL that was built with ICU or is of version 17 or later, or with"
    " a locale such as C.UTF-8"
)
"""What there is to say of a database that cannot fold."""

KNOWS_LETTERS = "SELECT lower('ÄЖ') = 'äж'"


class folded(FunctionElement[str]):  # noqa: N801 - reads as the SQL function that it is
    """`fold_case` of a text, by the database."""

    type = String()
    name = "folded"
    inherit_cache = True


class folded_name(FunctionElement[str]):  # noqa: N801 - reads as the SQL function that it is
    """`fold_name` of a text, by the database."""

    type = String()
    name = "folded_name"
    inherit_cache = True


def same_name(column: ColumnElement[Any], name: Any) -> ColumnElement[bool]:
    """Whether a column holds a name, in any letter case and with any blanks around it."""
    same: ColumnElement[bool] = folded_name(column) == folded_name(name)
    return same


@dataclass(frozen=True, slots=True)
class Folding:
    """How a PostgreSQL database comes to know letters: by a collation, or by its own locale."""

    collation: str | None

    def expression(self, text: str) -> str:
        """`fold_case` of an expression of SQL."""
        if self.collation in KNOWING_DOTTED:
            small = f'lower({text} COLLATE "{self.collation}")'
        else:
            collation = f' COLLATE "{self.collation}"' if self.collation else ""
            small = f"lower(replace({text}, '{DOTTED}', '{SMALL_DOTTED}'){collation})"
        return f"replace({small}, '{FINAL_SIGMA}', '{SIGMA}')"


_FOLDINGS: WeakKeyDictionary[Dialect, Folding] = WeakKeyDictionary()
"""Of the databases that this process is connected to; one that cannot fold has none."""

_ESCAPED: Mapping[int, str] = {
    **{ord(each): f"\\u{ord(each):04x}" for each in BLANKS},
    ord(" "): " ",
}


def learn_folding(dialect: Dialect, connection: psycopg.Connection[Any]) -> None:
    """Find out how the PostgreSQL database of a new connection folds letters."""
    there = {row[0] for row in connection.execute(AVAILABLE, (list(COLLATIONS),)).fetchall()}
    collation = next((each for each in COLLATIONS if each in there), None)
    if collation is not None or _knows_letters(connection):
        _FOLDINGS[dialect] = Folding(collation)


def _knows_letters(connection: psycopg.Connection[Any]) -> bool:
    """Whether the locale of the database itself knows the letters of Unicode."""
    row = connection.execute("SELECT getdatabaseencoding()").fetchone()
    if row is None or row[0] != "UTF8":
        return False
    row = connection.execute(KNOWS_LETTERS).fetchone()
    return row is not None and bool(row[0])


def folding_of(dialect: Dialect) -> Folding | None:
    """How a PostgreSQL database folds letters; None when it knows those of ASCII alone."""
    return _FOLDINGS.get(dialect)


def folds_letters(dialect: Dialect) -> bool:
    """Whether a database folds all letters of Unicode: SQLite does, by functions of ours."""
    return dialect.name == "sqlite" or dialect in _FOLDINGS


def define_functions(connection: sqlite3.Connection) -> None:
    """Give a connection of SQLite the two functions."""
    for name, function in (("folded", fold_case), ("folded_name", fold_name)):
        connection.create_function(name, 1, _of_texts(function), deterministic=True)


def _of_texts(function: Any) -> Any:
    return lambda value: function(value) if isinstance(value, str) else value


@compiles(folded, "sqlite")
@compiles(folded_name, "sqlite")
def _in_file(element: folded | folded_name, compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.name}({compiler.process(element.clauses, **options)})"


@compiles(folded, "postgresql")
def _in_server(element: folded, compiler: SQLCompiler, **options: Any) -> str:
    return _folded_by(compiler.dialect, compiler.process(element.clauses, **options))


@compiles(folded_name, "postgresql")
def _name_in_server(element: folded_name, compiler: SQLCompiler, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    # A database that cannot fold may not even have these characters.
    is_ascii = folding_of(compiler.dialect) is None
    blanks = "" if is_ascii else f", E'{BLANKS.translate(_ESCAPED)}'"
    return _folded_by(compiler.dialect, f"btrim({text}{blanks})")


def _folded_by(dialect: Dialect, text: str) -> str:
    folding = folding_of(dialect)
    return f"lower({text})" if folding is None else folding.expression(text)
