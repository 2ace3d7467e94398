"""The room for long answers, over all workers of a server, and what is left when they are killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from whole.served import Served, account, head, packet, served

from databases import KINDS, Databases

META = "".join(f"<property>unknown{number}</property>" for number in range(1500))
LIST = packet(f"<meta>{META}</meta><accountList action='select'/>")
SHORT = packet("<meta><property>id</property></meta><account action='select'><id>0</id></account>")
ACCOUNTS, CLIENTS = 200, 10
IN_TIME = 30.0


def begun_answers(server: Served, closing: contextlib.ExitStack) -> list[int]:
    """The statuses that clients are told which ask for a long list, and then read no more of it."""
    statuses = []
    for _ in range(CLIENTS):
        connection = closing.enter_context(server.connect())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(head(len(LIST)) + LIST)
        statuses.append(int(connection.recv(12)[-3:]))
    return statuses


def workers_of(server: Served) -> list[int]:
    """The processes that the server has started."""
    process = server.process.pid
    return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))


def spools_in(folder: Path, server: Served) -> int:
    """How many files without a name the workers have open in a folder."""
    found = 0
    for worker in workers_of(server):
        for each in Path(f"/proc/{worker}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                target = str(each.readlink())
                found += target.startswith(str(folder)) and target.endswith("(deleted)")
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_all_workers_share_the_room_and_a_killed_one_leaves_it(
    databases: Databases, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "spools"
    settings = {
        "spool_folder": str(folder),
        "spool_memory_bytes": "1 KiB",
        "max_spool_bytes": "15 MiB",
        "workers": "2",
    }
    with (
        databases.prepared(kind) as url,
        served(url, **settings) as server,
        contextlib.ExitStack() as closing,
    ):
        assert server.post(packet(*[account("Known")] * ACCOUNTS))[0] == 200
        statuses = begun_answers(server, closing)
        assert set(statuses) == {200, 503}
        # Each answer is of some 4 MB: two workers that counted alone would take six of them.
        assert statuses.count(200) == 3
        assert spools_in(folder, server) == 3
        assert server.post(LIST)[0] == 503
        assert server.post(SHORT)[0] == 200
        for worker in workers_of(server):
            os.kill(worker, signal.SIGKILL)
        until = time.monotonic() + IN_TIME
        while True:
            with contextlib.suppress(OSError):
                if server.post(LIST)[0] == 200:
                    break
            assert time.monotonic() < until
            time.sleep(0.2)
        assert [each.name for each in folder.iterdir()] == ["usage"]
