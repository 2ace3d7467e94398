"""What the machine and the settings alone tell: folders, room on disks, who may listen."""

from __future__ import annotations

import ipaddress
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packetserver.operation.findings import Check, Finding, ok, warning, wrong
from packetserver.operation.start_checks import Problem, problems_of_address, problems_of_files
from packetserver.protocols.front.spools import spool_folder
from packetserver.settings import Settings
from packetserver.store.files import existing

LITTLE_BYTES = 1024**3
HARDLY_ANY_BYTES = 100 * 1024**2

UNIX = "unix:"

LOOKED_AT_HERE = frozenset({Check.FILES, Check.AUDIT})
"""What is well is told of these, too."""


def examine_machine(settings: Settings, database_file: Path | None) -> Iterator[Finding]:
    """All of it; ``database_file`` is that of SQLite."""
    problems = [each for each in problems_of_files(settings) if each.check not in LOOKED_AT_HERE]
    yield from (_wrong(each) for each in problems)
    if not any(each.check is Check.TRANSPORT for each in problems):
        yield from _transport(settings)
    yield _address(settings)
    yield from _permissions(settings)
    yield _file_library(settings.file_library)
    yield from _audit_log(settings.audit_log)
    yield from _disks(settings, database_file)
    if database_file is not None and database_file.exists():
        yield from _rights(database_file)


def _wrong(problem: Problem) -> Finding:
    return wrong(problem.check, _capital(problem.text), f"{_capital(problem.advice)}.")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _address(settings: Settings) -> Finding:
    """Whether the server can listen where it is to; one that is there already may be itself."""
    for each in problems_of_address(settings):
        if not each.is_ours:
            return _wrong(each)
        return ok(Check.ADDRESS, f"A server of this kind listens at {settings.bind}")
    return ok(Check.ADDRESS, f"{settings.bind} is free, and this user may listen there")


def _transport(settings: Settings) -> Iterator[Finding]:
    """Whether codes can be read on the way: they open the account to whoever has them."""
    if settings.require_https or settings.tls_certificate is not None:
        yield ok(
            Check.TRANSPORT, "Requests are taken by https only, or the server speaks TLS itself"
        )
    elif settings.bind.startswith(UNIX) or _is_loopback(settings.bind.rpartition(":")[0]):
        text = (
            f"Only this machine reaches {settings.bind}: a proxy that speaks TLS can stand before"
        )
        yield ok(Check.TRANSPORT, text)
    else:
        yield warning(
            Check.TRANSPORT,
            f"{settings.bind} can be reached by plain HTTP, in which everybody on the way can read"
            " the codes of users",
            "Put a proxy that speaks TLS in front and bind to 127.0.0.1, or set"
            " PACKETSERVER_TRUSTED_PROXIES and PACKETSERVER_REQUIRE_HTTPS=true.",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _permissions(settings: Settings) -> Iterator[Finding]:
    if settings.permissions == "all":
        yield ok(Check.PERMISSIONS, "Every object is protected by the permissions of roles")
    else:
        yield warning(
            Check.PERMISSIONS,
            "Only contacts are protected: every user may read and change everything else, users and"
            " roles included",
            "Give the roles the permissions that they need, and unset PACKETSERVER_PERMISSIONS.",
        )


def _file_library(folder: Path) -> Finding:
    place = existing(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return wrong(
            Check.FILES,
            f"Nothing can be written in {place}: {error.strerror}",
            f"Let the user who runs the server write in {folder}, or set PACKETSERVER_FILE_LIBRARY.",
        )
    if place == folder:
        return ok(Check.FILES, f"{folder} can be written")
    return ok(Check.FILES, f"{folder} will be made when the first file comes")


def _audit_log(file: Path | None) -> Iterator[Finding]:
    if file is None:
        return
    try:
        if file.exists():
            with file.open("ab"):
                pass
        else:
            with tempfile.TemporaryFile(dir=file.absolute().parent):
                pass
    except OSError as error:
        yield wrong(
            Check.AUDIT,
            f"{file} cannot be written: {error.strerror}",
            "Let the user who runs the server write it, or set PACKETSERVER_AUDIT_LOG.",
        )
    else:
        yield ok(Check.AUDIT, f"{file} can be written")


def _disks(settings: Settings, database_file: Path | None) -> Iterator[Finding]:
    places = {
        "files": existing(settings.file_library),
        "long bodies and answers": existing(spool_folder(settings)),
    }
    if database_file is not None:
        places["the database"] = existing(database_file.parent)
    for what, place in places.items():
        free = shutil.disk_usage(place).free
        text = f"{free // 1024**2} MiB are free for {what} at {place}"
        advice = "Make room: with a full disk packets are refused."
        if free < HARDLY_ANY_BYTES:
            yield wrong(Check.DISK, text, advice)
        elif free < LITTLE_BYTES:
            yield warning(Check.DISK, text, advice)
        else:
            yield ok(Check.DISK, text)


def _rights(file: Path) -> Iterator[Finding]:
    """Who may read or write a file of SQLite, and its log beside it."""
    try:
        with file.open("r+b"), tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        yield wrong(
            Check.RIGHTS,
            f"{file}, or its folder, cannot be written: {error.strerror}",
            "Let the user who runs the server write both: SQLite keeps its log beside the file.",
        )
        return
    mode, above = file.stat().st_mode, file.parent.stat().st_mode
    if above & stat.S_IXOTH and mode & (stat.S_IROTH | stat.S_IWOTH):
        yield warning(
            Check.RIGHTS,
            f"Everybody on this machine may read {file}, hashes of secrets included",
            f"chmod o= {file.parent}, or {file} and the files beside it",
        )
    else:
        yield ok(Check.RIGHTS, f"{file} and its folder can be written, and are nobody else's")
