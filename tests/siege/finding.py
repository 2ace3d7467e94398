"""What a trial stands on, and what it finds."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import stage
from stage import Databases, Server, Serving

MEGABYTE = 1024**2
WORKERS, THREADS = 2, 8


@dataclass(frozen=True)
class Finding:
    """A figure, what is wanted of it, and whether it is so."""

    what: str
    found: str
    wanted: str
    is_as_wanted: bool

    @property
    def verdict(self) -> str:
        """The last column of the table."""
        return "" if self.is_as_wanted else "NOT AS WANTED"


@dataclass(frozen=True)
class Ground:
    """The kind of database, fresh ones of it, and the options of the command line."""

    kind: str
    databases: Databases
    options: argparse.Namespace

    @contextmanager
    def server(self, settings: Mapping[str, str] | None = None) -> Iterator[tuple[Server, str]]:
        """A server with two workers on a fresh database, and that database's URL."""
        url = self.databases.fresh()
        serving = Serving(WORKERS, THREADS, more=settings or {})
        with stage.serving(url, serving) as running:
            yield running, url


def at_most(what: str, found: float, wanted: float, unit: str) -> Finding:
    """A figure that must not be greater."""
    return Finding(what, f"{found:,.0f} {unit}", f"<= {wanted:,.0f} {unit}", found <= wanted)


def exactly(what: str, found: int, wanted: int) -> Finding:
    """A number that must be this one."""
    return Finding(what, f"{found:,}", f"{wanted:,}", found == wanted)


def worker_memory(server: Server) -> list[float]:
    """Megabytes of memory that each worker has in all, as the system counts what is resident."""
    task = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return [_resident(int(each)) / MEGABYTE for each in task.read_text().split()]


def _resident(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    found = next(each for each in lines if each.startswith("VmRSS:"))
    return int(found.split()[1]) * 1024
