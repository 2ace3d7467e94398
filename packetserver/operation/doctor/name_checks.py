"""Whether every user and every role has a name of its own, and letters are told apart as they should."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, inspect

from packetserver.operation.doctor.findings import Check, Finding, ok, warning, wrong
from packetserver.store.folding import NO_LETTERS, folding_of
from packetserver.store.names import all_of, find_twins, how_to_part, is_held, name_columns
from packetserver.store.schema import Schema


def examine_names(connection: Connection, schema: Schema) -> Iterator[Finding]:
    """All of it; also of a database of an earlier version, or of the original."""
    if connection.dialect.name != "sqlite":
        yield _letters(connection)
    inspector = inspect(connection)
    there = [each for each in name_columns(schema.catalogue) if inspector.has_table(each.table)]
    twins = [found for each in there for found in find_twins(connection, each)]
    if twins:
        yield wrong(
            Check.NAMES,
            f"The same name, letter case and blanks around it left aside: {all_of(twins)}",
            "Give all but one of each another name: users by packetserver user rename, all by a"
            f" statement such as {how_to_part(twins[0])}. Then run packetserver init-db.",
        )
    elif not all(is_held(connection, each) for each in there):
        yield warning(
            Check.NAMES,
            "Each is one's alone, but the database does not keep it so",
            "Run packetserver init-db; for a database of the original, packetserver adopt.",
        )
    else:
        yield ok(Check.NAMES, "Every user and every role has a name of its own")


def _letters(connection: Connection) -> Finding:
    folding = folding_of(connection.dialect)
    if folding is None:
        sentence = NO_LETTERS.partition(":")
        return wrong(Check.LETTERS, _capital(sentence[0]), f"{_capital(sentence[2].strip())}.")
    by = f"the collation {folding.collation}" if folding.collation else "the database's locale"
    return ok(Check.LETTERS, f"Letter case is that of Unicode, by {by}")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
