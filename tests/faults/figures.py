"""Injects faults, kills workers and stops databases, and prints what it has seen as a table.

    PYTHONPATH=tests python -W ignore -m faults.figures --every --kills 50 --restarts 10

It ends with an error at the first packet that is stored in part, or lost, or stored twice.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from conftest import prepare
from faults.injection import Kind
from faults.load import kill_workers, serving, under_load
from faults.scenarios import SCENARIOS
from faults.sweeping import Sweep, all_faults, open_stage, some_faults
from faults.test_killed_workers import check, restart_under_load

from databases import KINDS, Databases
from packetserver.records.opening import load_schema

SENT_AGAIN_EACH = 5


def main() -> None:
    """Run everything on both databases."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", action="store_true", help="every fault at every statement")
    parser.add_argument("--kills", type=int, default=5, help="workers to kill on each database")
    parser.add_argument("--restarts", type=int, default=2, help="times that PostgreSQL is stopped")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(Databases(Path(folder), prepare)) as databases,
    ):
        columns = {kind: figures(databases, kind, Path(folder), chosen) for kind in KINDS}
        columns["postgresql"].update(outages(chosen.restarts))
    print_table(columns)


def figures(
    databases: Databases, kind: str, folder: Path, chosen: argparse.Namespace
) -> Counter[str]:
    """What was done to one database."""
    found: Counter[str] = Counter()
    with databases.prepared(kind) as url, open_stage(url, load_schema(), folder / kind) as stage:
        for scenario in SCENARIOS:
            with pytest.MonkeyPatch.context() as patch:
                sweep = Sweep(stage, scenario, patch)
                found["packets"] += 1
                found["statements, commits and rollbacks of these"] += len(sweep.reference.steps)
                choose = all_faults if chosen.every else some_faults
                for number, fault in enumerate(choose(sweep.reference)):
                    again = chosen.every or number % SENT_AGAIN_EACH == 0
                    sweep.inject(fault, again=again)
                    found["packets sent again afterwards"] += again
            progress(f"{kind}: {scenario}")
        for fault in Kind:
            found[f"fault: {fault.value}"] = stage.tally[kind, fault.value]
        found["faults together"] = stage.tally.total()
    if chosen.kills:
        with databases.prepared(kind) as url:
            with serving(url) as served, under_load(served) as clients:
                kill_workers(served, clients, chosen.kills, seed=chosen.kills)
            check(clients, url, load_schema())
        found["workers killed under load"] = chosen.kills
        count(found, clients.statuses)
        progress(f"{kind}: workers")
    return found


def outages(restarts: int) -> Counter[str]:
    """What PostgreSQL went through."""
    found: Counter[str] = Counter()
    if restarts:
        clients = restart_under_load(prepare, load_schema(), restarts)
        found["stopped with -m immediate, and started"] = restarts
        count(found, clients.statuses)
        progress("postgresql: restarts")
    return found


def count(found: Counter[str], statuses: Counter[str]) -> None:
    """Add what clients were told."""
    found["packets acknowledged meanwhile"] += statuses["stored"]
    found["packets answered with 503"] += statuses["later"]
    found["packets whose connection broke"] += statuses["cut off"]


def progress(text: str) -> None:
    """Say how far it is."""
    sys.stderr.write(f"{text}\n")


def print_table(columns: dict[str, Counter[str]]) -> None:
    """The figures, as docs/reliability.md shows them."""
    lines = dict.fromkeys(line for found in columns.values() for line in found)
    rows = [f"| | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    rows += [
        f"| {line} | {' | '.join(f'{found[line]:,}' for found in columns.values())} |"
        for line in lines
    ]
    lost = " | ".join("0" for _ in columns)
    rows.append(f"| packets lost, stored in part or stored twice | {lost} |")
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
