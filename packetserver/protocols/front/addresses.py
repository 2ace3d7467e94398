"""Addresses as clients write them, before anybody looks which one it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PARAMETERS = re.compile(r";[^/]*")
"""What may follow each segment of a path. Clients of the original send its session's id there."""


class PlainAddresses:
    """The application, for addresses without the parameters of their segments.

    It stands before all others, so that what is answered, refused, counted and logged is one
    address.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        path = environ.get("PATH_INFO", "")
        if ";" in path:
            environ["PATH_INFO"] = PARAMETERS.sub("", path)
        return self._application(environ, start_response)
