"""What a killed process was writing goes; what a living one writes stays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from packetserver.store.files import INCOMING, YOUNG_SECONDS, FileLibrary

RECEIVES = """
import sys
from pathlib import Path
from packetserver.store.files import FileLibrary
with FileLibrary(Path(sys.argv[1]), 10**6).received([b"x" * 1000]):
    print("received", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def library(tmp_path: Path) -> FileLibrary:
    return FileLibrary(tmp_path / "files", 10**6)


def receiver(library: FileLibrary) -> subprocess.Popen[str]:
    """Another process that has received a file, and not placed it yet."""
    process = subprocess.Popen(
        [sys.executable, "-c", RECEIVES, str(library.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "received\n"
    return process


def incoming(library: FileLibrary) -> list[Path]:
    return sorted((library.folder / INCOMING).iterdir())


def make_old(files: list[Path]) -> None:
    then = time.time() - YOUNG_SECONDS - 1
    for each in files:
        os.utime(each, (then, then))


def test_the_file_of_a_killed_process_goes_when_the_next_one_comes(library: FileLibrary) -> None:
    killed, living = receiver(library), receiver(library)
    killed.kill()
    killed.communicate()
    make_old(incoming(library))
    assert len(incoming(library)) == 2
    with library.received([b"next"]):
        assert len(incoming(library)) == 2
    (left,) = incoming(library)
    assert left.stat().st_size == 1000
    living.communicate()
    assert incoming(library) == []


def test_a_young_file_may_not_be_held_yet(library: FileLibrary) -> None:
    with library.received([b"first"]):
        (library.folder / INCOMING / "young").write_bytes(b"x")
        with library.received([b"second"]):
            assert len(incoming(library)) == 3
    make_old(incoming(library))
    with library.received([b"third"]):
        assert len(incoming(library)) == 1


def test_what_is_no_file_is_left_alone(library: FileLibrary, tmp_path: Path) -> None:
    folder = library.folder / INCOMING
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "other").write_bytes(b"x")
    (folder / "link").symlink_to(tmp_path / "other")
    make_old([folder / "folder", tmp_path / "other"])
    with library.received([b"next"]):
        pass
    assert [each.name for each in incoming(library)] == ["folder", "link"]
    assert (tmp_path / "other").read_bytes() == b"x"
