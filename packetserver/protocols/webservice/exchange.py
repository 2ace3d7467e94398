"""One request of the web service, and its answer."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from packetserver.errors import NoSession, StoreBusy
from packetserver.failures import Refused
from packetserver.protocols.front.addresses import Edge
from packetserver.protocols.front.bodies import ArrivedBody, Incoming, RequestBody
from packetserver.protocols.front.outcomes import Outcome, OutcomeKind
from packetserver.protocols.front.requests import SUMMARY, Request, Response, Summary
from packetserver.protocols.webservice.calls import Answer, Call, Operation, WebService
from packetserver.protocols.webservice.envelope import failure, reply, success
from packetserver.protocols.webservice.errors import (
    AUTHENTICATION_REQUIRED,
    JSON_BODY,
    NOT_LET_IN,
    SESSIONS,
    UNKNOWN_OPERATION,
    WebServiceError,
    Words,
    words_of_failure,
    words_of_outcome,
)
from packetserver.protocols.webservice.operations import OPERATIONS
from packetserver.protocols.webservice.parameters import Parameters, read_parameters
from packetserver.security.sessions import Session, end_sessions, find_session, note_use
from packetserver.store.unit_of_work import unit_of_work

logger = logging.getLogger(__name__)

PROTOCOL = "webservice"
SESSION_HEADER = "corebos-authorization"
PHP_SESSION = "PHPSESSID"

PATIENCE_SECONDS = 0.02
"""How long a request waits for SQLite's writer to note that its session is used."""

SAME_STATUS = frozenset(
    {OutcomeKind.TOO_LARGE, OutcomeKind.PACKED_TOO_TIGHTLY, OutcomeKind.ADDRESS_TOO_LONG}
)
"""What keeps its status, beside what may be tried later: clients read no other than 200."""

PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": f"Content-Type, {SESSION_HEADER}",
    "Access-Control-Max-Age": "600",
}


class WebServiceExchange:
    """A call over HTTP."""

    def __init__(self, web: WebService, edge: Edge, asked: Request) -> None:
        self._web = web
        self._edge = edge
        self._asked = asked
        self._summary = asked.environ[SUMMARY] = Summary(PROTOCOL)

    def answer(self) -> Response:
        """The answer to the call, which is worked on when there is a slot for it."""
        if self._is_preflight():
            return self._allowed(Response(status=HTTPStatus.NO_CONTENT, headers=PREFLIGHT))
        with ExitStack() as kept:
            body = self._arrived(kept)
            with self._edge.concurrency.slot(0 if body is None else body.size):
                return self._allowed(reply(self._asked, self._answered(body, kept)))

    def refuse(self, outcome: Outcome) -> Response:
        """The words for a request that was not carried out."""
        words = words_of_outcome(outcome)
        self._note(words)
        if outcome.kind is OutcomeKind.FAULT:
            self._summary.outcome = "fault"
        elif outcome.kind.is_for_later:
            self._summary.outcome = "unavailable"
        return self._allowed(reply(self._asked, failure(words), status_of(outcome)))

    def _arrived(self, kept: ExitStack) -> ArrivedBody | None:
        """The body of a POST; those of other methods nobody reads."""
        if self._asked.method != "POST":
            return None
        limit = self._edge.settings.max_webservice_bytes
        body = ArrivedBody(RequestBody.of(self._asked, limit), self._edge.spools)
        kept.callback(body.close)
        body.check()
        return body

    def _answered(self, body: ArrivedBody | None, kept: ExitStack) -> bytes:
        library = self._web.service.preferences.library
        incoming = Incoming(library, self._edge.spools)
        try:
            result = self._called(read_parameters(self._asked, body, incoming, kept))
        except WebServiceError as error:
            words = error.words
        except Refused as refused:
            words = words_of_failure(refused)
        else:
            answer = result if isinstance(result, Answer) else Answer(result)
            return success(answer.result, answer.beside)
        self._note(words)
        return failure(words)

    def _note(self, words: Words) -> None:
        self._summary.error = words.code
        self._summary.outcome = "refused" if words.code in NOT_LET_IN else "failed"

    def _called(self, given: Parameters) -> Any:
        operation = OPERATIONS.get(given.text("operation").lower())
        if operation is None:
            raise WebServiceError(JSON_BODY if given.is_json else UNKNOWN_OPERATION)
        self._summary.operation = operation.name
        call = Call(self._web, given, self._asked.remote_addr or "")
        if operation.needs_session:
            return self._with_session(operation, call)
        call.values = operation.read(given, self._asked.method)
        result = operation.run(call)
        self._name(call.found_session)
        return result

    def _with_session(self, operation: Operation, call: Call) -> Any:
        name, service = self._session_name(call.given), self._web.service
        if not name:
            raise WebServiceError(operation.without_session or AUTHENTICATION_REQUIRED)
        at, now = self._web.seconds(), service.preferences.now()
        try:
            with service.runner.request() as request:
                session = request.prove(
                    lambda work: find_session(work.connection, name, at, now, self._web.limits)
                )
                self._name(session)
                call.found_session, call.found_run = session, request
                call.values = operation.read(call.given, self._asked.method)
                result = operation.run(call)
        except NoSession as refusal:
            self._end(refusal)
            raise WebServiceError(operation.without_session or SESSIONS[refusal.why]) from refusal
        self._note_use(session, at)
        return result

    def _session_name(self, given: Parameters) -> str:
        """The first name of a session that is one, wherever clients put it."""
        asked = self._asked
        sources = (
            given.text("sessionName"),
            asked.headers.get(SESSION_HEADER, ""),
            given.text(PHP_SESSION),
            asked.cookies.get(PHP_SESSION, ""),
        )
        return next((each for each in sources if each and each.lower() != "null"), "")

    def _name(self, session: Session | None) -> None:
        self._summary.user = None if session is None else session.user_name

    def _end(self, refusal: NoSession) -> None:
        """End a session for good whose user may have none any more."""
        if refusal.why.ends and refusal.session_id is not None:
            with unit_of_work(self._web.service.database, writes=True) as work:
                end_sessions(work.connection, session_id=refusal.session_id)
                work.commit()

    def _note_use(self, session: Session, at: float) -> None:
        if at - session.used < self._web.limits.noted:
            return
        database = self._web.service.database
        try:
            with unit_of_work(database, writes=True, patience=PATIENCE_SECONDS) as work:
                note_use(work.connection, session, at)
                work.commit()
        except StoreBusy:
            logger.debug("The use of a session is not noted: that of its next request will be")

    def _is_preflight(self) -> bool:
        asked = self._asked
        wanted = asked.headers.get("Access-Control-Request-Method")
        return asked.method == "OPTIONS" and wanted is not None and self._origin() is not None

    def _origin(self) -> str | None:
        """The origin of the page that asks, if it may."""
        origin = self._asked.headers.get("Origin")
        allowed = self._edge.settings.webservice_origins
        return origin if origin is not None and origin.lower() in allowed else None

    def _allowed(self, answer: Response) -> Response:
        if self._edge.settings.webservice_origins:
            answer.vary.add("Origin")
            if (origin := self._origin()) is not None:
                answer.headers["Access-Control-Allow-Origin"] = origin
        return answer


def status_of(outcome: Outcome) -> HTTPStatus:
    """The status of a request that was not carried out."""
    keeps = outcome.kind.is_for_later or outcome.kind in SAME_STATUS
    return outcome.status if keeps else HTTPStatus.OK
