"""What of the machine and the settings would keep the server from starting, or from working.

`packetserver serve` tells it before it starts, `packetserver doctor` before anybody tries to.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import parse

from packetserver.operation.findings import Check
from packetserver.protocols.front.spools import require_own, spool_folder
from packetserver.setting_kinds import UNIX
from packetserver.settings import PREFIX, Settings
from packetserver.store.files import existing

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder in which the processes of a server count together."""

INHERITED = ("GUNICORN_FD", "LISTEN_FDS")
"""What tells gunicorn that it is handed sockets which are bound already."""

PROBE_SECONDS = 2.0
OWN_HEADER = "X-Request-Id"
UNIX_PREFIX = f"{UNIX}:"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, and what to do; ``is_ours`` says that a server like this is in the way."""

    check: Check
    text: str
    advice: str
    is_ours: bool = False

    def __str__(self) -> str:
        return f"{self.text}: {self.advice}"


def problems_of_files(settings: Settings) -> Iterator[Problem]:
    """Everything that is wrong with certificates, files and folders."""
    yield from _tls(settings)
    yield from _system_xml(settings.system_xml)
    yield from _audit_log(settings.audit_log)
    yield from _file_library(settings.file_library)
    yield from _spools(spool_folder(settings))
    yield from _metrics_folder()


def problems_of_address(settings: Settings) -> Iterator[Problem]:
    """What keeps the server from listening where it is to listen."""
    if any(os.environ.get(each) for each in INHERITED):
        return
    named = f"{_variable('bind')} = {settings.bind}"
    try:
        _try_address(settings.bind)
    except socket.gaierror:
        yield Problem(Check.ADDRESS, f"{named}: this host name is not known", "name an address")
    except OSError as error:
        is_tls = settings.tls_certificate is not None
        yield _why_not(named, settings.bind, error, is_tls=is_tls)


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _tls(settings: Settings) -> Iterator[Problem]:
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        there, lacking = (
            ("tls_certificate", "tls_key") if key is None else ("tls_key", "tls_certificate")
        )
        yield Problem(
            Check.TRANSPORT,
            f"{_variable(there)} is set without {_variable(lacking)}",
            "set both, or neither",
        )
        return
    files = list(_unreadable({"tls_certificate": certificate, "tls_key": key}))
    for name, path, error in files:
        yield Problem(
            Check.TRANSPORT,
            f"{path}, which {_variable(name)} names, cannot be read ({error.strerror})",
            "mend the path, or let the user who runs the server read it",
        )
    if not files:
        yield from _pair(certificate, key)


def _unreadable(files: dict[str, Path]) -> Iterator[tuple[str, Path, OSError]]:
    for name, path in files.items():
        try:
            path.read_bytes()
        except OSError as error:
            yield name, path, error


def _pair(certificate: Path, key: Path) -> Iterator[Problem]:
    def no_password() -> str:
        raise _PasswordWanted

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, no_password)
    except _PasswordWanted:
        text = f"the key {key}, which {_variable('tls_key')} names, is protected by a password"
        yield Problem(Check.TRANSPORT, text, "name one that is not")
    except (ssl.SSLError, ValueError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            text = f"the key {key} is not that of the certificate {certificate}"
        else:
            text = f"{certificate} and {key} are no certificate and key in PEM"
        advice = f"mend {_variable('tls_certificate')} and {_variable('tls_key')}"
        yield Problem(Check.TRANSPORT, text, advice)


class _PasswordWanted(Exception):
    """The key needs one."""


def _system_xml(path: Path | None) -> Iterator[Problem]:
    if path is None:
        return
    named = f"{path}, which {_variable('system_xml')} names,"
    try:
        with path.open("rb") as file:
            parse(file)
    except OSError as error:
        text = f"{named} cannot be read ({error.strerror})"
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        text = f"{named} is no XML document"
    else:
        return
    yield Problem(Check.SYSTEM_XML, text, "mend the path or the file, or unset it")


def _audit_log(file: Path | None) -> Iterator[Problem]:
    if file is None:
        return
    try:
        if file.exists():
            with file.open("ab"):
                pass
            return
        _require_writable(file.absolute().parent)
    except OSError as error:
        yield Problem(
            Check.AUDIT,
            f"{file} cannot be written: {error.strerror}",
            f"let the user who runs the server write it, or set {_variable('audit_log')}",
        )


def _file_library(folder: Path) -> Iterator[Problem]:
    place = existing(folder)
    try:
        _require_writable(place)
    except OSError as error:
        yield Problem(
            Check.FILES,
            f"nothing can be written in {place}: {error.strerror}",
            f"let the user who runs the server write in {folder}, or set {_variable('file_library')}",
        )


def _spools(folder: Path) -> Iterator[Problem]:
    place = existing(folder)
    try:
        _require_writable(place)
        if place == folder:
            require_own(folder)
    except OSError as error:
        problem = error.strerror or error
        yield Problem(
            Check.DISK,
            f"{place} cannot be used for long bodies and answers: {problem}",
            f"let it belong to the user who runs the server, or set {_variable('spool_folder')}",
        )


def _metrics_folder() -> Iterator[Problem]:
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        try:
            _require_writable(Path(named))
        except OSError as error:
            text = f"nothing can be written in {named}, which {FOLDER_VARIABLE} names: {error.strerror}"
            yield Problem(Check.METRICS, text, "make the folder, or unset it")


def _require_writable(folder: Path) -> None:
    """Raises OSError when no file can be made in a folder, or it is none."""
    if not stat.S_ISDIR(folder.stat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _try_address(bind: str) -> None:
    """Take an address for a moment, as gunicorn does; raises OSError when it cannot be had."""
    if bind.startswith(UNIX_PREFIX):
        _try_path(Path(bind.removeprefix(UNIX_PREFIX)))
        return
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind((host, int(port)))
        tried.listen(1)


def _try_path(path: Path) -> None:
    _require_writable(path.absolute().parent)
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise FileExistsError(errno.EEXIST, "it is there already, and no socket")
    with socket.socket(socket.AF_UNIX) as tried, contextlib.suppress(ConnectionRefusedError):
        tried.settimeout(PROBE_SECONDS)
        tried.connect(str(path))
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _why_not(named: str, bind: str, error: OSError, *, is_tls: bool) -> Problem:
    match error.errno:
        case errno.EADDRINUSE:
            is_ours = _is_like_us(bind, is_tls=is_tls)
            who = "a server like this one" if is_ours else "another program"
            text = f"{named}: {who} listens there already"
            return Problem(Check.ADDRESS, text, "stop it, or name another port", is_ours)
        case errno.EADDRNOTAVAIL:
            text = f"{named}: this machine has no such address"
            return Problem(Check.ADDRESS, text, "name one of its own, or 0.0.0.0 for all")
        case errno.EACCES if not bind.startswith(UNIX_PREFIX):
            text = f"{named}: this user may not listen there"
            return Problem(Check.ADDRESS, text, "name a port above 1023, and a proxy before it")
        case _:
            text = f"{named}: nobody can listen there ({error.strerror})"
            return Problem(Check.ADDRESS, text, "name another address")


def _is_like_us(bind: str, *, is_tls: bool) -> bool:
    """Whether a server of our kind answers there; it may be this very installation's."""
    if bind.startswith(UNIX_PREFIX):
        return False
    host, _, port = bind.rpartition(":")
    place = (host.strip("[]").replace("0.0.0.0", "127.0.0.1"), int(port))  # noqa: S104 - to ask it
    asked = (
        http.client.HTTPSConnection(
            *place,
            timeout=PROBE_SECONDS,
            context=ssl._create_unverified_context(),  # noqa: S323, SLF001 - nothing is told it
        )
        if is_tls
        else http.client.HTTPConnection(*place, timeout=PROBE_SECONDS)
    )
    try:
        asked.request("GET", "/healthz")
        return asked.getresponse().getheader(OWN_HEADER) is not None
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()
