"""`make siege`: trials in which many clients at once, slow, greedy or hostile, try to stop a server.

Every trial runs against `packetserver serve` with two workers, as an operator runs it, on a database
of its own. What it finds stands in a table beside what is wanted; the program fails if a line is
not as wanted. The figures are in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import either_order
import long_packets
import mixed_packets
import slow_clients
from finding import Finding, Ground
from stage import Databases

KINDS = ("sqlite", "postgresql")

TRIALS: Mapping[str, Callable[[Ground], Iterator[Finding]]] = {
    "slow": slow_clients.trial,
    "mixed": mixed_packets.trial,
    "strangers": long_packets.strangers,
    "users": long_packets.users,
    "order": either_order.trial,
}
"""A trial gets its ground and gives what it finds, line by line; it is named here to be run."""


def main() -> int:
    """Run the trials, and print what they found; the exit status is 1 if that is not as wanted."""
    options = _options()
    lines: list[list[str]] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="packetserver-siege-") as folder:
        for kind in options.databases:
            with contextlib.closing(Databases(kind, Path(folder))) as databases:
                for name in options.only:
                    _say(f"{kind}: {name} …")
                    for found in TRIALS[name](Ground(kind, databases, options)):
                        line = [kind, name, found.what, found.found, found.wanted, found.verdict]
                        _say("  " + " | ".join(line[2:]))
                        lines.append(line)
                        failed |= not found.is_as_wanted
    head = ["database", "trial", "what", "found", "wanted", ""]
    table = (head, ["---"] * len(head), *lines)
    _say("\n" + "\n".join(f"| {' | '.join(each)} |" for each in table))
    return int(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make siege", description=__doc__)
    add = parser.add_argument
    add("--databases", nargs="+", choices=KINDS, default=KINDS)
    add("--only", nargs="+", choices=TRIALS, default=list(TRIALS), help="some of the trials")
    add("--slow", type=int, default=3_000, help="slow connections at a time")
    add("--seconds", type=float, default=20, help="how long the slow ones are endured")
    add("--mixed", type=int, default=32_000, help="packets of the mixture that memory is for")
    add("--long", type=int, default=24, help="long packets that strangers send, and users")
    add("--properties", type=int, default=990_000, help="properties of each of these")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
