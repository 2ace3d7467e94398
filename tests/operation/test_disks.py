"""Disks that take nothing more are told by /readyz: real ones where the machine lets us have them."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.serving_app import open_app

from databases import Databases
from packetserver.app import create_app
from packetserver.operation import readiness
from packetserver.operation.readiness import LOOK_SECONDS, Disks
from packetserver.operation.start_checks import problems_of_files
from packetserver.protocols.packet.process import build_engine
from packetserver.settings import Settings

WHAT = ("long bodies and answers", "files", "the database")
DISK_BYTES = 24 * 1024**2


@contextlib.contextmanager
def nothing_can_be_written() -> Iterator[None]:
    """No file of this process may have any byte more, as if every disk was full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def disks_of(folder: Path, clock: list[float]) -> Disks:
    return Disks({"files": (folder, 1000)}, lambda: clock[0])


def test_a_disk_that_refuses_is_told_and_a_look_counts_for_a_while(tmp_path: Path) -> None:
    clock = [100.0]
    disks = disks_of(tmp_path, clock)
    assert disks.why_not_writable() is None
    with nothing_can_be_written():
        assert disks.why_not_writable() is None, "it was looked a moment ago"
        clock[0] += LOOK_SECONDS
        told = disks.why_not_writable()
        assert told == "Nothing can be written to the disk of files: File too large."
    assert disks.why_not_writable() == told
    clock[0] += LOOK_SECONDS
    assert disks.why_not_writable() is None
    assert list(tmp_path.iterdir()) == []


def test_a_look_writes_once_however_often_it_is_asked(tmp_path: Path, monkeypatch) -> None:
    looks = []
    statvfs = os.statvfs
    monkeypatch.setattr(os, "statvfs", lambda path: looks.append(path) or statvfs(path))
    disks = disks_of(tmp_path / "not" / "there", [100.0])
    assert [disks.why_not_writable() for _ in range(1000)] == [None] * 1000
    assert looks == [tmp_path]


@pytest.mark.parametrize("what", WHAT)
def test_the_server_is_not_ready_when_a_disk_is_nearly_full(
    databases: Databases, tmp_path: Path, monkeypatch, what: str
) -> None:
    """The system says of one of the disks that it has a megabyte left of a terabyte."""
    with databases.prepared("sqlite") as url:
        folders = {each: tmp_path / each for each in WHAT}
        settings = Settings(
            database_url=url, file_library=folders["files"], spool_folder=folders[WHAT[0]]
        )
        engine = build_engine(settings)
        folders["the database"] = Path(engine.database.url.database).parent
        folders["files"].mkdir()
        statvfs = os.statvfs

        class Full:
            f_blocks, f_frsize, f_bavail = 2**28, 4096, 256

        with contextlib.closing(engine.database):
            assert create_app(settings, engine).test_client().get("/readyz").status_code == 200
            monkeypatch.setattr(
                os, "statvfs", lambda path: Full if path == folders[what] else statvfs(path)
            )
            response = create_app(settings, engine).test_client().get("/readyz")
            text = f"The disk of {what} is full, or nearly so.\n"
            assert (response.status_code, response.text) == (503, text)
            # It is no reason to start the process anew.
            assert create_app(settings, engine).test_client().get("/healthz").status_code == 200


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few megabytes, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    mount = shutil.which("mount")
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_small_disk_that_fills_up_and_has_room_again(
    databases: Databases, small_disk: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(readiness, "LITTLE_BYTES", 100_000)
    with databases.prepared("sqlite") as url:
        settings = Settings(
            database_url=url, file_library=small_disk / "files", spool_folder=tmp_path / "spools"
        )
        engine = build_engine(settings)
        with contextlib.closing(engine.database):

            def ready() -> tuple[int, str]:
                response = create_app(settings, engine).test_client().get("/readyz")
                return response.status_code, response.text

            assert ready() == (200, "ready\n")
            filler = small_disk / "filler"
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(bytes(100_000)) == 100_000:
                    pass
            assert ready() == (503, "The disk of files is full, or nearly so.\n")
            filler.unlink()
            assert ready() == (200, "ready\n")


def test_a_database_on_a_full_disk(databases: Databases, small_disk: Path, monkeypatch) -> None:
    """Every packet that writes is answered with 503, and /readyz says so; both are well again."""
    monkeypatch.setattr(readiness, "LITTLE_BYTES", 100_000)
    with databases.prepared("sqlite") as url:
        file = small_disk / "packetserver.db"
        shutil.copy(url.removeprefix("sqlite:///"), file)
    with open_app(f"sqlite:///{file}", file_library=small_disk.parent / "files") as app:

        def ready() -> int:
            # An application of its own: a look counts for some seconds.
            settings = Settings(file_library=small_disk.parent / "files")
            return create_app(settings, app.engine).test_client().get("/readyz").status_code

        assert (app.insert("Before").packet_status, ready()) == ("0", 200)
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as filling:
            while filling.write(bytes(4096)) == 4096:
                pass
        long = (
            f'<account action="insert"><name>Never</name><notes>{"x" * 500_000}</notes></account>'
        )
        assert (app.send(long).is_later(), ready()) == (True, 503)
        filler.unlink()
        assert (app.insert("After").packet_status, ready()) == ("0", 200)
        assert app.names() == {"Before", "After"}


def test_a_folder_of_spools_that_cannot_be_used_is_told_before_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "file/below", "link"):
        settings = Settings(spool_folder=tmp_path / name, file_library=tmp_path)
        (problem,) = problems_of_files(settings)
        assert "cannot be used for long bodies and answers" in problem.text
        assert problem.advice.endswith("or set PACKETSERVER_SPOOL_FOLDER")
    assert list(problems_of_files(Settings(spool_folder=tmp_path, file_library=tmp_path))) == []
