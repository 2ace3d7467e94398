"""What runs in a process of its own: the corpus under watch, and the worst of it weighed."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hostile.arenas import Arena, opened_arena
from hostile.attacking import CLIENT, CREDENTIALS, XML, check_page, tried
from hostile.corpus_files import AUTHENTICATION, cases_of, packet_of
from hostile.forms import MULTIPART, form
from hostile.test_files import (
    ARCHIVES,
    DOCUMENT,
    FILENAMES,
    FORMS,
    PACKAGE,
    PACKET,
    UPLOAD,
)

MEGABYTE = 1024 * 1024
BY_PATH = frozenset(
    {
        *("open", "os.listdir", "os.scandir", "os.mkdir", "os.rmdir", "os.remove", "os.truncate"),
        *("os.chdir", "os.chmod", "os.chown", "os.utime", "os.rename", "os.link", "os.symlink"),
        *(
            "sqlite3.connect",
            "tempfile.mkstemp",
            "tempfile.mkdtemp",
            "shutil.rmtree",
            "os.setxattr",
        ),
    }
)
"""What is done to files; their names are the first argument, and of two names both."""

FORBIDDEN = ("subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.kill", "pty.")
NETWORK = frozenset({"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"})
OPENS_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """Notes what a process does outside of the folders that it may use."""

    def __init__(self, own: list[Path]) -> None:
        self._own = [each.resolve() for each in own]
        self._read = [Path(each).resolve() for each in (*sysconfig.get_paths().values(), "..")]
        self.faults: list[str] = []
        self.seen = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in BY_PATH:
            self.seen += 1
            for path in arguments[: 2 if event in {"os.rename", "os.link", "os.symlink"} else 1]:
                self._look(event, path, arguments)
        elif event in NETWORK or event.startswith(FORBIDDEN):
            self.faults.append(f"{event} {arguments}")

    def _look(self, event: str, path: Any, arguments: tuple[Any, ...]) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        writes = event != "open" or bool((arguments[2] or 0) & OPENS_TO_WRITE)
        allowed = self._own if writes else [*self._own, *self._read]
        # Where a link leads to is what counts; nothing here may be followed out of the folders.
        place = Path(os.path.realpath(os.fsdecode(path)))
        if not any(place.is_relative_to(each) for each in allowed):
            self.faults.append(f"{event} {path!r}")


def requests() -> Iterator[tuple[str, bytes, str]]:
    """The corpus: the address, the body and the Content-Type of every request."""
    for case in cases_of("xml.toml"):
        yield PACKET, packet_of(case), case.get("type", XML)
    for make in FORMS.values():
        body = make()
        for address in (PACKET, DOCUMENT):
            yield address, body, MULTIPART
    for make in ARCHIVES.values():
        yield UPLOAD, form(dict(CLIENT), make(), "p.zip", PACKAGE), MULTIPART
    fields = {**dict(CREDENTIALS), "type": "ticket", "tid": "1", "subject": "s"}
    for name in FILENAMES:
        yield DOCUMENT, form(fields, b"x", name), MULTIPART


def in_arena(url: str, folder: str, play: Callable[[Arena], None]) -> None:
    with opened_arena(url, Path(folder)) as arena:
        assert arena.target.is_well()
        arena.maker.known("ticket")
        play(arena)
        assert arena.target.is_well()


def watch(url: str, folder: str) -> None:
    """Play the corpus, and print what was done outside; the last line counts what was watched."""

    def play(arena: Arena) -> None:
        database = Path(arena.settings.database_url.removeprefix("sqlite:///"))
        own = [arena.settings.file_library, Path(tempfile.gettempdir())]
        # Temporary files have a folder of their own here: what lies beside it is outside.
        own += [database.with_name(database.name + end) for end in ("", "-wal", "-shm", "-journal")]
        watching = Watch(own)
        sys.addaudithook(watching)
        for address, body, content_type in requests():
            arena.target.send(body, address, content_type)
        print(*watching.faults, sep="\n")  # noqa: T201 (what the test reads)
        print(tried.inputs, watching.seen)  # noqa: T201

    in_arena(url, folder, play)


def heavy() -> Iterator[bytes]:
    """The packets that weigh most for their length, each near one of the limits."""
    for content in (
        b'<account action="insert">' + b"<name>x</name>" * 400_000 + b"</account>",
        b'<a b=""/>' * 100_000,
        # One character beyond the first plane makes Python keep four bytes for each of them all.
        b'<account action="insert"><name>a</name>'
        + (b"<notes>" + b"x" * 9_900_000 + "\U0001f4a3".encode() + b"</notes>") * 6
        + b"</account>",
        b"<meta>" + b"<property>a</property>" * 300_000 + b"</meta>",
        # Addresses were once split by a pattern that takes the square of the blanks between them.
        b'<customField action="insert"><name>a</name><type>13</type><enteredValue>a'
        + b" " * 1_000_000
        + b"b</enteredValue></customField>",
        b'<accountList action="select"><types>' + b"1," * 4_000_000 + b"1</types></accountList>",
    ):
        opened = f'<app><authentication>{AUTHENTICATION}</authentication><transaction id="1">'
        yield opened.encode() + content + b"</transaction></app>"


def packed_bomb() -> bytes:
    """Four megabytes of gzip that become four gigabytes of blanks when they are unpacked."""
    packing = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # A block that is flushed depends on none before it, and so can be repeated.
    block = packing.compress(b" " * MEGABYTE) + packing.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + b"\0" * 6 + b"\xff" + block * 4096 + packing.flush()


def most_megabytes() -> int:
    """The most memory that this program ever had in use, in MiB.

    The kernel's ru_maxrss will not do: it outlives an exec, and so begins at the size that the
    process that started this one had, which grows with every test that ran in it before.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = re.findall(r"^VmHWM:\s+([0-9]+) kB$", status, re.MULTILINE)
    return int(kilobytes) * 1024 // MEGABYTE


def weigh(url: str, folder: str) -> None:
    """Play the heaviest packets; print how many, and the most memory that was in use, in MiB."""

    def play(arena: Arena) -> None:
        for body in heavy():
            arena.target.send(body)
            assert arena.target.is_well()
        for make in (*FORMS.values(), *ARCHIVES.values()):
            arena.target.send(form(dict(CLIENT), make(), "p.zip", PACKAGE), UPLOAD, MULTIPART)
        answer = arena.target.send(packed_bomb(), headers={"Content-Encoding": "gzip"})
        assert "Error: " in check_page(answer)
        print(tried.inputs, most_megabytes())  # noqa: T201 (what the test reads)

    in_arena(url, folder, play)
