"""What becomes of a request that cannot be carried out: decided here for all protocols.

Every exception that a protocol, or what stands before it, raises becomes one outcome: its kind, the
status that HTTP has for it, its headers, and a line in the log where an operator should know. How
that is told is the protocol's: its words, and whether its clients read any status but 200.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any

from packetserver.errors import (
    CommitUnknown,
    NotAuthorized,
    PacketCodingUnknown,
    PacketError,
    PacketPackedTooTightly,
    PacketTooLarge,
    PacketTooSlow,
    ServerBusy,
    SpoolRefused,
    StoreBusy,
    StoreUnavailable,
    TryAgainLater,
)
from packetserver.protocols.front.requests import Response, request_id

logger = logging.getLogger(__name__)

OUTCOME = "packetserver.outcome"
"""Where the WSGI environment holds the outcome of a request that was not carried out."""

RETRY_AFTER_SECONDS = 10


class OutcomeKind(Enum):
    """What happened; each with the status that HTTP has for it."""

    TURNED_AWAY = "turned away", HTTPStatus.FORBIDDEN
    """By who asks, or how: nobody has looked at what (protocols/front/hosts.py)."""
    NOTHING_HERE = "nothing here", HTTPStatus.NOT_FOUND
    REFUSED = "refused", HTTPStatus.BAD_REQUEST
    """It cannot be read, and nothing of it was done."""
    ADDRESS_TOO_LONG = "address too long", HTTPStatus.REQUEST_URI_TOO_LONG
    TOO_LARGE = "too large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    PACKED_TOO_TIGHTLY = "packed too tightly", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    CODING_UNKNOWN = "coding unknown", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    TOO_SLOW = "too slow", HTTPStatus.REQUEST_TIMEOUT
    NOT_AUTHORIZED = "not authorized", HTTPStatus.FORBIDDEN
    """Also whose login is refused unseen, because too many have failed: he must not learn that."""
    BUSY = "busy", HTTPStatus.SERVICE_UNAVAILABLE
    """There is more to do than the server takes on."""
    NO_ROOM = "no room", HTTPStatus.SERVICE_UNAVAILABLE
    """Its body or its answer finds no room on disk."""
    STORE_BUSY = "store busy", HTTPStatus.SERVICE_UNAVAILABLE
    STORE_AWAY = "store away", HTTPStatus.SERVICE_UNAVAILABLE
    COMMIT_UNKNOWN = "commit unknown", HTTPStatus.SERVICE_UNAVAILABLE
    """The database was lost while it stored what was sent, which may be stored."""
    FAULT = "fault", HTTPStatus.INTERNAL_SERVER_ERROR
    """Nobody foresaw it."""

    @property
    def status(self) -> HTTPStatus:
        """The status that HTTP has for it."""
        return self.value[1]

    @property
    def is_for_later(self) -> bool:
        """Whether the request may be sent again as it is."""
        return self.status is HTTPStatus.SERVICE_UNAVAILABLE


LADDER: Mapping[type[BaseException], OutcomeKind] = {
    PacketError: OutcomeKind.REFUSED,
    PacketTooLarge: OutcomeKind.TOO_LARGE,
    PacketPackedTooTightly: OutcomeKind.PACKED_TOO_TIGHTLY,
    PacketCodingUnknown: OutcomeKind.CODING_UNKNOWN,
    PacketTooSlow: OutcomeKind.TOO_SLOW,
    NotAuthorized: OutcomeKind.NOT_AUTHORIZED,
    TryAgainLater: OutcomeKind.BUSY,
    ServerBusy: OutcomeKind.BUSY,
    SpoolRefused: OutcomeKind.NO_ROOM,
    StoreBusy: OutcomeKind.STORE_BUSY,
    StoreUnavailable: OutcomeKind.STORE_AWAY,
    CommitUnknown: OutcomeKind.COMMIT_UNKNOWN,
    Exception: OutcomeKind.FAULT,
}
"""An error is what its nearest class here says."""

SENTENCES: Mapping[OutcomeKind, str] = {
    OutcomeKind.BUSY: "The server has too much to do.",
    OutcomeKind.NO_ROOM: "The server has no room for long requests and answers.",
    OutcomeKind.STORE_BUSY: "The database has too much to do.",
    OutcomeKind.ADDRESS_TOO_LONG: "The address of the request is longer than this server takes.",
    OutcomeKind.COMMIT_UNKNOWN: (
        "The server lost its database while it stored the request, which may be stored."
    ),
}
"""What may be told of errors whose own text is for an operator."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a protocol tells its client.

    ``text`` is what anybody may be told of it, in a sentence, for protocols that have no words of
    their own for the kind. ``headers`` mean something beside its status alone.
    """

    kind: OutcomeKind
    status: HTTPStatus
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, kind: OutcomeKind, text: str | None = None, status: HTTPStatus | None = None
    ) -> Outcome:
        """The outcome of a kind, with its headers; without a text or status, what the kind says."""
        return cls(
            kind,
            kind.status if status is None else status,
            SENTENCES.get(kind, "") if text is None else text,
            {"Retry-After": str(RETRY_AFTER_SECONDS)} if kind.is_for_later else {},
        )


def outcome_of(error: Exception, environ: MutableMapping[str, Any]) -> Outcome:
    """The outcome of an error; it is logged, and noted in the environment."""
    kind = next(LADDER[each] for each in type(error).__mro__ if each in LADDER)
    if kind is OutcomeKind.FAULT:
        return fault(error, environ)
    outcome = environ[OUTCOME] = Outcome.of(kind, _text(error, kind))
    if kind.is_for_later:
        logger.warning("A request is answered with 503: %s", error)
    return outcome


def fault(error: BaseException, environ: MutableMapping[str, Any]) -> Outcome:
    """The outcome of an error that nobody foresaw: only the log tells what it was."""
    number = request_id(environ)
    logger.error("Request %s failed", number, exc_info=error)
    text = f"Its log tells why, at request {number}."
    outcome = environ[OUTCOME] = Outcome.of(OutcomeKind.FAULT, text)
    return outcome


def told(words: Callable[[Outcome], Response], outcome: Outcome) -> Response:
    """The answer in a protocol's words, with the headers of the outcome if it has its status."""
    answer = words(outcome)
    if answer.status_code == outcome.status:
        answer.headers.update(outcome.headers)
    return answer


def _text(error: Exception, kind: OutcomeKind) -> str:
    """What anybody may be told; an error for later has a text for operators."""
    if kind is OutcomeKind.STORE_AWAY and isinstance(error, StoreUnavailable):
        return error.sentence
    return SENTENCES[kind] if kind.is_for_later else str(error)
