"""The bound of all spools, over threads and processes; and what is left when one is killed."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from packetserver.errors import SettingsError, SpoolRefused
from packetserver.protocols.front import spools as spools_module
from packetserver.protocols.front.spools import SharedNumbers, Spools, spool_folder
from packetserver.settings import Settings

KEEPS = """
import sys, time
from pathlib import Path
from packetserver.protocols.front.spools import Spools
spools = Spools(Path(sys.argv[1]), 10**9)
file = spools.file()
file.write(b"x" * int(sys.argv[2]))
file.flush()
print("kept", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spools"


def keeper(folder: Path, size: int) -> subprocess.Popen[str]:
    """Another process that keeps so many bytes until it is told to end, or killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", KEEPS, str(folder), str(size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "kept\n"
    return process


def room_left(spools: Spools, step: int = 1000) -> int:
    """How many bytes may still be kept; found out by keeping them."""
    taken = 0
    try:
        while True:
            spools.take(step)
            taken += step
    except SpoolRefused:
        spools.give_back(taken)
    return taken


def test_no_more_is_kept_than_the_bound(folder: Path) -> None:
    spools = Spools(folder, 100_000)
    first, second = spools.file(), spools.file()
    first.write(b"a" * 60_000)
    second.write(b"b" * 40_000)
    with pytest.raises(SpoolRefused):
        second.write(b"b")
    second.seek(0)
    assert second.read(100_000) == b"b" * 40_000
    first.close()
    second.write(b"b" * 60_000)
    second.seek(10_000)
    second.truncate()
    assert room_left(spools) == 90_000
    second.close()
    second.close()
    assert room_left(spools) == 100_000


def test_what_is_counted_elsewhere_has_the_same_bound(folder: Path) -> None:
    spools = Spools(folder, 100_000)
    with spools.counted(iter([b"a" * 50_000] * 3)) as chunks:
        assert len(next(chunks)) == 50_000
        assert len(next(chunks)) == 50_000
        with pytest.raises(SpoolRefused):
            next(chunks)
        assert room_left(spools) == 0
    assert room_left(spools) == 100_000


def test_threads_together_keep_no_more_than_the_bound(folder: Path) -> None:
    spools = Spools(folder, 100_000)
    most, kept, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal most, kept
        for _ in range(200):
            try:
                spools.take(9_000)
            except SpoolRefused:
                continue
            with lock:
                kept += 9_000
                most = max(most, kept)
            with lock:
                kept -= 9_000
            spools.give_back(9_000)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert 0 < most <= 100_000
    assert room_left(spools) == 100_000


def test_processes_count_together_until_they_end_or_are_killed(folder: Path) -> None:
    spools = Spools(folder, 100_000)
    ending, killed = keeper(folder, 30_000), keeper(folder, 50_000)
    assert room_left(spools) == 20_000
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    # Its file has no name, so nothing is left of it; and its number counts no longer.
    assert [each.name for each in folder.iterdir()] == ["usage"]
    assert room_left(spools) == 70_000
    assert ending.stdin is not None
    ending.stdin.close()
    ending.wait()
    assert room_left(spools) == 100_000
    for each in (ending, killed):
        assert each.stdout is not None
        each.stdout.close()
        if each.stdin is not None:
            each.stdin.close()


def test_a_process_that_was_forked_has_kept_nothing_yet(folder: Path) -> None:
    spools = Spools(folder, 100_000)
    spools.take(60_000)
    context = multiprocessing.get_context("fork")
    told = context.Queue()

    process = context.Process(target=lambda: told.put(room_left(spools)))
    process.start()
    assert told.get(timeout=30) == 40_000
    process.join()
    assert room_left(spools) == 40_000
    spools.give_back(60_000)


def test_a_process_without_a_place_counts_for_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    spools = Spools(folder, 10_000)
    assert room_left(spools) == 10_000


def test_numbers_of_the_gone_are_forgotten_and_others_are_not(tmp_path: Path) -> None:
    file = tmp_path / "usage"
    own = SharedNumbers(file)
    assert own.set_own(7) == 7
    living = keeper(tmp_path, 1000)
    assert own.set_own(7) == 1007
    assert own.without_gone() == 1007
    living.communicate()
    assert own.without_gone() == 7


def test_the_disk_is_left_some_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk of a megabyte, of which a twentieth is left alone; as the system tells of it."""
    spools, statvfs = Spools(folder, 10**9), os.statvfs

    class Small:
        f_blocks, f_frsize, f_bavail = 2000, 512, 200

    monkeypatch.setattr(os, "statvfs", lambda path: Small if path == folder else statvfs(path))
    left_alone = 2000 * 512 // 20
    spools.take(200 * 512 - left_alone)
    with pytest.raises(SpoolRefused, match="is full, or nearly so"):
        spools.take(200 * 512 - left_alone + 1)
    spools.give_back(200 * 512 - left_alone)


def test_a_folder_that_somebody_tidied_up_is_made_again(folder: Path) -> None:
    spools = Spools(folder, 100_000)
    spools.file().close()
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()
    file = spools.file()
    file.write(b"x")
    file.close()


def test_the_folder_is_this_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = spool_folder(Settings())
    assert folder == tmp_path / f"packetserver-{os.geteuid()}"
    Spools.of(Settings())
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.symlink_to(elsewhere)
    with pytest.raises(SettingsError, match="belongs to somebody else"):
        Spools.of(Settings())


def test_a_folder_that_cannot_be_made_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"spool_folder: .*file/below cannot be used"):
        Spools(tmp_path / "file" / "below", 1000)


def test_what_the_disk_refuses_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    spools = Spools(folder, 1000)
    monkeypatch.setattr(spools_module.tempfile, "TemporaryFile", full)
    with pytest.raises(SpoolRefused, match="No space left"):
        spools.file()


@pytest.fixture(autouse=True)
def nothing_stays_kept(folder: Path) -> Iterator[None]:
    yield
    if folder.is_dir():
        assert [each.name for each in folder.iterdir()] in (["usage"], [])
