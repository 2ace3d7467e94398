"""`check`: look over packets before they are sent."""

from __future__ import annotations

from pathlib import Path

import click

from packetserver.cli.program import examples, printable
from packetserver.protocols.packet.check import Checked, check_document
from packetserver.records.opening import load_schema


@click.command(epilog=examples("packetserver check packet.xml", "packetserver check *.xml"))
@click.argument(
    "files",
    metavar="FILE…",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.pass_context
def check(context: click.Context, files: tuple[Path, ...]) -> None:
    """Check packets, packages and answers without a server or a database.

    Each fault is a line: FILE:LINE:COLUMN, the element, and what is wrong, with the nearest name
    that the catalogue has. A package is checked as the XML in it. The exit code is 1 when there is
    a fault. FILE may be - for standard input.
    """
    schema = load_schema()
    has_faults = False
    for file in files:
        with click.open_file(str(file), "rb") as opened:
            found = check_document(opened.read(), schema)
        has_faults = has_faults or bool(found.faults)
        click.echo("\n".join(_lines(file, found)))
    if has_faults:
        context.exit(1)


def _lines(file: Path, found: Checked) -> list[str]:
    if not found.faults:
        return [f"{file}: no fault in the {found.shape}"]
    return [
        printable(
            f"{file}:{each.line}:{each.column}: {each.element}{': ' if each.element else ''}"
            f"{each.text}"
        )
        for each in found.faults
    ]
