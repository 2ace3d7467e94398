"""Whatever is sent: nothing is touched outside, and memory and time stay within bounds."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hostile.attacking import tried
from hostile.bounded import run_bounded
from hostile.confined import MEGABYTE, Watch

from databases import Databases

GIGABYTE = 1024**3
CPU_SECONDS = 120
MOST_MEGABYTES = 700
"""For bodies of up to 60 MB, which the process that is weighed holds too, since it sends them."""


def script(function: str, url: str, folder: Path) -> str:
    own = folder / "temporary"
    own.mkdir()
    return (
        f"import tempfile; tempfile.tempdir = {str(own)!r}\n"
        f"from hostile.confined import {function}\n"
        f"{function}({url!r}, {str(folder)!r})"
    )


def test_nothing_outside_is_read_or_written(databases: Databases, tmp_path: Path) -> None:
    with databases.prepared("sqlite") as url:
        printed = run_bounded(script("watch", url, tmp_path), CPU_SECONDS)
    *faults, last = printed.strip().splitlines()
    assert faults == []
    inputs, seen = map(int, last.split())
    assert seen > inputs / 2
    tried.inputs += inputs


def test_memory_and_time_stay_within_bounds(databases: Databases, tmp_path: Path) -> None:
    with databases.prepared("sqlite") as url:
        printed = run_bounded(script("weigh", url, tmp_path), CPU_SECONDS, 3 * GIGABYTE)
    inputs, megabytes = map(int, printed.split())
    assert megabytes < MOST_MEGABYTES
    tried.inputs += inputs


@pytest.mark.parametrize(("outside", "inside"), [(400, 0), (0, 400)])
def test_only_what_the_weighed_process_holds_is_weighed(outside: int, inside: int) -> None:
    held = b"x" * (outside * MEGABYTE)
    weighing = (
        f"from hostile.confined import most_megabytes; held = b'x' * {inside * MEGABYTE};"
        " print(most_megabytes())"
    )
    assert (int(run_bounded(weighing, CPU_SECONDS)) > 400) == (inside > 0)
    assert len(held) == outside * MEGABYTE


def test_the_watch_sees_what_is_done_outside(tmp_path: Path) -> None:
    watching = Watch([tmp_path])
    watching("open", (str(tmp_path / "a"), "w", 577))
    watching("open", (socket.__file__, "r", 0))
    assert watching.faults == []
    (tmp_path / "link").symlink_to("/etc")
    for event, arguments in (
        ("open", ("/etc/passwd", "r", 0)),
        ("open", (str(tmp_path / "link" / "passwd"), "r", 0)),
        ("os.rename", (str(tmp_path / "a"), "/var/a", -1, -1)),
        ("os.system", (b"true",)),
        ("subprocess.Popen", ("true",)),
        ("socket.connect", (socket.socket, ("127.0.0.1", 9))),
    ):
        before = len(watching.faults)
        watching(event, arguments)
        assert len(watching.faults) == before + 1, event
