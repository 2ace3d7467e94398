"""`ProcessClientSyncPackage.do`: a form with a client's own package (PROTOCOL.md 1.6, 13.5).

The shipped client shows the answer and reads nothing in it, so it is a short text.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from werkzeug.sansio.multipart import Event
from werkzeug.wrappers import Request, Response

from packetserver.engine.packages import Upload
from packetserver.engine.packet import Item
from packetserver.errors import (
    NotAuthorized,
    PacketError,
    PacketServerError,
    TryAgainLater,
)
from packetserver.protocols.front.bodies import REFUSED_WITH, RequestBody
from packetserver.protocols.front.concurrency import Places
from packetserver.protocols.front.incoming import Incoming
from packetserver.protocols.front.requests import UNHEEDED, fault_number
from packetserver.protocols.packet.builder import Limits
from packetserver.protocols.packet.decoding import DecodedBody
from packetserver.protocols.packet.documents import MOST_FIELD_BYTES, credentials_in, read_form
from packetserver.protocols.packet.exchange import is_strict
from packetserver.protocols.packet.forms import MULTIPART, NO_FORM, multipart_events
from packetserver.protocols.packet.package_reader import read_records
from packetserver.protocols.packet.package_zip import unpacked
from packetserver.security.credentials import Credentials
from packetserver.settings import Settings
from packetserver.store.guid_columns import SYSTEM

logger = logging.getLogger(__name__)

FILE = "clientSyncPackage"
NO_FILE = f"The form has no file {FILE}"
RETRY_AFTER_SECONDS = 10


class PackageTaker(Protocol):
    """What this asks of the engine."""

    def take(
        self,
        credentials: Credentials | None,
        items: Iterable[Item],
        host: str,
        address: str,
        *,
        strict: bool = False,
    ) -> Upload:
        """Carry out the records of a package. Raises NotAuthorized and StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a package may be, packed and unpacked in bytes, and what a record of it may have."""

    packed: int
    unpacked: int
    record: Limits


def bounds_of(settings: Settings) -> Bounds:
    """What the settings say of packages."""
    limits = Limits(settings.max_packet_elements, settings.max_packet_depth)
    return Bounds(settings.max_body_bytes, settings.max_package_bytes, limits)


def take_package(
    packages: PackageTaker,
    settings: Settings,
    incoming: Incoming,
    host: str,
    asked: Request,
    places: Places,
) -> Response:
    """Answer the request; ``host`` is the name that the client used for this server.

    ``incoming`` keeps the package while it comes.
    """
    if asked.method in {"GET", "HEAD"}:
        return _text("Sync clients post their packages to this address.")
    try:
        return _outcome(_taken(packages, bounds_of(settings), incoming, host, asked, places))
    except PacketServerError as error:
        return _refusal(error)
    except Exception:
        number = fault_number(asked.environ)
        logger.exception("Request %s failed", number)
        return _text(f"Error: The server failed. Its log tells why, at request {number}.")


def _outcome(upload: Upload) -> Response:
    if upload.errors:
        return _text("\n".join(("Error: Nothing of the package is stored.", *upload.errors)))
    return _text(f"The package is stored: {upload.records} records.")


def _refusal(error: PacketServerError) -> Response:
    """The answer to a package that was not looked at to its end.

    Raises the error again when it is none that a package can cause.
    """
    if isinstance(error, TryAgainLater):
        logger.warning("A package cannot be taken: %s", error)
        response = _text("Please send the package again later.", HTTPStatus.SERVICE_UNAVAILABLE)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    if isinstance(error, PacketError | NotAuthorized):
        return _text(f"Error: {error}", REFUSED_WITH.get(type(error), HTTPStatus.OK))
    raise error


def _taken(
    packages: PackageTaker,
    bounds: Bounds,
    incoming: Incoming,
    host: str,
    asked: Request,
    places: Places,
) -> Upload:
    """Read the whole form, and only then the package in it; a refused one is read to its end."""
    body = RequestBody.of(asked, bounds.packed + MOST_FIELD_BYTES)
    limited = incoming.limited(bounds.packed)
    with contextlib.ExitStack() as kept:
        try:
            form = read_form(
                _events(asked, body.chunks()),
                lambda chunks: kept.enter_context(limited.received(chunks)),
                FILE,
            )
        except PacketServerError:
            body.drain()
            raise
        if form.received is None:
            raise PacketError(NO_FILE)
        credentials = replace(credentials_in(form.fields), system_id=SYSTEM)
        with places.taken(form.received.size):
            items = _records(form.received.path, bounds)
            upload = packages.take(
                credentials,
                items,
                host,
                asked.remote_addr or "",
                strict=is_strict(asked.headers),
            )
            asked.environ[UNHEEDED] = upload.unheeded
            return upload


def _events(asked: Request, chunks: Iterable[bytes]) -> Iterator[Event]:
    if asked.mimetype != MULTIPART:
        raise PacketError(NO_FORM)
    return multipart_events(chunks, asked.mimetype_params.get("boundary", ""))


def _records(path: Path, bounds: Bounds) -> Iterator[Item]:
    """The records of a package, unpacked and read while they are asked for."""
    yield from read_records(DecodedBody(unpacked(path, bounds.unpacked)).texts(), bounds.record)


def _text(text: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(text + "\n", status, mimetype="text/plain")
