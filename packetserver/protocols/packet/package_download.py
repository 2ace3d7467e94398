"""`ProcessSyncPackageDownload.do`: the file of a client's package, whole or in part.

Every failure is an empty body with status 200, which is what the shipped client takes for one; only
a body that HTTP has a status for is refused with that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from typing import IO, Protocol

from werkzeug.datastructures import Range
from werkzeug.http import parse_range_header, unquote_etag

from packetserver.protocols.front.concurrency import Concurrency
from packetserver.protocols.front.outcomes import Outcome
from packetserver.protocols.front.requests import Request, Response
from packetserver.protocols.packet.exchange import PacketExchange, about_page, status_of
from packetserver.protocols.packet.packages import Download
from packetserver.security.credentials import Credentials

logger = logging.getLogger(__name__)

CHUNK_BYTES = 64 * 1024
BINARY, TEXT = "application/octet-stream", "text/plain"

Part = tuple[int, int]
"""Bytes of a file: the first, and the one behind the last."""


class PackageStore(Protocol):
    """What this asks of the engine."""

    def find(self, credentials: Credentials | None, host: str, address: str) -> Download | None:
        """The package of a client. Raises NotAuthorized and StoreUnavailable."""

    def note_download(self, package_id: int) -> None:
        """A package is sent to its end. Raises StoreUnavailable."""


class DownloadExchange:
    """A packet that asks for a package, and the package; ``sent`` reads the packet."""

    def __init__(
        self,
        packages: PackageStore,
        sent: PacketExchange,
        concurrency: Concurrency,
        asked: Request,
    ) -> None:
        self._packages = packages
        self._sent = sent
        self._concurrency = concurrency
        self._request = asked

    def answer(self) -> Response:
        """The package of the client, or nothing."""
        asked = self._request
        if asked.method in {"GET", "HEAD"}:
            return about_page()
        packet = self._sent.packet()
        with self._concurrency.slot():
            found = self._packages.find(
                packet.credentials, asked.host_name, asked.remote_addr or ""
            )
        return _nothing() if found is None else _file(self._packages, found, asked)

    def refuse(self, outcome: Outcome) -> Response:
        """Nothing, with a status that says why if HTTP has one."""
        if outcome.kind.is_for_later:
            return Response(status=outcome.status, mimetype=TEXT)
        return _nothing(status_of(outcome))


def _nothing(status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(b"", status, mimetype=BINARY)


def _file(packages: PackageStore, found: Download, asked: Request) -> Response:
    wanted = _range(asked, found)
    part = (0, found.size) if wanted is None else wanted.range_for_length(found.size)
    if part is None:
        return _described(
            found, Response(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, mimetype=TEXT), None
        )
    with ExitStack() as opened:
        file = opened.enter_context(found.path.open("rb"))
        pieces = _pieces(file, part, lambda: _note_end(packages, found, part))
        status = HTTPStatus.OK if wanted is None else HTTPStatus.PARTIAL_CONTENT
        response = _described(found, Response(pieces, status, mimetype=BINARY), part)
        response.call_on_close(opened.pop_all().close)
    return response


def _range(asked: Request, found: Download) -> Range | None:
    """The range of bytes that is asked for; None means all of them.

    So does what is no range of bytes, more than one range, or a range of another file (RFC 9110,
    14.2 and 13.1.5). Of the last so many bytes a file has no more than all (14.1.2).
    """
    condition = asked.headers.get("If-Range")
    if condition is not None and unquote_etag(condition) != (found.name, False):
        return None
    wanted = parse_range_header(asked.headers.get("Range"))
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return None
    ((start, _),) = wanted.ranges
    return Range("bytes", [(0, None)]) if start < -found.size else wanted


def _described(found: Download, response: Response, part: Part | None) -> Response:
    """The response with the headers that tell what it holds."""
    response.set_etag(found.name)
    response.headers["Accept-Ranges"] = "bytes"
    if part is None:
        response.headers["Content-Range"] = f"bytes */{found.size}"
        return response
    start, stop = part
    response.content_length = stop - start
    response.headers["Content-Disposition"] = f'attachment; filename="{found.name}.zip"'
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{found.size}"
    return response


def _pieces(file: IO[bytes], part: Part, at_end: Callable[[], None]) -> Iterator[bytes]:
    start, stop = part
    with file:
        file.seek(start)
        while start < stop and (piece := file.read(min(CHUNK_BYTES, stop - start))):
            start += len(piece)
            if start == stop:
                # Before the last piece: what the client sends next must find it noted.
                at_end()
            yield piece


def _note_end(packages: PackageStore, found: Download, part: Part) -> None:
    """Count a download that reaches the end of the file; the client gets it in any case."""
    if part[1] < found.size:
        return
    try:
        packages.note_download(found.package_id)
    except Exception:
        logger.exception("The download of package %s is not noted", found.package_id)
