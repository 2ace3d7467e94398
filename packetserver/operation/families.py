"""The metrics by name: what each counts, and what its labels can be.

Every label has few values, whatever clients send: names of the catalogue and of this server, and
`other` for everything else.
"""

from __future__ import annotations

from dataclasses import dataclass

OTHER = "other"

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric, as it is declared and as the documentation shows it."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


REQUESTS = Family(
    "packetserver_requests_total", COUNTER, "Requests answered.", ("action", "status")
)
SECONDS = Family(
    "packetserver_request_seconds",
    HISTOGRAM,
    "From the first byte of a request to the last one of its answer.",
    ("action",),
)
IN_PROGRESS = Family(
    "packetserver_requests_in_progress",
    GAUGE,
    "Requests being carried out; probes and scrapes do not count.",
)
RECEIVED = Family("packetserver_received_bytes_total", COUNTER, "Bytes of bodies.", ("action",))
SENT = Family("packetserver_sent_bytes_total", COUNTER, "Bytes of answers.", ("action",))
PACKETS = Family(
    "packetserver_packets_total",
    COUNTER,
    "Packets: done (every transaction was), failed (one or more were not), refused (unread, or not"
    " authorized), unavailable (database away, or overload), fault.",
    ("outcome",),
)
TRANSACTIONS = Family(
    "packetserver_transactions_total", COUNTER, "Transactions by the status answered.", ("status",)
)
ITEMS = Family(
    "packetserver_items_total",
    COUNTER,
    "Items of packets that were not refused; lists count as their object.",
    ("object", "action"),
)
RECORDS = Family("packetserver_records_total", COUNTER, "Records answered.")
ERRORS = Family(
    "packetserver_errors_total",
    COUNTER,
    "Errors: those of packets and requests, and of transactions.",
    ("kind",),
)
UNHEEDED = Family(
    "packetserver_unheeded_total",
    COUNTER,
    "What packets and packages sent and nothing heeded: an error where strict is asked for.",
    ("kind",),
)
POOL_LIMIT = Family(
    "packetserver_pool_connections_limit",
    GAUGE,
    "Connections to the database that the running processes may open.",
)
POOL_IN_USE = Family(
    "packetserver_pool_connections_in_use", GAUGE, "Connections to the database at work."
)
COUNTED = (
    *(REQUESTS, SECONDS, IN_PROGRESS, RECEIVED, SENT, PACKETS, TRANSACTIONS, ITEMS, RECORDS),
    *(ERRORS, UNHEEDED, POOL_LIMIT, POOL_IN_USE),
)
"""What is counted while requests are carried out."""

INFORMATION = Family(
    "packetserver_info", GAUGE, "Always 1; says which version answers.", ("version",)
)
UP = Family(
    "packetserver_database_up", GAUGE, "1 when the database answered this scrape in time, else 0."
)
SYNC_CLIENTS = Family("packetserver_sync_clients", GAUGE, "Sync clients that are enabled.")
NEVER = Family(
    "packetserver_sync_clients_never_in_step",
    GAUGE,
    "Enabled sync clients that have not ended a session yet.",
)
OLDEST_ANCHOR = Family(
    "packetserver_sync_oldest_anchor_age_seconds",
    GAUGE,
    "How long ago the enabled sync client that is furthest behind was in step.",
)
SESSIONS = Family("packetserver_sync_sessions", GAUGE, "Sync sessions begun and not ended.")
OLDEST_SESSION = Family(
    "packetserver_sync_oldest_session_age_seconds", GAUGE, "How long ago the oldest of them began."
)
PACKAGES_WAITING = Family(
    "packetserver_packages_waiting", GAUGE, "Sync packages asked for and not compiled yet."
)
OLDEST_PACKAGE = Family(
    "packetserver_oldest_waiting_package_age_seconds",
    GAUGE,
    "How long the oldest of them has been waiting.",
)
ASKED = (
    *(INFORMATION, UP, SYNC_CLIENTS, NEVER, OLDEST_ANCHOR, SESSIONS, OLDEST_SESSION),
    *(PACKAGES_WAITING, OLDEST_PACKAGE),
)
"""What is asked for at each scrape; all but the first two only when the database answers."""

ERROR_KINDS = {
    "not_authorized": "the credentials are refused, or may not do this",
    "throttled": "too many logins have failed, so this one was refused unseen",
    "permission": "a transaction asks for what the user's role does not allow",
    "validation": "a transaction breaks rules of its objects",
    "message": "an item cannot be done: unknown object or action, conflict of keys, …",
    "failed": "a transaction failed for another reason, which its errorText tells",
    "rolled_back": "a transaction was undone because another one of its packet failed",
    "packet": "the packet cannot be read",
    "door": "the request came by a host name or without TLS that the settings do not allow",
    "too_large": "the body is longer than the limit",
    "too_slow": "the body does not arrive in time",
    "unavailable": "the database is away, or the server is too busy: answered with 503",
    "internal": "nobody foresaw it: the log tells why, under the request's id",
}
"""The values of the label kind."""
