"""One request of HTTP with a packet, and its answer: to the engine, and back (PROTOCOL.md 1)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Protocol

from werkzeug.datastructures import Headers

from packetserver.protocols.front.addresses import Edge
from packetserver.protocols.front.bodies import CHUNK_BYTES, ArrivedBody, RequestBody
from packetserver.protocols.front.outcomes import Outcome, OutcomeKind
from packetserver.protocols.front.requests import Request, Response
from packetserver.protocols.packet import packet as answers
from packetserver.protocols.packet.builder import Limits
from packetserver.protocols.packet.charsets import UTF_8, OutputEncoding
from packetserver.protocols.packet.decoding import DecodedBody, response_encoding
from packetserver.protocols.packet.failures import NOT_AUTHORIZED
from packetserver.protocols.packet.forms import find_packet
from packetserver.protocols.packet.packages import Packages
from packetserver.protocols.packet.packet import CommitLevel, Options, Packet, RecordSink
from packetserver.protocols.packet.reader import PacketReader, SenderReader
from packetserver.protocols.packet.record_spool import AnswerLimits, RecordSpool
from packetserver.protocols.packet.stored_documents import Documents
from packetserver.protocols.packet.writer import document, fault_document
from packetserver.records.service import Service
from packetserver.settings import Settings

AGAIN_LATER = "Please send the packet again later."
SENTENCES: Mapping[OutcomeKind, str] = {
    OutcomeKind.NO_ROOM: "The server has no room for long packets and answers.",
    OutcomeKind.COMMIT_UNKNOWN: (
        "The server lost its database while it stored the packet, which may be stored:"
        " look first, unless its records are named by guids."
    ),
}
"""What a client is told of the server, where packets have words of their own."""

TOLD_AS_ANSWERS = frozenset({OutcomeKind.REFUSED, OutcomeKind.NOT_AUTHORIZED, OutcomeKind.FAULT})
"""What is told with status 200: the shipped clients read no other (DECISIONS.md, HTTP status)."""

EMPTY_ANSWER = b'<?xml version="1.0" encoding="UTF-8"?><aspcfs/>\n'
ABOUT = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Packet server</title></head>
<body>
<h1>Packet server</h1>
<p>Programs post XML packets to <code>/ProcessPacket.do</code> and are answered with XML.
There is nothing to see here for people.</p>
</body>
</html>
"""
NOTHING_HERE = "There is nothing at this address. Packets are posted to /ProcessPacket.do\n"
SWITCHED_ON = frozenset({"on", "true", "y", "yes", "1"})


class PacketEngine(Protocol):
    """What the routes ask of the engine."""

    @property
    def service(self) -> Service:
        """What it shares with other protocols."""

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


class PacketExchange:
    """One packet and its answer.

    What the request says of its encoding is kept as soon as it is known, so that a packet that
    is refused half-way is answered in it too.
    """

    def __init__(self, engine: PacketEngine, edge: Edge, asked: Request) -> None:
        self._engine = engine
        self._edge = edge
        self._settings = edge.settings
        self._request = asked
        self._charset = asked.mimetype_params.get("charset")
        self._limits = Limits(self._settings.max_packet_elements, self._settings.max_packet_depth)
        self._reader: PacketReader | SenderReader | None = None
        self._declared: str | None = None

    def answer(self) -> Response:
        """The answer to the packet, which is worked on when there is a slot for it."""
        asked = self._request
        if asked.query_string and asked.args.get("command") == "ReloadSyncMap":
            # The catalogue never changes while the server runs: there is nothing to load again.
            return reply([EMPTY_ANSWER], UTF_8, len(EMPTY_ANSWER))
        if asked.method in {"GET", "HEAD"}:
            return about_page()
        with contextlib.closing(self._arrived()) as body, self._edge.concurrency.slot(body.size):
            return self._processed(self._read(body))

    def refuse(self, outcome: Outcome) -> Response:
        """The document for a packet that was not carried out, in the encoding of its client."""
        return fault_reply(outcome, self._encoding())

    def packet(self) -> Packet:
        """Read the whole packet. Raises PacketError, NotAuthorized and TryAgainLater."""
        with contextlib.closing(self._arrived()) as body:
            return self._read(body)

    def _arrived(self) -> ArrivedBody:
        """The body once it is there, or as much of it as could be read."""
        return ArrivedBody(
            RequestBody.of(self._request, self._settings.max_body_bytes), self._edge.spools
        )

    def _read(self, body: ArrivedBody) -> Packet:
        """The packet in a body; of a long one from a stranger no more than who sends it is read."""
        if body.size > CHUNK_BYTES:
            packet = self._read_by(SenderReader(self._limits), body)
            asked = self._request
            self._engine.recognise(packet, asked.host_name, asked.remote_addr or "")
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

    def _processed(self, packet: Packet) -> Response:
        encoding = self._encoding()
        with contextlib.ExitStack() as resources:
            limits = AnswerLimits(
                self._settings.spool_memory_bytes, self._settings.max_answer_bytes
            )
            spool = RecordSpool(encoding, self._edge.spools, limits)
            resources.callback(spool.close)
            responses = self._engine.process(
                packet,
                read_options(self._request.headers),
                self._request.host_name,
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

    def _encoding(self) -> OutputEncoding:
        return response_encoding(
            None if self._reader is None else self._reader.asked_encoding,
            self._declared,
            self._charset,
            self._settings.default_response_encoding,
        )


def refusal(outcome: Outcome, settings: Settings) -> Response:
    """What is told to who comes to no exchange: nobody has looked at what he sends."""
    if outcome.kind is OutcomeKind.NOTHING_HERE:
        return Response(NOTHING_HERE, outcome.status, mimetype="text/plain")
    answer = fault_reply(outcome, response_encoding(settings.default_response_encoding))
    # In HTTP's own letters, in which such refusals have always come.
    answer.status = f"{outcome.status.value} {outcome.status.phrase}"
    return answer


def fault_reply(outcome: Outcome, encoding: OutputEncoding) -> Response:
    """The document that tells of a packet which is refused as a whole (PROTOCOL.md 2.6)."""
    content = fault_document(_sentence(outcome), encoding)
    return reply([content], encoding, len(content), status_of(outcome))


def status_of(outcome: Outcome) -> HTTPStatus:
    """The status of an answer: what concerns the packet, and not its way here, has 200."""
    return HTTPStatus.OK if outcome.kind in TOLD_AS_ANSWERS else outcome.status


def about_page() -> Response:
    """Tells a person with a browser what this address is for."""
    return Response(ABOUT, mimetype="text/html")


def _sentence(outcome: Outcome) -> str:
    """What the client is told, in one sentence or two."""
    if outcome.kind is OutcomeKind.NOT_AUTHORIZED:
        return NOT_AUTHORIZED
    if outcome.kind is OutcomeKind.FAULT:
        return f"Error: The server failed to process the packet. {outcome.text}"
    sentence = SENTENCES.get(outcome.kind, outcome.text)
    return f"Error: {sentence} {AGAIN_LATER}" if outcome.kind.is_for_later else f"Error: {sentence}"


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
