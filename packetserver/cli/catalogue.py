"""`catalogue`: what the server knows of objects, checked and shown."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click

from packetserver.catalogue.model import Catalogue, ObjectType
from packetserver.cli.catalogue_pages import INDEX, object_page
from packetserver.cli.catalogue_words import code
from packetserver.cli.program import Section, examples
from packetserver.errors import ProvisionError
from packetserver.protocols.packet.failures import DENIED
from packetserver.records.opening import load_schema
from packetserver.store.schema import Schema

MARK = "<!-- Written by `packetserver catalogue docs`: what is changed here is lost. -->"

HEAD = """\
# Objects

What a client may send to `/ProcessPacket.do`, and ask for: one page an object, below by area.

## A packet

Every page has a packet for each action, as it is posted. What stands in braces is yours to fill in:
`{account}` is the id of an account, `{other account}` that of another one, `{host}` the name by
which you call the server, `{user name}` and `{code}` who you are, where the code is the MD5 of the
password in 32 hex digits, `{client}` and `{client code}` the same of a sync client.

* The properties in `meta` are the fields that you want to read of each record. Besides those of the
  page there are `guid`, the id that your sync client gave the record, `ownerGuid`, that of the
  record in `ownerId`, and `contactId.nameLast`, a field of the record in `contactId`.
* An answer with status 0 has stored what was sent; one with status 1 has stored nothing, and says
  why, a line for each reason.
* insert answers with the record as it is stored, marked `processed`. An update keeps the fields
  that are not sent, and empties those that are sent empty; where `modified` is sent and is not what
  is stored, nothing is changed and the record is marked `conflict`.
* `id`, and the key by its own name, filter every list. Filters that are not sent, or are sent
  empty, ask nothing; all others hold together. `offset` and `items` ask for a page of a list, and
  `total` in the answer counts the whole.
* With `shareKey="true"` an item of a transaction lends its key to the later ones: `$C{account.id}`.
* A reference may be sent by your sync client's own id: `ownerGuid` in place of `ownerId`.
* A permission has an ending for each action: `-view` to select and sync, `-add` to insert, `-edit` to
  update, `-delete` to delete. Whoever lacks it is told so, and nothing is stored or shown:
  `{denied}`.

## Types

| type | takes | reads as |
| ---- | ----- | --- |
| `integer` | decimal digits with or without sign, 32 bits | the same |
| `double` | `1`, `1.5`, `1e3`, `Infinity` | `1250.0`, `1.0E7` |
| `boolean` | true: `true`, `on`, `y`, `yes`, `1`; false: `false`, `off`, `n`, `no`, `f`, `0` | `true` or `false` |
| `text` | as it is; with a number: so many characters at most | as it is |
| `timestamp` | `2026-11-22 09:15:08.5`, ISO 8601, `11/22/26 9:15:08 AM EST` | `2026-11-22 09:15:08.5`, in the server's time zone |
| `date` | `2026-11-22`, `11/22/26`, or a timestamp | `2026-11-22` |
| `tristate` | filters only: 1 and 0 as a boolean, any other text asks nothing | |
| `local-date` | filters only: `11/22/26`; what has a time of day asks nothing | |
| `id-list` | filters only: `1,2,3` | |
| `percent` | a `double`, also as `50%` | as a `double` |
| `mark` | an `integer`; `on` and `true` are 1, `off` and `false` 0 | as an `integer` |

A value that is not of its field's type is an error while the request validates, and is ignored
otherwise. A text that is too long is always an error, `name: Length limit exceeded`.

In the tables of fields, `empty` is what a field without a value reads as, where that is not an
empty element. `contactId.orgId` is the `orgId` of the record that `contactId` names. In the tables
of filters, `it` is what you send.

## Tables that travel as triples

The objects under [mapped-tables](#mapped-tables) take their fields by column name, as their pages
show, or as the original's clients send them, in triples. The type is a JDBC number: 4 integer,
8 double, 12 text, 16 boolean, 93 timestamp. Before them may stand the table and its key.

```xml
<lookupIndustry action="insert">
  <tableName>lookup_industry</tableName>
  <uniqueField>code</uniqueField>
  <field>description</field><data>Example</data><type>12</type>
  <field>enabled</field><data>true</data><type>16</type>
</lookupIndustry>
```
"""


def index_page(catalogue: Catalogue) -> Iterator[str]:
    """The lines of the first page."""
    yield MARK
    yield HEAD.rstrip().replace("{denied}", DENIED)
    for file, objects in groupby(catalogue.objects.values(), key=lambda each: each.file):
        yield from ("", f"## {file.removesuffix('.toml')}", "")
        for each in objects:
            yield f"* {_entry(each)}"


def _entry(described: ObjectType) -> str:
    link = f"[{described.element}]({described.element}.md)"
    return f"{link}, {code(described.list_element)}" if described.list_element else link


def pages(schema: Schema) -> Iterator[tuple[str, str]]:
    """The files of the reference as (name, text): the index, and one for each object."""
    yield INDEX, _text(index_page(schema.catalogue))
    for each in schema.catalogue.objects.values():
        yield f"{each.element}.md", _text((MARK, *object_page(schema, each)))


def _text(lines: Iterator[str] | tuple[str, ...]) -> str:
    return "\n".join(lines) + "\n"


def write_pages(schema: Schema, folder: Path) -> int:
    """Write the files into a folder, in place of those that were written before; returns how many.

    A file that is not one of these stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = dict(pages(schema))
    for old in folder.glob("*.md"):
        if old.name not in files and old.read_text(encoding="utf-8").startswith(MARK):
            old.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return len(files)


@click.group("catalogue", cls=Section, epilog=examples("packetserver catalogue show account"))
def catalogue() -> None:
    """Look at the catalogue: the objects that clients may send and ask for."""


@catalogue.command(epilog=examples("packetserver catalogue check"))
def check() -> None:
    """Load the whole catalogue and look for mistakes.

    The first one is told with its file and object, and the exit code is 1.
    """
    loaded = load_schema().catalogue
    click.echo(f"{len(loaded.objects)} objects, {len(loaded.tables)} tables: no mistakes")


@catalogue.command(
    epilog=examples("packetserver catalogue show account", "packetserver catalogue show ticketList")
)
@click.argument("element")
def show(element: str) -> None:
    """Show what a client may send of ELEMENT and ask for, with a packet for each action.

    ELEMENT is the name of an object or of its list, as it stands in a packet.
    """
    schema = load_schema()
    target = schema.catalogue.target(element)
    if target is None:
        targets = schema.catalogue.targets
        close = difflib.get_close_matches(element, targets, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise ProvisionError(f"the catalogue has no element {element}{hint}")
    click.echo("\n".join(object_page(schema, target.object)))


@catalogue.command(epilog=examples("packetserver catalogue docs --into docs/objects"))
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("docs/objects"),
    show_default=True,
    help="The folder, which is made if need be.",
)
def docs(into: Path) -> None:
    """Write the reference for everybody who writes a client: a page for each object.

    README.md there is the first page. Pages of objects that are no more are removed.
    """
    click.echo(f"{write_pages(load_schema(), into)} pages in {into}")
