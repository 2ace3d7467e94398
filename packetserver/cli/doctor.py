"""`doctor`: looks over an installation, and says what to do."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterable, Sequence

import click

from packetserver.cli.program import GAP, examples
from packetserver.cli.settings import shown_url
from packetserver.operation.doctor import examine
from packetserver.operation.findings import Finding, Health

COLOURS = {Health.OK: "green", Health.WARNING: "yellow", Health.WRONG: "red"}
WIDTH = max(len(each.value) for each in Health)


@click.command(epilog=examples("packetserver doctor", "packetserver doctor --json"))
@click.option("--json", "as_json", is_flag=True, help="Print a list of JSON objects.")
def doctor(*, as_json: bool) -> None:
    """Look over the installation: settings, database, disks, who can log in, and more.

    Each finding is ok, a warning, or wrong, and what is not ok says what to do. Nothing is
    changed. The exit code is 1 when anything is wrong, else 0.
    """
    found = []
    for each in examine(os.environ, shown_url):
        found.append(each)
        if not as_json:
            click.echo(_line(each))
    if as_json:
        click.echo(_json(found))
    else:
        click.echo(_summary(found))
    if any(each.health is Health.WRONG for each in found):
        raise click.exceptions.Exit(1)


def _line(found: Finding) -> str:
    word = click.style(found.health.value.ljust(WIDTH), fg=COLOURS[found.health])
    line = f"{word}{GAP}{found.check.value}: {found.text}"
    if not found.advice:
        return line
    return "\n".join((line, textwrap.indent(found.advice, " " * (WIDTH + len(GAP)))))


def _summary(found: Sequence[Finding]) -> str:
    counts = (f"{sum(each.health is one for each in found)} {one.value}" for one in Health)
    return ", ".join(counts)


def _json(found: Iterable[Finding]) -> str:
    lines = [
        {
            "check": each.check.value,
            "health": each.health.value,
            "text": each.text,
            "advice": each.advice,
        }
        for each in found
    ]
    return json.dumps(lines, indent=2, ensure_ascii=False)
