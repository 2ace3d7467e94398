"""`ProcessClientSyncPackage.do`: a form with a client's own package (PROTOCOL.md 1.6, 13.5).

The shipped client shows the answer and reads nothing in it, so it is a short text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from packetserver.errors import PacketError
from packetserver.protocols.front.addresses import Edge
from packetserver.protocols.front.bodies import Incoming
from packetserver.protocols.front.forms import received_form
from packetserver.protocols.front.outcomes import Outcome, OutcomeKind
from packetserver.protocols.front.requests import UNHEEDED, Request, Response
from packetserver.protocols.packet.builder import Limits
from packetserver.protocols.packet.decoding import DecodedBody
from packetserver.protocols.packet.documents import credentials_in
from packetserver.protocols.packet.exchange import is_strict, status_of
from packetserver.protocols.packet.failures import NOT_AUTHORIZED
from packetserver.protocols.packet.package_reader import read_records
from packetserver.protocols.packet.package_zip import unpacked
from packetserver.protocols.packet.packages import Upload
from packetserver.protocols.packet.packet import Item
from packetserver.security.credentials import Credentials
from packetserver.settings import Settings
from packetserver.store.guid_columns import SYSTEM

FILE = "clientSyncPackage"
NO_FILE = f"The form has no file {FILE}"


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


class UploadExchange:
    """One package that a client sends, and the short text that answers it.

    ``incoming`` keeps the package while it comes.
    """

    def __init__(
        self, packages: PackageTaker, incoming: Incoming, edge: Edge, asked: Request
    ) -> None:
        self._packages = packages
        self._bounds = bounds_of(edge.settings)
        self._incoming = incoming.limited(self._bounds.packed)
        self._concurrency = edge.concurrency
        self._request = asked

    def answer(self) -> Response:
        """What became of the package: the whole form is read, and only then the package in it."""
        asked = self._request
        if asked.method in {"GET", "HEAD"}:
            return _text("Sync clients post their packages to this address.")
        with received_form(asked, self._incoming, FILE) as form:
            if form.received is None:
                raise PacketError(NO_FILE)
            credentials = replace(credentials_in(form.fields), system_id=SYSTEM)
            with self._concurrency.slot(form.received.size):
                upload = self._packages.take(
                    credentials,
                    _records(form.received.path, self._bounds),
                    asked.host_name,
                    asked.remote_addr or "",
                    strict=is_strict(asked.headers),
                )
        asked.environ[UNHEEDED] = upload.unheeded
        if upload.errors:
            return _text("\n".join(("Error: Nothing of the package is stored.", *upload.errors)))
        return _text(f"The package is stored: {upload.records} records.")

    def refuse(self, outcome: Outcome) -> Response:
        """The text about a package that was not looked at to its end."""
        refused = outcome.kind is OutcomeKind.NOT_AUTHORIZED
        text = f"Error: {NOT_AUTHORIZED if refused else outcome.text}"
        if outcome.kind is OutcomeKind.FAULT:
            text = f"Error: The server failed. {outcome.text}"
        elif outcome.kind.is_for_later:
            text = "Please send the package again later."
        return _text(text, status_of(outcome))


def _records(path: Path, bounds: Bounds) -> Iterator[Item]:
    """The records of a package, unpacked and read while they are asked for."""
    yield from read_records(DecodedBody(unpacked(path, bounds.unpacked)).texts(), bounds.record)


def _text(text: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(text + "\n", status, mimetype="text/plain")
