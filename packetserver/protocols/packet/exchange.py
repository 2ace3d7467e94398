"""One request of HTTP with a packet, and its answer: to the engine, and back (PROTOCOL.md 1)."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Protocol

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request, Response

from packetserver.engine import answers
from packetserver.engine.answers import RecordSink
from packetserver.engine.documents import Documents
from packetserver.engine.packages import Packages
from packetserver.engine.packet import CommitLevel, Options, Packet
from packetserver.engine.process import NOT_AUTHORIZED
from packetserver.errors import (
    CommitUnknown,
    NotAuthorized,
    PacketError,
    ServerBusy,
    SpoolRefused,
    StoreBusy,
    StoreUnavailable,
)
from packetserver.protocols.front.bodies import (
    CHUNK_BYTES,
    REFUSED_WITH,
    ArrivedBody,
    RequestBody,
)
from packetserver.protocols.front.concurrency import Places
from packetserver.protocols.front.requests import fault_number
from packetserver.protocols.front.spools import Spools
from packetserver.protocols.packet.builder import Limits
from packetserver.protocols.packet.charsets import OutputEncoding
from packetserver.protocols.packet.decoding import DecodedBody, response_encoding
from packetserver.protocols.packet.forms import find_packet
from packetserver.protocols.packet.reader import PacketReader, SenderReader
from packetserver.protocols.packet.record_spool import AnswerLimits, RecordSpool
from packetserver.protocols.packet.writer import document, fault_document
from packetserver.settings import Settings

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 10
TOO_MUCH = "The server has too much to do."
AGAIN_LATER = "Please send the packet again later."
SWITCHED_ON = frozenset({"on", "true", "y", "yes", "1"})


class PacketEngine(Protocol):
    """What the routes ask of the engine."""

    def process(
        self, packet: Packet, options: Options, host: str, address: str, sink: RecordSink
    ) -> tuple[answers.Response, ...]:
        """Carry out a packet. Raises StoreUnavailable."""

    def recognise(self, packet: Packet, host: str, address: str) -> None:
        """Find out whether the sender of a packet is let in, before it is read to its end.

        Raises NotAuthorized, which is counted and audited, and StoreUnavailable.
        """

    def ping(self) -> None:
        """Raises StoreUnavailable when the database does not answer."""

    @property
    def documents(self) -> Documents:
        """What takes files that come by themselves."""

    @property
    def packages(self) -> Packages:
        """What hands out and takes the packages of sync clients."""


def host_of(asked: Request) -> str:
    """The name that the client used for this server."""
    return host_name(asked.headers.get("Host", ""))


class Exchange:
    """One packet and its answer.

    What the request says of its encoding is kept as soon as it is known, so that a packet that
    is refused half-way is answered in it too.
    """

    def __init__(
        self, engine: PacketEngine, settings: Settings, spools: Spools, asked: Request
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._spools = spools
        self._request = asked
        self._charset = asked.mimetype_params.get("charset")
        self._limits = Limits(settings.max_packet_elements, settings.max_packet_depth)
        self._reader: PacketReader | SenderReader = PacketReader(self._limits)
        self._declared: str | None = None

    def answer(self, places: Places) -> Response:
        """The answer to the request, whatever happens; it is worked on in one of the places."""
        try:
            with contextlib.closing(self._arrived()) as body, places.taken(body.size):
                return self._answered(body)
        except PacketError as refusal:
            status = REFUSED_WITH.get(type(refusal), HTTPStatus.OK)
            return self._fault(refusal.text, status)
        except ServerBusy as refusal:
            logger.warning("A packet is sent away: %s", refusal)
            return self._later(TOO_MUCH)
        except SpoolRefused as refusal:
            logger.warning("A packet or its answer finds no room: %s", refusal)
            return self._later(_reason(refusal))
        except StoreUnavailable as failure:
            logger.warning("A packet is answered with 503: %s", failure)
            return self._later(_reason(failure))
        except Exception:
            number = fault_number(self._request.environ)
            logger.exception("Request %s failed", number)
            return self._fault(
                f"The server failed to process the packet. Its log tells why, at request {number}."
            )

    def packet(self) -> Packet:
        """Read the whole packet. Raises PacketError, NotAuthorized and TryAgainLater."""
        with contextlib.closing(self._arrived()) as body:
            return self._read(body)

    def _arrived(self) -> ArrivedBody:
        """The body once it is there, or as much of it as could be read."""
        return ArrivedBody(
            RequestBody.of(self._request, self._settings.max_body_bytes), self._spools
        )

    def _read(self, body: ArrivedBody) -> Packet:
        """The packet in a body; of a long one from a stranger no more than who sends it is read."""
        if body.size > CHUNK_BYTES:
            packet = self._read_by(SenderReader(self._limits), body)
            host, address = host_of(self._request), self._request.remote_addr or ""
            self._engine.recognise(packet, host, address)
        return self._read_by(PacketReader(self._limits), body)

    def _read_by(self, reader: PacketReader | SenderReader, body: ArrivedBody) -> Packet:
        self._reader = reader
        kind, parameters = self._request.mimetype, self._request.mimetype_params
        try:
            source = find_packet(kind, parameters, body.chunks())
            decoded = DecodedBody(source.chunks, self._charset, source.form_charset)
            self._declared = decoded.encoding.name
            return reader.read(decoded.texts())
        finally:
            # What the body raised counts more than what its beginning looks like.
            body.check()

    def _answered(self, body: ArrivedBody) -> Response:
        try:
            packet = self._read(body)
        except NotAuthorized:
            return self._written((answers.Response(None, (NOT_AUTHORIZED,)),))
        return self._processed(packet)

    def _processed(self, packet: Packet) -> Response:
        encoding = self._encoding()
        with contextlib.ExitStack() as resources:
            limits = AnswerLimits(
                self._settings.spool_memory_bytes, self._settings.max_answer_bytes
            )
            spool = RecordSpool(encoding, self._spools, limits)
            resources.callback(spool.close)
            responses = self._engine.process(
                packet,
                read_options(self._request.headers),
                host_of(self._request),
                self._request.remote_addr or "",
                spool,
            )
            length, pieces = document(responses, spool, encoding)
            if length <= self._settings.spool_memory_bytes:
                return reply([b"".join(pieces)], encoding, length)
            kept = resources.pop_all()
            answer = reply(_closing(kept, pieces), encoding, length)
            answer.call_on_close(kept.close)
            return answer

    def _written(self, responses: tuple[answers.Response, ...]) -> Response:
        """An answer without records."""
        encoding = self._encoding()
        limits = AnswerLimits(self._settings.spool_memory_bytes, self._settings.max_answer_bytes)
        with contextlib.closing(RecordSpool(encoding, self._spools, limits)) as none:
            length, pieces = document(responses, none, encoding)
            return reply([b"".join(pieces)], encoding, length)

    def _fault(self, text: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
        encoding = self._encoding()
        content = fault_document(f"Error: {text}", encoding)
        return reply([content], encoding, len(content), status)

    def _later(self, reason: str) -> Response:
        response = self._fault(f"{reason} {AGAIN_LATER}", HTTPStatus.SERVICE_UNAVAILABLE)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response

    def _encoding(self) -> OutputEncoding:
        return response_encoding(
            self._reader.asked_encoding,
            self._declared,
            self._charset,
            self._settings.default_response_encoding,
        )


def overload(settings: Settings) -> tuple[bytes, Mapping[str, str]]:
    """What is answered, with status 503, to who cannot even say what he wants; and its headers."""
    encoding = response_encoding(settings.default_response_encoding)
    content = fault_document(f"Error: {TOO_MUCH} {AGAIN_LATER}", encoding)
    headers = {
        "Content-Type": f"text/xml;charset={encoding.name}",
        "Content-Length": str(len(content)),
        "Retry-After": str(RETRY_AFTER_SECONDS),
    }
    return content, headers


def _reason(failure: StoreUnavailable) -> str:
    """What the client is told of the database, in a sentence."""
    match failure:
        case CommitUnknown():
            return (
                "The server lost its database while it stored the packet, which may be stored:"
                " look first, unless its records are named by guids."
            )
        case SpoolRefused():
            return "The server has no room for long packets and answers."
        case StoreBusy():
            return "The database has too much to do."
        case _:
            return failure.sentence


def _closing(resources: contextlib.ExitStack, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces; after the last one their resources are given free."""
    with resources:
        yield from pieces


def reply(
    pieces: Iterable[bytes],
    encoding: OutputEncoding,
    length: int,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    """An answer of the protocol, of so many bytes in all."""
    answer = Response(pieces, status, content_type=f"text/xml;charset={encoding.name}")
    answer.content_length = length
    return answer


def read_options(headers: Headers) -> Options:
    """What the headers commit-level, object-validation and strict say (docs/filters.md)."""
    is_single = headers.get("commit-level") == CommitLevel.TRANSACTION.value
    validation = headers.get("object-validation", "true")
    return Options(
        CommitLevel.TRANSACTION if is_single else CommitLevel.PACKET,
        validation.lower() in SWITCHED_ON,
        is_strict(headers),
    )


def is_strict(headers: Headers) -> bool:
    """Whether what nothing heeds is to be an error."""
    return headers.get("strict", "").strip().lower() in SWITCHED_ON


def host_name(host: str) -> str:
    """The name in a header Host, without port and without the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
