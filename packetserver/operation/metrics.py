"""What is counted while requests are carried out, in this process or for all of them.

With the variable PROMETHEUS_MULTIPROC_DIR the processes of a server count in files of a folder,
and each of them tells the sums. prometheus_client reads the variable when it is imported: so
nothing that runs before it is set may import this module.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from sqlalchemy import event
from sqlalchemy.pool import Pool, QueuePool

from packetserver.operation import families
from packetserver.operation.families import Family
from packetserver.operation.requests import PROBES, RequestFacts

# When a counter began to count is of no use, and doubles the lines of a scrape.
disable_created_metrics()  # type: ignore[no-untyped-call]

FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
"""Where the processes of a server count together; None when this one counts for itself."""

SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

ACTIONS = frozenset(
    {
        *("ProcessPacket.do", "ProcessDocument.do"),
        *("ProcessSyncPackageDownload.do", "ProcessClientSyncPackage.do"),
        *PROBES,
    }
)
"""The addresses that are counted by themselves."""


class Metrics:
    """The metrics of one application."""

    def __init__(self) -> None:
        if FOLDER:
            # Whoever tidies up temporary folders must not keep a worker from starting.
            Path(FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.registry = CollectorRegistry()
        self._requests = self._counter(families.REQUESTS)
        self._seconds = self._histogram(families.SECONDS)
        self._in_progress = self._gauge(families.IN_PROGRESS)
        self._received = self._counter(families.RECEIVED)
        self._sent = self._counter(families.SENT)
        self._packets = self._counter(families.PACKETS)
        self._transactions = self._counter(families.TRANSACTIONS)
        self._items = self._counter(families.ITEMS)
        self._records = self._counter(families.RECORDS)
        self._errors = self._counter(families.ERRORS)
        self._unheeded = self._counter(families.UNHEEDED)
        self._pool_limit = self._gauge(families.POOL_LIMIT)
        self._pool_in_use = self._gauge(families.POOL_IN_USE)

    def request_begins(self, facts: RequestFacts) -> None:
        """Another request is being carried out."""
        if facts.action not in PROBES:
            self._in_progress.inc()

    def request_ends(self, facts: RequestFacts) -> None:
        """A request is answered to its end."""
        if facts.action not in PROBES:
            self._in_progress.dec()
        action = facts.action if facts.action in ACTIONS else families.OTHER
        self._requests.labels(action, str(facts.status)).inc()
        self._seconds.labels(action).observe(facts.seconds)
        self._received.labels(action).inc(facts.bytes_in)
        self._sent.labels(action).inc(facts.bytes_out)
        if facts.outcome is not None:
            self._packets.labels(facts.outcome).inc()
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
