"""`adopt`: lets this server serve a database that the original made and used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import click

from packetserver.adoption import Adoption, adopt_database, require_postgresql
from packetserver.adoption.additions import Additions
from packetserver.adoption.differences import Finding, Weight, WireNames, by_topic
from packetserver.cli.program import aligned, current_settings, examples
from packetserver.cli.settings import shown_url
from packetserver.records.opening import load_schema, open_database, preferences_of

INDENT = "  "


@click.command(
    epilog=examples(
        "packetserver adopt --dry-run",
        "PACKETSERVER_DATABASE_URL=postgresql://crm@localhost/crm packetserver adopt",
    ),
)
@click.option("--dry-run", is_flag=True, help="Only report; the database is opened for reading.")
def adopt(*, dry_run: bool) -> None:
    """Adopt a PostgreSQL database that the original server made and used.

    The database is the one of PACKETSERVER_DATABASE_URL. What it lacks of this server's tables,
    columns and indexes is added; everything that is there stays as it is, every row included. All
    of it happens, or nothing. What differs from the catalogue is reported, with what it means for
    clients. To do it again is safe.
    """
    settings = current_settings()
    require_postgresql(settings.database_url)
    schema = load_schema()
    database, complete = open_database(settings, schema)
    try:
        now = preferences_of(complete).now()
        adoption = adopt_database(database, schema, now, dry_run=dry_run)
    finally:
        database.close()
    url, names = shown_url(settings.database_url), WireNames(schema.catalogue)
    of_all = f"{adoption.tables} of the {len(schema.catalogue.tables)} tables of the catalogue"
    click.echo(f"The database {url} has {of_all}.")
    for line in report(adoption, names, dry_run=dry_run):
        click.echo(line)


def report(adoption: Adoption, names: WireNames, *, dry_run: bool) -> Iterator[str]:
    """The lines that tell what was added and what differs, the gravest differences first."""
    yield from _added(adoption.additions, names, "To be added" if dry_run else "Added")
    found = by_topic(adoption.findings)
    for weight, topics in groupby(found, key=lambda topic: topic.weight):
        yield from ("", weight.value)
        for topic in topics:
            yield from ("", topic.sentence, *_listed(found[topic]))
    yield from ("", _conclusion(adoption, dry_run=dry_run))


def _added(additions: Additions, names: WireNames, heading: str) -> Iterator[str]:
    if not additions:
        yield from ("", "Nothing that this server needs is missing.")
        return
    yield from ("", heading)
    tables = [(name, names.table(name) or "no object of its own") for name in additions.tables]
    yield from _part("Tables, without rows.", tables)
    columns = [(f"{table}.{name}", names.column(table, name)) for table, name in additions.columns]
    yield from _part(
        "Columns; in rows that are there they hold the default, or nothing. References in them are"
        " not checked.",
        columns,
    )
    unique = [each for each in additions.indexes if each.unique]
    rows = [(each.table, ", ".join(each.columns)) for each in unique]
    rows += [(each.table, f"{each.column}, in any letter case") for each in additions.names]
    yield from _part("Unique indexes.", rows)
    plain = len(additions.indexes) - len(unique)
    if plain:
        yield from ("", f"{plain} indexes, by which records are found and synced.")
    if additions.elements or additions.lacks_system:
        count = len(additions.elements)
        yield from ("", f"{count} rows of sync_table: elements that sync clients may use now.")


def _part(sentence: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if rows:
        yield from ("", sentence, *(INDENT + line for line in aligned(rows)))


def _listed(findings: Sequence[Finding]) -> Iterator[str]:
    cells = [[each.place, each.fact, each.concerns] for each in findings]
    used = [place for place in range(3) if any(row[place] for row in cells)]
    return (INDENT + line for line in aligned([[row[place] for place in used] for row in cells]))


def _conclusion(adoption: Adoption, *, dry_run: bool) -> str:
    count = sum(each.topic.weight is Weight.MENDING for each in adoption.findings)
    mending = f" {count} differences are to be mended, see above." if count else ""
    if dry_run:
        return f"Nothing was changed.{mending}"
    if adoption.adopted_before and not adoption.additions:
        return f"The database was adopted before, and is as it was.{mending}"
    return f"The database is adopted: packetserver serve serves it.{mending}"
