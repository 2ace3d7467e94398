"""Who may read the metrics."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from packetserver.settings import Settings

ALL, LOCAL = "all", "local"

FORWARDED = (
    *("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_FOR"),
    *("HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_SERVER"),
)
"""Headers that proxies add. Who asks through a proxy has the proxy's address, not its own."""


def may_read_metrics(settings: Settings, environ: Mapping[str, Any]) -> bool:
    """Whether whoever sends a request may; ``environ`` is that of WSGI."""
    if settings.metrics != LOCAL:
        return settings.metrics == ALL
    if any(name in environ for name in FORWARDED):
        return False
    return _is_loopback(environ.get("REMOTE_ADDR") or "")


def _is_loopback(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # a socket in the file system, behind which there is a proxy
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
