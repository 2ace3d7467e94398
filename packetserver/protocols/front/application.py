"""The Flask application on which all protocols are served, and what is done before Flask is asked.

Clients that cannot be changed ask for more than Flask's rules can say, each in its place:

* `;jsessionid=…` behind the segments of a path, and any path before, or behind, the name of an
  address: `PlainPaths`, which is WSGI and stands before all others.
* Any method, also one that HTTP does not know: a rule that is added to Flask's map names none.
* Two slashes in a row, and hosts that no name server could know: `Application`, which redirects
  nobody and leaves hosts to protocols/front/hosts.py, WSGI as well.
* Slow clients, bodies of any length, and answers that are sent while they are read: the server
  (packetserver.http) hands on bodies that are there to their end, and reads an answer's pieces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import flask
from flask.sessions import NullSession, SessionInterface
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import MapAdapter

from packetserver.protocols.front.addresses import Address, WireProtocol
from packetserver.protocols.front.outcomes import Outcome, OutcomeKind, fault, outcome_of, told
from packetserver.protocols.front.requests import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PARAMETERS = re.compile(r";[^/]*")
"""What may follow each segment of a path. Clients of the original send its session's id there."""

HOST = "localhost"
"""Which host rules are looked up for: they are the same for all."""

ExceptionInfo = tuple[type, BaseException, TracebackType] | tuple[None, None, None]


class NoSessions(SessionInterface):
    """Nobody is known by a cookie here."""

    nobody = NullSession()

    def open_session(self, app: flask.Flask, request: flask.Request) -> NullSession:  # noqa: ARG002 - Flask's signature
        """The session of a request: none."""
        return self.nobody


class Application(flask.Flask):
    """Flask, with the addresses of the protocols; what is at none is told in the words of the first."""

    request_class = Request
    session_interface = NoSessions()

    def __init__(self, protocols: Sequence[WireProtocol], longest_body: int) -> None:
        """``longest_body`` is how many bytes a body may have where there is no address."""
        super().__init__("packetserver", static_folder=None)
        self._protocols = tuple(protocols)
        self._longest_body = longest_body
        self._found: dict[str, tuple[Address, WireProtocol]] = {}
        # Nobody who sends a packet follows a redirection to the same path with fewer slashes.
        self.url_map.merge_slashes = False
        for protocol in protocols:
            for address in protocol.addresses:
                self._register(address, protocol)
        self.register_error_handler(NotFound, self._nothing_here)
        named = [each for each, _ in self._found.values() if each.found_by_name]
        self.names = frozenset(_name(each) for each in named)
        """The addresses that are found by their name, whatever stands before it."""
        self.names_within = frozenset(_name(each) for each in named if each.followed_by_any)
        """Those that are found whatever stands behind it, too."""

    def longest_body(self, path: str) -> int:
        """How many bytes the body of a request may have; ``path`` is as the client wrote it."""
        found = self._at(PARAMETERS.sub("", unquote(path)))
        return self._longest_body if found is None else found[0].longest_body

    def words_at(self, path: str) -> Callable[[Outcome], Response]:
        """The words of the protocol that a path belongs to, for who comes to no exchange."""
        found = self._at(path)
        protocol = self._claiming(path) if found is None else found[1]
        return (self._protocols[0] if protocol is None else protocol).refuse

    def create_url_adapter(self, request: flask.Request | None) -> MapAdapter | None:
        """Flask's look-up of a request, which takes any host and any scheme."""
        if request is None:
            return None
        return MapAdapter(
            *(self.url_map, HOST, request.root_path, "", "http", request.path, request.method)
        )

    def log_exception(self, exc_info: ExceptionInfo) -> None:
        """Log what an address beside the protocols did not foresee, as theirs is logged."""
        if exc_info[1] is not None:
            fault(exc_info[1], flask.request.environ)

    def _register(self, address: Address, protocol: WireProtocol) -> None:
        # `add_url_rule` would name methods, and answer OPTIONS by itself.
        self.url_map.add(self.url_rule_class(address.rule, endpoint=address.rule))
        self.view_functions[address.rule] = partial(_answer, address)
        self._found[address.rule] = address, protocol

    def _at(self, path: str) -> tuple[Address, WireProtocol] | None:
        parted = parted_at_name(path, self.names, self.names_within)
        if parted is not None:
            return self._found["/" + parted[1]]
        try:
            endpoint, _ = self.url_map.bind(HOST).match(path)
        except HTTPException:
            return None
        return self._found.get(endpoint)

    def _claiming(self, path: str) -> WireProtocol | None:
        """The protocol whose addresses end as a path does."""
        claims = (each for each in self._protocols if each.suffix and path.endswith(each.suffix))
        return next(claims, None)

    def _nothing_here(self, error: NotFound) -> Response | NotFound:
        protocol = self._claiming(flask.request.path)
        return (
            error
            if protocol is None
            else told(protocol.refuse, Outcome.of(OutcomeKind.NOTHING_HERE))
        )


def _name(address: Address) -> str:
    return address.rule.removeprefix("/")


def parted_at_name(
    path: str, names: Collection[str], within: Collection[str]
) -> tuple[str, str] | None:
    """What stands before the name of an address in a path, and the name; None when none is there.

    The last segment counts first, then the first one of those ``within``.
    """
    before, _, name = path.rpartition("/")
    if name in names:
        return before, name
    segments = path.split("/")
    place = next((place for place, each in enumerate(segments) if each in within), None)
    return None if place is None else ("/".join(segments[:place]), segments[place])


def _answer(address: Address, **_values: Any) -> Response:
    """The answer to the request at an address, whatever happens."""
    # The request itself: what stands for it asks anew for each attribute which one is meant.
    asked: Request = flask.request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    exchange = address.exchange(asked)
    try:
        return exchange.answer()
    except Exception as error:  # noqa: BLE001 - the one place where all become outcomes
        outcome = outcome_of(error, asked.environ)
    return told(exchange.refuse, outcome)


class PlainPaths:
    """The application, for paths without the parameters of their segments.

    What stands before one of the ``names`` becomes the place where the application is mounted; what
    stands behind one of those ``within`` means nothing. It stands before all others, so that what is
    answered, refused, counted and logged is one address.
    """

    def __init__(
        self,
        application: WSGIApplication,
        names: Collection[str],
        within: Collection[str] = frozenset(),
    ) -> None:
        self._application = application
        self._names = names
        self._within = within

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        path: str = environ.get("PATH_INFO", "")
        if ";" in path:
            path = environ["PATH_INFO"] = PARAMETERS.sub("", path)
        parted = parted_at_name(path, self._names, self._within)
        if parted is not None:
            before, name = parted
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + before
            environ["PATH_INFO"] = f"/{name}"
        return self._application(environ, start_response)
