"""`catalogue`: what the server knows of objects, checked and shown."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from packetserver.cli.catalogue_docs import write_pages
from packetserver.cli.catalogue_pages import object_page
from packetserver.cli.program import Section, examples
from packetserver.engine.assembly import load_schema
from packetserver.errors import ProvisionError


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
