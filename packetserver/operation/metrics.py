"""What is counted while requests are carried out, in this process or for all of them.

With the variable PROMETHEUS_MULTIPROC_DIR the processes of a server count in files of a folder,
and each of them tells the sums. prometheus_client reads the variable when it is imported: so
nothing that runs before it is set may import this module.

Every label has few values, whatever clients send: names of the catalogue and of this server, and
`other` for everything else.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from sqlalchemy import event
from sqlalchemy.pool import Pool, QueuePool

from packetserver.operation.requests import PROBES, RequestFacts

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
OPERATIONS = Family(
    "packetserver_operations_total",
    COUNTER,
    "Operations of other protocols than packets: done, failed (as an error says), refused (who asks is"
    " not let in), unavailable, fault.",
    ("protocol", "operation", "outcome"),
)
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
    *(OPERATIONS, ERRORS, UNHEEDED, POOL_LIMIT, POOL_IN_USE),
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


# When a counter began to count is of no use, and doubles the lines of a scrape.
disable_created_metrics()  # type: ignore[no-untyped-call]

FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
"""Where the processes of a server count together; None when this one counts for itself."""

SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """The metrics of one application."""

    def __init__(self) -> None:
        if FOLDER:
            # Whoever tidies up temporary folders must not keep a worker from starting.
            Path(FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.registry = CollectorRegistry()
        self._addresses = PROBES
        self._requests = self._counter(REQUESTS)
        self._seconds = self._histogram(SECONDS)
        self._in_progress = self._gauge(IN_PROGRESS)
        self._received = self._counter(RECEIVED)
        self._sent = self._counter(SENT)
        self._packets = self._counter(PACKETS)
        self._transactions = self._counter(TRANSACTIONS)
        self._items = self._counter(ITEMS)
        self._records = self._counter(RECORDS)
        self._operations = self._counter(OPERATIONS)
        self._errors = self._counter(ERRORS)
        self._unheeded = self._counter(UNHEEDED)
        self._pool_limit = self._gauge(POOL_LIMIT)
        self._pool_in_use = self._gauge(POOL_IN_USE)

    def name_addresses(self, names: Collection[str]) -> None:
        """These are counted by themselves, like the probes; what is asked elsewhere, together."""
        self._addresses = PROBES | frozenset(names)

    def request_begins(self, facts: RequestFacts) -> None:
        """Another request is being carried out."""
        if facts.action not in PROBES:
            self._in_progress.inc()

    def request_ends(self, facts: RequestFacts) -> None:
        """A request is answered to its end."""
        if facts.action not in PROBES:
            self._in_progress.dec()
        action = facts.action if facts.action in self._addresses else OTHER
        self._requests.labels(action, str(facts.status)).inc()
        self._seconds.labels(action).observe(facts.seconds)
        self._received.labels(action).inc(facts.bytes_in)
        self._sent.labels(action).inc(facts.bytes_out)
        if facts.outcome is not None:
            self._packets.labels(facts.outcome).inc()
        if (summary := facts.summary) is not None:
            labels = (summary.protocol, summary.operation, summary.outcome)
            self._operations.labels(*labels).inc()
        for kind, count in facts.errors.items():
            self._errors.labels(kind).inc(count)
        for kind, count in facts.unheeded.counts.items():
            self._unheeded.labels(kind).inc(count)

    def transactions(self, done: int, failed: int, records: int) -> None:
        """Transactions were answered, with so many records."""
        self._transactions.labels("0").inc(done)
        self._transactions.labels("1").inc(failed)
        self._records.inc(records)

    def items(self, counted: Iterable[tuple[str, str, int]]) -> None:
        """Items by object and action, names that are known, were carried out or tried."""
        for name, action, count in counted:
            self._items.labels(name, action).inc(count)

    def watch(self, *pools: Pool) -> None:
        """Follow the pools of connections, as far as they are any."""
        followed = [each for each in pools if isinstance(each, QueuePool)]
        # An overflow of -1 means that there is no limit.
        overflows = (max(each._max_overflow, 0) for each in followed)  # noqa: SLF001 - else untold
        self._pool_limit.set(sum(each.size() for each in followed) + sum(overflows))

        def note(leaving: int) -> None:
            at_work = sum(each.checkedout() for each in followed) - leaving
            self._pool_in_use.set(max(at_work, 0))

        for each in followed:
            event.listen(each, "checkout", lambda *_: note(0))
            # The connection that is being given back still counts as given out.
            event.listen(each, "checkin", lambda *_: note(1))

    def _counter(self, family: Family) -> Counter:
        return Counter(family.name, family.help, family.labels, registry=self.registry)

    def _gauge(self, family: Family) -> Gauge:
        return Gauge(
            family.name,
            family.help,
            family.labels,
            registry=self.registry,
            multiprocess_mode="livesum",
        )

    def _histogram(self, family: Family) -> Histogram:
        return Histogram(
            family.name,
            family.help,
            family.labels,
            registry=self.registry,
            buckets=SECONDS_BUCKETS,
        )
