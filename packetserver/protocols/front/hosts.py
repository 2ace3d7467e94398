"""Who may ask: for which host, by TLS or not, through which proxy.

This is WSGI: it stands around the application, whatever protocol the request is for, and whoever is
turned away is told so in the words of that protocol.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packetserver.protocols.front.outcomes import OUTCOME, Outcome, OutcomeKind, told
from packetserver.protocols.front.requests import Response
from packetserver.security.audit import TURNED_AWAY, UNPROVED, Audit
from packetserver.setting_kinds import UNIX
from packetserver.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SOCKET = "gunicorn.socket"
"""Where a worker of gunicorn's own keeps the connection in the WSGI environment."""

HEALTH = frozenset({"/healthz", "/readyz", "/metrics"})
"""What is open to this machine itself, whatever the name and without TLS: no packets."""

HOST = re.compile(r"(?:[\w.~%-]+|\[[\da-fA-F:.]+\]?)(?::\d{0,5})?", re.ASCII)
HTTPS = "https"
CHUNKED = "chunked"

Refusal = tuple[HTTPStatus, str]

Words = Callable[[Outcome], Response]


class Forwarding:
    """What proxies say of a request, as far as they are trusted."""

    def __init__(self, trusted: Iterable[IPv4Network | IPv6Network | str]) -> None:
        named = tuple(trusted)
        self._unix = UNIX in named
        self._networks = tuple(each for each in named if not isinstance(each, str))
        self.is_trusted = lru_cache(maxsize=1024)(self._is_trusted)

    def _is_trusted(self, address: str) -> bool:
        """Whether a proxy is at an address; "" is that of a socket in the file system."""
        if not address:
            return self._unix
        found = read_address(address)
        return found is not None and any(found in each for each in self._networks)

    def apply(self, environ: WSGIEnvironment) -> None:
        """Put what a trusted proxy says where the application looks for it."""
        if not self.is_trusted(environ.get("REMOTE_ADDR", "")):
            return
        hops = self._client(environ)
        if protocol := _said(environ, "HTTP_X_FORWARDED_PROTO", hops):
            environ["wsgi.url_scheme"] = protocol.lower()
        if host := _said(environ, "HTTP_X_FORWARDED_HOST", hops):
            environ["HTTP_HOST"] = host

    def _client(self, environ: WSGIEnvironment) -> int:
        """Set the client's address; how many trusted proxies the request came through.

        Each proxy appends whom it heard: the last one that is no proxy of ours is the client, and
        what stands before that is the client's own invention.
        """
        hops = 0
        for text in reversed(_list(environ, "HTTP_X_FORWARDED_FOR")):
            found = read_address(text)
            if found is None:
                break
            hops += 1
            environ["REMOTE_ADDR"] = str(found)
            if not self.is_trusted(str(found)):
                break
        return max(hops, 1)


class Hosts:
    """The application, for requests that may be made.

    ``words_at`` finds the words of the protocol that a path belongs to.
    """

    def __init__(
        self, application: WSGIApplication, settings: Settings, words_at: Callable[[str], Words]
    ) -> None:
        self._application = application
        self._words_at = words_at
        self._forwarding = Forwarding(settings.trusted_proxies)
        self._require_https = settings.require_https
        self._hosts = frozenset(settings.allowed_hosts)
        self._audit = Audit(lambda: datetime.now().astimezone(), settings.audit_log)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        environ["wsgi.url_scheme"] = _scheme(environ)
        _take_target(environ)
        self._forwarding.apply(environ)
        refusal = self._refusal(environ)
        if refusal is None:
            return self._application(environ, start_response)
        status, text = refusal
        address = environ.get("REMOTE_ADDR", "")
        self._audit.record(TURNED_AWAY, address, {"kind": UNPROVED}, [], reason=text)
        outcome = environ[OUTCOME] = Outcome.of(OutcomeKind.TURNED_AWAY, text, status)
        answer = told(self._words_at(environ.get("PATH_INFO", "")), outcome)
        return answer(environ, start_response)

    def _refusal(self, environ: WSGIEnvironment) -> Refusal | None:
        host = environ.get("HTTP_HOST", "")
        if host and HOST.fullmatch(host) is None:
            return HTTPStatus.BAD_REQUEST, "The header Host is no host name"
        if environ.get("HTTP_TRANSFER_ENCODING", CHUNKED).strip().lower() != CHUNKED:
            # Other servers than ours hand on a body that nobody has decoded.
            return HTTPStatus.NOT_IMPLEMENTED, "A body may be sent in chunks, but not be coded"
        if not (self._hosts or self._require_https) or _is_own_look(environ):
            return None
        if self._require_https and environ["wsgi.url_scheme"] != HTTPS:
            return HTTPStatus.FORBIDDEN, "This server is to be asked by https only"
        if self._hosts and not self._serves(host, environ["SERVER_PROTOCOL"]):
            return HTTPStatus.MISDIRECTED_REQUEST, "This server does not serve the host name"
        return None

    def _serves(self, host: str, protocol: str) -> bool:
        """Whether the host is one of ours; before HTTP/1.1 a client need not name it."""
        if not host:
            return protocol == "HTTP/1.0"
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        return name.lower().rstrip(".") in self._hosts


@lru_cache(maxsize=4096)
def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """An address as a proxy may write it, with a port or in brackets; None for anything else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    # How a socket for both kinds shows an address of IPv4.
    return getattr(found, "ipv4_mapped", None) or found


def _scheme(environ: WSGIEnvironment) -> str:
    """How the request came to this server itself; gunicorn would believe headers."""
    connection: Any = environ.get(SOCKET)
    if connection is None:
        return str(environ["wsgi.url_scheme"])
    return HTTPS if isinstance(connection, ssl.SSLSocket) else "http"


def _take_target(environ: WSGIEnvironment) -> None:
    """An absolute target names the host; the header does not count then (RFC 9112, 3.2.2)."""
    target = environ.get("RAW_URI", "/")
    if target[:1] not in {"/", "*"} and "://" in target:
        environ["HTTP_HOST"] = urlsplit(target).netloc


def _said(environ: WSGIEnvironment, header: str, hops: int) -> str:
    """What the trusted proxy nearest to the client says; a header may be set once or appended to."""
    values = _list(environ, header)
    return values[-min(hops, len(values))] if values else ""


def _list(environ: WSGIEnvironment, header: str) -> list[str]:
    found = environ.get(header, "")
    return [each.strip() for each in found.split(",")] if found.strip() else []


def _is_own_look(environ: WSGIEnvironment) -> bool:
    """Whether this machine itself asks how the server is."""
    if environ.get("PATH_INFO") not in HEALTH:
        return False
    address = read_address(environ.get("REMOTE_ADDR", ""))
    return address is not None and address.is_loopback
