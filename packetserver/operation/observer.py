"""Stands around the application: names each request, times it to its end, counts it, logs it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from packetserver.operation.logs import event_logger
from packetserver.operation.metrics import Metrics
from packetserver.operation.requests import (
    CURRENT,
    HEADER,
    PROBES,
    Principal,
    RequestFacts,
    request_id,
    shown,
)
from packetserver.protocols.front.outcomes import OUTCOME, Outcome, OutcomeKind
from packetserver.protocols.front.requests import REQUEST_ID, SUMMARY, UNHEEDED, Summary
from packetserver.security import audit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = event_logger("packetserver.requests")

REFUSALS = {audit.THROTTLED: "throttled", audit.NOT_AUTHORIZED: "not_authorized"}

PACKET_ACTION = "ProcessPacket.do"


@dataclass(frozen=True, slots=True)
class Counted:
    """As what kind of error an outcome counts, and what it makes of a packet."""

    error: str
    outcome: str
    is_of_packets: bool = False


COUNTED: Mapping[OutcomeKind, Counted] = {
    OutcomeKind.FAULT: Counted("internal", "fault"),
    **{each: Counted("unavailable", "unavailable") for each in OutcomeKind if each.is_for_later},
    OutcomeKind.TOO_LARGE: Counted("too_large", "refused"),
    OutcomeKind.PACKED_TOO_TIGHTLY: Counted("too_large", "refused"),
    OutcomeKind.TOO_SLOW: Counted("too_slow", "refused"),
    OutcomeKind.TURNED_AWAY: Counted("door", "refused"),
    OutcomeKind.REFUSED: Counted("packet", "refused", is_of_packets=True),
    OutcomeKind.CODING_UNKNOWN: Counted("packet", "refused", is_of_packets=True),
}
"""What is left out is counted elsewhere: who is not let in is in the audit log."""


class CountedInput:
    """The body of a request, which counts what is read of it."""

    def __init__(self, stream: Any, facts: RequestFacts) -> None:
        self._stream = stream
        self._facts = facts

    def read(self, size: int = -1, /) -> bytes:
        """Up to so many bytes; none at the end."""
        return self._counted(self._stream.read(size))

    def readline(self, size: int = -1, /) -> bytes:
        """The next line, or up to so many bytes of it."""
        return self._counted(self._stream.readline(size))

    def readlines(self, hint: int = -1, /) -> list[bytes]:
        """All lines, or those that make up about so many bytes."""
        return [self._counted(line) for line in self._stream.readlines(hint)]

    def __iter__(self) -> Iterator[bytes]:
        return map(self._counted, self._stream)

    def _counted(self, piece: bytes) -> bytes:
        self._facts.bytes_in += len(piece)
        return piece


class CountedAnswer:
    """The pieces of an answer, counted; at its end, however it ends, the request is over."""

    def __init__(
        self, pieces: Iterable[bytes], facts: RequestFacts, end: Callable[[], None]
    ) -> None:
        self._pieces = pieces
        self._iterator = iter(pieces)
        self._facts = facts
        self._end: Callable[[], None] | None = end

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = next(self._iterator)
        self._facts.bytes_out += len(piece)
        return piece

    def close(self) -> None:
        """Give free what the answer holds. The server calls this, even if the client is gone."""
        close = getattr(self._pieces, "close", None)
        try:
            if close is not None:
                close()
        finally:
            end, self._end = self._end, None
            if end is not None:
                end()


class Observer:
    """A WSGI application that observes another one."""

    def __init__(self, application: WSGIApplication, metrics: Metrics) -> None:
        self._application = application
        self._metrics = metrics
        logging.getLogger(audit.NAME).addFilter(note_refusal)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        facts = _facts(environ)
        environ[REQUEST_ID] = facts.id
        environ["wsgi.input"] = CountedInput(environ["wsgi.input"], facts)
        structlog.contextvars.bind_contextvars(request_id=facts.id)
        token = CURRENT.set(facts)
        self._metrics.request_begins(facts)
        try:
            pieces = self._application(environ, _noting(start_response, facts))
        except BaseException:
            facts.status = 500
            self._end(environ, facts)
            raise
        finally:
            CURRENT.reset(token)
        return CountedAnswer(pieces, facts, lambda: self._end(environ, facts))

    def _end(self, environ: WSGIEnvironment, facts: RequestFacts) -> None:
        # What stands inside may have found out by now who is behind a proxy.
        facts.address = environ.get("REMOTE_ADDR") or ""
        facts.unheeded.add(environ.get(UNHEEDED))
        facts.summary = environ.get(SUMMARY)
        _judge(environ, facts)
        self._metrics.request_ends(facts)
        level = "debug" if facts.action in PROBES else "info"
        getattr(logger, level)("request", **_line(facts))
        structlog.contextvars.unbind_contextvars("request_id")


def note_refusal(record: logging.LogRecord) -> bool:
    """Note of the request being carried out that its sender was not let in; nothing is held back.

    Only the audit log tells a sender who is throttled from one who has the wrong code.
    """
    facts, event = CURRENT.get(), record.msg
    if facts is not None and isinstance(event, dict):
        kind = REFUSALS.get(event.get("outcome", ""))
        if kind is not None:
            facts.errors[kind] += 1
    return True


def _facts(environ: WSGIEnvironment) -> RequestFacts:
    return RequestFacts(
        id=request_id(environ.get("HTTP_X_REQUEST_ID")),
        method=shown(environ.get("REQUEST_METHOD", "")),
        action=shown(environ.get("PATH_INFO", "").rpartition("/")[2]),
    )


def _noting(start_response: StartResponse, facts: RequestFacts) -> StartResponse:
    """Notes the status of an answer, and has it carry the request's id."""

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        facts.status = int(status.partition(" ")[0])
        return start_response(status, [*headers, (HEADER, facts.id)], *more)

    return start


def _judge(environ: WSGIEnvironment, facts: RequestFacts) -> None:
    """What became of a packet that the engine has not seen, and what kind of error that was."""
    outcome: Outcome | None = environ.get(OUTCOME)
    if outcome is not None:
        counted = COUNTED.get(outcome.kind)
    else:
        counted = COUNTED[OutcomeKind.FAULT] if facts.status == 500 else None
    is_packet = _is_packet(environ, facts)
    if counted is None or (counted.is_of_packets and not is_packet):
        return
    facts.errors[counted.error] += 1
    if is_packet:
        facts.outcome = counted.outcome


def _is_packet(environ: WSGIEnvironment, facts: RequestFacts) -> bool:
    is_command = "command=ReloadSyncMap" in environ.get("QUERY_STRING", "")
    return facts.action == PACKET_ACTION and facts.method not in {"GET", "HEAD"} and not is_command


def _line(facts: RequestFacts) -> dict[str, Any]:
    """The facts of a request for the log; nothing that it carries, and nothing secret."""
    line: dict[str, Any] = {
        "method": facts.method,
        "address": facts.address,
        "action": facts.action,
        "status": facts.status,
        "bytes_in": facts.bytes_in,
        "bytes_out": facts.bytes_out,
        "milliseconds": round(facts.seconds * 1000, 1),
    }
    if facts.outcome is not None:
        line["outcome"] = facts.outcome
        line["transactions"] = facts.transactions
        line["failed"] = facts.failed
        line["items"] = facts.items
    if facts.summary is not None:
        line.update(_summary(facts.summary))
    if facts.errors:
        line["errors"] = dict(facts.errors)
    if facts.unheeded.counts:
        line["unheeded"] = dict(facts.unheeded.counts)
        line["unheeded_names"] = [
            f"{kind} {element}.{shown(name)}" for kind, element, name in facts.unheeded.names
        ]
    if facts.principal is not None:
        line.update(_principal(facts.principal))
    return line


def _summary(summary: Summary) -> dict[str, Any]:
    facts = {
        "protocol": summary.protocol,
        "operation": summary.operation,
        "outcome": summary.outcome,
        "error": summary.error,
        "user": summary.user,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _principal(principal: Principal) -> dict[str, Any]:
    facts = {"principal": principal.kind, "user": principal.user, "client": principal.client}
    return {name: value for name, value in facts.items() if value is not None}
