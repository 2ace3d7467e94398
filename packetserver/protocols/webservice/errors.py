"""What fails, in the words of the web service: a code and a message (docs/webservice.md, Errors).

Clients compare codes, and people read messages; both are those of the original servers, slips of
spelling included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packetserver.errors import LogIn, Over, PacketServerError
from packetserver.failures import Kind, Refused
from packetserver.protocols.front.outcomes import Outcome, OutcomeKind


@dataclass(frozen=True, slots=True)
class Words:
    """An error as it is told."""

    code: str
    message: str


class WebServiceError(PacketServerError):
    """An operation is not carried out, and nothing of it is stored; ``words`` say why."""

    def __init__(self, words: Words) -> None:
        super().__init__(f"{words.code}: {words.message}")
        self.words = words


ACCESS_DENIED, INVALID_VALUE = "ACCESS_DENIED", "INVALID_VALUE"

AUTHENTICATION_REQUIRED = Words("AUTHENTICATION_REQUIRED", "Authencation required")
AUTHENTICATION_FAILURE = Words("AUTHENTICATION_FAILURE", "Authencation Failed")
INACTIVE = Words("AUTHENTICATION_REQUIRED", "Given user is inactive")
NO_ACCESS_KEY = Words("ACCESSKEY_UNDEFINED", "Access key for the user is undefined")
NO_CHALLENGE = Words("INVALID_AUTH_TOKEN", "Specified token is invalid or expired")
WRONG_ACCESS_KEY = Words("INVALID_USER_CREDENTIALS", "Invalid username or password")
UNKNOWN_SESSION = Words("INVALID_SESSIONID", "Session Identifier provided is Invalid")
SESSION_EXPIRED = Words("SESSION_EXPIRED", "Session has life span over please login again")
SESSION_LEFT_IDLE = Words("SESSION_LEFT_IDLE", "Session has been invalidated to due lack activity")
UNKNOWN_OPERATION = Words("UNKNOWN_OPERATION", "Unknown operation requested")
JSON_BODY = Words(
    "UNKNOWN_OPERATION",
    "Unknown operation requested: parameters are expected as those of a form, not as JSON",
)
NOT_SUPPORTED = Words("OPERATION_NOT_SUPPORTED", "Permission to perform the operation is denied")
DENIED = Words(ACCESS_DENIED, "Permission to perform the operation is denied")
NOT_FOUND = Words("RECORD_NOT_FOUND", "Record you are trying to access is not found")
UNFORESEEN = Words("INTERNAL_SERVER_ERROR", "Unknown Error while processing request")
TOO_LARGE = Words("REQUEST_TOO_LARGE", "The request is longer than this server takes")
AGAIN_LATER = "SERVICE_UNAVAILABLE"
UNREADABLE = "INVALID_REQUEST"

LOG_INS: Mapping[LogIn, Words] = {
    LogIn.NO_CHALLENGE: NO_CHALLENGE,
    LogIn.NO_KEY: NO_ACCESS_KEY,
    LogIn.WRONG: WRONG_ACCESS_KEY,
    LogIn.INACTIVE: INACTIVE,
}
SESSIONS: Mapping[Over, Words] = {
    Over.UNKNOWN: UNKNOWN_SESSION,
    Over.USER: UNKNOWN_SESSION,
    Over.TOO_OLD: SESSION_EXPIRED,
    Over.IDLE: SESSION_LEFT_IDLE,
}
NOT_LET_IN = frozenset(
    each.code
    for each in (
        *(*LOG_INS.values(), *SESSIONS.values()),
        *(AUTHENTICATION_REQUIRED, AUTHENTICATION_FAILURE),
    )
)
"""The codes that tell who asks that he has to log in, or cannot."""

OUTCOMES: Mapping[OutcomeKind, Words] = {
    OutcomeKind.FAULT: UNFORESEEN,
    OutcomeKind.NOT_AUTHORIZED: WRONG_ACCESS_KEY,
    OutcomeKind.TOO_LARGE: TOO_LARGE,
    OutcomeKind.PACKED_TOO_TIGHTLY: TOO_LARGE,
    OutcomeKind.ADDRESS_TOO_LONG: TOO_LARGE,
}
"""What always has the same words; all else says what it is."""

FAILURES: Mapping[Kind, Words] = {
    Kind.UNKNOWN: DENIED,
    Kind.UNSUPPORTED: NOT_SUPPORTED,
    Kind.DENIED: DENIED,
    Kind.FORBIDDEN: DENIED,
    Kind.MISSING: NOT_FOUND,
}
"""Failures of records that always have the same words; all others tell what is wrong."""

CODES: Mapping[Kind, str] = {
    Kind.REFERENCE: "REFERENCE_INVALID",
    Kind.CONFLICT: "RECORD_MODIFIED",
    Kind.IN_USE: ACCESS_DENIED,
}


def denied_for(what: str) -> Words:
    """The words for a name or an id that means nothing, or nothing that may be known."""
    return Words(ACCESS_DENIED, f"{DENIED.message} for {what}")


def no_json(parameter: str) -> Words:
    """The words for a parameter that should hold JSON and does not."""
    return Words(INVALID_VALUE, f"The value of {parameter} is not JSON")


def words_of_failure(refused: Refused) -> Words:
    """The words for what could not be done with records."""
    first = refused.failures[0]
    if first.kind in FAILURES:
        return FAILURES[first.kind]
    return Words(CODES.get(first.kind, INVALID_VALUE), first.sentence)


def words_of_outcome(outcome: Outcome) -> Words:
    """The words for a request of which nothing was carried out."""
    if outcome.kind in OUTCOMES:
        return OUTCOMES[outcome.kind]
    if outcome.kind.is_for_later:
        return Words(AGAIN_LATER, f"{outcome.text} Please try again later.")
    is_turned_away = outcome.kind is OutcomeKind.TURNED_AWAY
    return Words(ACCESS_DENIED if is_turned_away else UNREADABLE, outcome.text)
