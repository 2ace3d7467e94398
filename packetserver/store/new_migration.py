"""Writes the migration that brings a database of the newest version to what the catalogue says.

For those who change the catalogue, in a clone: docs/catalogue.md, Fields and migrations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Column, Connection, Integer, MetaData

from packetserver.errors import ProvisionError
from packetserver.store.names import NAME_INDEX
from packetserver.store.setup import configuration

DIGITS = 4
WORD = re.compile(r"[a-z0-9]+")


def differences(connection: Connection, metadata: MetaData) -> list[Any]:
    """What a database lacks, or has otherwise, as alembic's operations name it; mostly nothing."""
    options = {"include_object": is_compared}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def is_compared(thing: Any, name: str | None, kind: str, *_: Any) -> bool:
    """Whether alembic is to compare something: not the indexes of names, which it cannot read."""
    return kind != "index" or not str(name).endswith(NAME_INDEX)


def write_migration(connection: Connection, metadata: MetaData, title: str) -> Path | None:
    """Write the next migration, for a database that has all earlier ones; None if it needs none.

    Raises ProvisionError for a title without a letter or digit, or a database of another version.
    """
    slug = "_".join(WORD.findall(title.lower()))
    if not slug:
        raise ProvisionError("a migration needs a title, such as: the fax of an account")
    if not differences(connection, metadata):
        return None
    settings = configuration(connection)
    settings.attributes |= {"metadata": metadata, "rewrite": _rewrite, "compares": is_compared}
    newest = ScriptDirectory.from_config(settings).get_current_head() or "0"
    number = f"{int(newest) + 1:0{DIGITS}}"
    sentence = title[0].upper() + title[1:].rstrip(".") + "."
    try:
        script = command.revision(settings, sentence, autogenerate=True, rev_id=number)
    except CommandError as error:
        raise ProvisionError(f"no migration can be written: {error}") from error
    # Alembic would name the file after the whole sentence.
    (written,) = script if isinstance(script, list) else [script]
    path = Path(str(written.path if written is not None else ""))
    return path.rename(path.with_name(f"{number}_{slug}.py"))


class AddReference(ops.AddColumnOp):
    """A new column that points to a record; SQLite can add it only together with its constraint."""


@renderers.dispatch_for(AddReference)
def _render_reference(_context: AutogenContext, operation: AddReference) -> list[str]:
    column = operation.column
    (key,) = column.foreign_keys
    reference = f"sa.ForeignKey({key.target_fullname!r}, ondelete={key.ondelete!r})"
    made = f"sa.Column({column.name!r}, sa.Integer(), {reference})"
    return [f"op.add_column({operation.table_name!r}, {made}, inline_references=True)"]


def _rewrite(
    _context: MigrationContext, _revision: Any, directives: list[ops.MigrationScript]
) -> None:
    for script in directives:
        upgrade = script.upgrade_ops
        if upgrade is not None:
            upgrade.ops = list(_with_inline_references(upgrade.ops))


def _with_inline_references(
    operations: Sequence[ops.MigrateOperation],
) -> Iterator[ops.MigrateOperation]:
    for each in operations:
        if isinstance(each, ops.ModifyTableOps):
            each.ops = list(_joined(each.ops))
        yield each


def _joined(operations: Sequence[ops.MigrateOperation]) -> Iterator[ops.MigrateOperation]:
    """Columns with their constraints, and what else there is in its order."""
    added = {
        each.column.name: each.column for each in operations if isinstance(each, ops.AddColumnOp)
    }
    for each in operations:
        if isinstance(each, ops.AddColumnOp) and _is_reference(each.column):
            yield AddReference(each.table_name, each.column)
        elif not (isinstance(each, ops.CreateForeignKeyOp) and each.local_cols[0] in added):
            yield each


def _is_reference(column: Column[Any]) -> bool:
    return len(column.foreign_keys) == 1 and isinstance(column.type, Integer)
