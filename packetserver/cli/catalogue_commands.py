"""`catalogue`: what the server knows of objects, checked and shown."""

from __future__ import annotations

import difflib

import click

from packetserver.catalogue.loader import load_catalogue
from packetserver.cli.describing import describe
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
    """Show what a client may send of ELEMENT and ask for, with an example packet.

    ELEMENT is the name of an object or of its list, as it stands in a packet.
    """
    known = load_catalogue()
    target = known.target(element)
    if target is None:
        close = difflib.get_close_matches(element, known.targets, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise ProvisionError(f"the catalogue has no element {element}{hint}")
    click.echo("\n".join(describe(known, target.object)))
