"""What all commands share: how they are listed, how an error is told, how a table looks."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from packetserver.errors import PacketServerError
from packetserver.settings import Settings, load_settings
from packetserver.store.failures import words_of

GAP = "  "


class Section(click.Group):
    """A group that lists its commands in the order in which one meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands as they were added, not by the alphabet."""
        return list(self.commands)


class Program(Section):
    """The whole command: an error that can be foreseen is one sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except PacketServerError as error:
            raise click.ClickException(" ".join(str(error).split())) from error
        except DBAPIError as error:
            raise click.ClickException(
                f"the database refuses what it is asked ({words_of(error)}): packetserver doctor may"
                " tell why"
            ) from error
        except OSError as error:
            if error.errno in {None, errno.EPIPE}:
                raise
            place = f"{error.filename}: " if error.filename is not None else ""
            raise click.ClickException(f"{place}{error.strerror}") from error


def examples(*commands: str) -> str:
    """The end of a command's help: how it may be called."""
    # The first line keeps click from joining the others.
    return "\n".join(
        (
            "\b",
            "Example:" if len(commands) == 1 else "Examples:",
            *("  " + each for each in commands),
        )
    )


def current_settings() -> Settings:
    """The settings of the environment; raises SettingsError."""
    return load_settings(os.environ)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose columns are as wide as their widest cell; no rows, no lines."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def print_table(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; a cell that is None is empty, true and false are yes and no."""
    cells = [[_cell(value) for value in row] for row in rows]
    click.echo("\n".join(aligned([heading, *cells])))


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def printable(text: str) -> str:
    """A text on one line that cannot steer the terminal."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
