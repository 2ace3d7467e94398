"""login: begins a session for who answers a challenge of getchallenge."""

from __future__ import annotations

from typing import Any

from packetserver.errors import LogInRefused
from packetserver.protocols.webservice.calls import Call, Method, Operation, Parameter
from packetserver.protocols.webservice.errors import LOG_INS, NO_ACCESS_KEY, WebServiceError
from packetserver.security.challenges import admit
from packetserver.security.credentials import Credentials
from packetserver.security.sessions import Session, begin_session
from packetserver.security.throttle import Attempt
from packetserver.store.unit_of_work import UnitOfWork

NAME = "login"
VERSION, VTIGER_VERSION = "0.22", "6.5.0"
"""What clients have been told of the web service, and of the server that they were written for."""

USERS = 19
"""What the ids of users begin with."""


def run(call: Call) -> dict[str, Any]:
    """Log in; a failure is counted and audited like that of a packet."""
    credentials = Credentials(username=call["username"])
    try:
        with call.service.entrance.attempt(
            credentials, call.address, lambda: [(None, NAME)]
        ) as attempt:
            session = _begun(call, attempt)
    except LogInRefused as refusal:
        raise WebServiceError(LOG_INS[refusal.why]) from refusal
    call.found_session = session
    return told(session)


def _begun(call: Call, attempt: Attempt) -> Session:
    service, web = call.service, call.web
    name, answer, now = call["username"], call["accessKey"], service.preferences.now()
    with service.runner.request() as request:
        admitted = request.prove(
            lambda work: admit(work.connection, web.seals, name, answer, now, attempt)
        )

        def store(work: UnitOfWork) -> Session:
            return begin_session(work.connection, admitted, call.address, web.seconds(), web.limits)

        return request.attempt(store, writes=True, keep=lambda _: True)


def told(session: Session) -> dict[str, Any]:
    """A session as it is told: document 001 calls its name sessionId, the others sessionName."""
    return {
        "sessionName": session.name,
        "userId": f"{USERS}x{session.principal.user_id}",
        "version": VERSION,
        "vtigerVersion": VTIGER_VERSION,
        "sessionId": session.name,
    }


OPERATION = Operation(
    NAME,
    run,
    Method.POST,
    parameters=(Parameter("username", required=NO_ACCESS_KEY), Parameter("accessKey")),
    needs_session=False,
)
