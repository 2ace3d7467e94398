"""A request and its answer, as Flask has them, and what a request is called in the log."""

from __future__ import annotations

import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import flask

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

REQUEST_ID = "packetserver.request_id"
"""Where the WSGI environment holds what a request is called in the log."""

UNHEEDED = "packetserver.unheeded"
"""Where the WSGI environment holds what nothing heeded of a request that is no packet."""

SUMMARY = "packetserver.summary"
"""Where the WSGI environment holds the `Summary` of a request, by protocols that write one."""

NUMBER_BYTES = 8

Response = flask.Response


@dataclass(slots=True)
class Summary:
    """What a request was in its protocol, for the log and the metrics; names and nothing else.

    ``operation`` is one of the protocol's own, ``outcome`` one of done, failed (as its ``error``
    says), refused (who asks is not let in), unavailable and fault.
    """

    protocol: str
    operation: str = "other"
    outcome: str = "done"
    user: str | None = None
    error: str | None = None


class Request(flask.Request):
    """A request for one of the addresses of a protocol, or beside them."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        """The environment does not know the request.

        To know each other would keep both in memory until somebody looks for such circles.
        """
        super().__init__(environ, populate_request=False)

    @property
    def host_name(self) -> str:
        """The name that the client used for this server."""
        return host_name(self.environ.get("HTTP_HOST", ""))


def host_name(host: str) -> str:
    """The name in a header Host, without port and without the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def new_request_id() -> str:
    """A name for a request that brings none, in hex digits."""
    return secrets.token_hex(NUMBER_BYTES)


def request_id(environ: MutableMapping[str, Any]) -> str:
    """What a request is called in the log."""
    number: str = environ.setdefault(REQUEST_ID, new_request_id())
    return number
