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
from werkzeug.wrappers import Request, Response

from packetserver.engine.packages import Download
from packetserver.engine.packet import Packet
from packetserver.errors import NotAuthorized, PacketError, TryAgainLater
from packetserver.protocols.front.bodies import REFUSED_WITH
from packetserver.protocols.front.concurrency import Places
from packetserver.security.credentials import Credentials

logger = logging.getLogger(__name__)

CHUNK_BYTES = 64 * 1024
RETRY_AFTER_SECONDS = 10
BINARY = "application/octet-stream"

Part = tuple[int, int]
"""Bytes of a file: the first, and the one behind the last."""


class PackageStore(Protocol):
    """What this asks of the engine."""

    def find(self, credentials: Credentials | None, host: str, address: str) -> Download | None:
        """The package of a client. Raises NotAuthorized and StoreUnavailable."""

    def note_download(self, package_id: int) -> None:
        """A package is sent to its end. Raises StoreUnavailable."""


def send_package(
    packages: PackageStore, read: Callable[[], Packet], host: str, asked: Request, places: Places
) -> Response:
    """Answer the request.

    ``read`` gives the packet in the request, and raises PacketError; ``host`` is the name that
    the client used for this server.
    """
    try:
        packet = read()
        with places.taken():
            found = packages.find(packet.credentials, host, asked.remote_addr or "")
        return _nothing() if found is None else _file(packages, found, asked)
    except PacketError as refusal:
        return _nothing(REFUSED_WITH.get(type(refusal), HTTPStatus.OK))
    except NotAuthorized:
        return _nothing()
    except TryAgainLater as failure:
        logger.warning("A package cannot be sent: %s", failure)
        response = Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    except Exception:
        logger.exception("A package cannot be sent")
        return _nothing()


def _nothing(status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(b"", status, mimetype=BINARY)


def _file(packages: PackageStore, found: Download, asked: Request) -> Response:
    wanted = _range(asked, found)
    part = (0, found.size) if wanted is None else wanted.range_for_length(found.size)
    if part is None:
        return _described(found, Response(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE), None)
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
