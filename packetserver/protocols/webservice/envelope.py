"""What is answered: JSON as PHP's json_encode writes it, in the order that clients have always seen."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from packetserver.protocols.front.requests import Request, Response
from packetserver.protocols.webservice.errors import Words

NOT_KEPT = {
    "Expires": "Thu, 19 Nov 1981 08:52:00 GMT",
    "Cache-Control": "no-store, no-cache, must-revalidate",
    "Pragma": "no-cache",
}
"""No cache on the way keeps an answer: it may hold a session."""

WORTH_PACKING_BYTES = 1024
QUICK = 1
"""How hard gzip tries: answers are long lists of names that come again, which it finds at once."""


def success(result: Any, beside: Mapping[str, Any]) -> bytes:
    """The answer of an operation that was carried out; ``beside`` stands beside its result."""
    return encoded({"success": True, "result": result, **beside})


def failure(words: Words) -> bytes:
    """The answer of one that was not."""
    return encoded({"success": False, "error": {"message": words.message, "code": words.code}})


def encoded(value: Any) -> bytes:
    """JSON without blanks, in ASCII alone, and with each slash escaped."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    # A slash can stand nowhere but in a text.
    return text.replace("/", "\\/").encode("ascii")


def reply(asked: Request | None, content: bytes, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A response of the web service; it is packed for who asks so."""
    packs = (
        asked is not None
        and len(content) >= WORTH_PACKING_BYTES
        and asked.accept_encodings["gzip"] > 0
    )
    if packs:
        content = gzip.compress(content, QUICK, mtime=0)
    answer = Response(content, status, content_type="application/json")
    answer.headers.update(NOT_KEPT)
    answer.vary.add("Accept-Encoding")
    if packs:
        answer.headers["Content-Encoding"] = "gzip"
    return answer
