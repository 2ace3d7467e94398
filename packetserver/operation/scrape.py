"""What /metrics answers, and whom: what was counted, and what the database says at that moment."""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from datetime import datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

import packetserver
from packetserver.errors import PacketServerError
from packetserver.operation import metrics
from packetserver.operation.metrics import Family, Metrics
from packetserver.operation.sync_lag import SyncLag, read_sync_lag
from packetserver.records.service import Service
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


logger = logging.getLogger(__name__)

LONGEST_LOOK_SECONDS = 2.0
"""A scrape waits no longer for the database; Prometheus itself gives up after ten."""

Look = Callable[[], SyncLag]


class DatabaseCollector(Collector):
    """Gauges that the database is asked for; without its answer in time they are left out."""

    def __init__(self, look: Look, now: Callable[[], datetime]) -> None:
        self._look = look
        self._now = now
        self._one = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        found = self._found()
        yield _gauge(metrics.UP, 0 if found is None else 1)
        if found is None:
            return
        now = self._now()
        yield _gauge(metrics.SYNC_CLIENTS, found.clients)
        yield _gauge(metrics.NEVER, found.never_in_step)
        yield _gauge(metrics.OLDEST_ANCHOR, _age(found.oldest_anchor, now))
        yield _gauge(metrics.SESSIONS, found.sessions)
        yield _gauge(metrics.OLDEST_SESSION, _age(found.oldest_session, now))
        yield _gauge(metrics.PACKAGES_WAITING, found.packages_waiting)
        yield _gauge(metrics.OLDEST_PACKAGE, _age(found.oldest_package, now))

    def _found(self) -> SyncLag | None:
        """What the database says; None when it does not in time, or an earlier look still lasts."""
        if not self._one.acquire(blocking=False):
            return None
        answer = _in_a_thread(self._look, self._one.release)
        try:
            return answer.result(LONGEST_LOOK_SECONDS)
        except NotInTime:
            logger.warning("The database does not answer a scrape in time")
        except (PacketServerError, SQLAlchemyError) as error:
            # What a database says of a statement is for its own log.
            logger.warning("The database does not answer a scrape: %s", type(error).__name__)
        return None


class VersionCollector(Collector):
    """Tells which version answers."""

    def collect(self) -> Iterator[Metric]:
        """The gauge."""
        gauge = GaugeMetricFamily(
            metrics.INFORMATION.name, metrics.INFORMATION.help, labels=["version"]
        )
        gauge.add_metric([packetserver.__version__], 1)
        yield gauge


class Scrape:
    """Writes the metrics of all processes, or of this one, in Prometheus's text format."""

    def __init__(self, counted: Metrics, service: Service | None) -> None:
        """``service`` is what has a database, if any has one."""
        self._counted = counted
        self._collectors: list[Collector] = [VersionCollector()]
        if service is not None:
            self._collectors.append(_database_collector(service))

    def text(self) -> bytes:
        """The metrics. Whatever the database does, there is an answer, and soon."""
        registry = CollectorRegistry()
        for each in self._collectors:
            registry.register(each)
        if metrics.FOLDER and Path(metrics.FOLDER).is_dir():
            MultiProcessCollector(registry, metrics.FOLDER)  # type: ignore[no-untyped-call]
        else:
            registry.register(self._counted.registry)
        return generate_latest(registry)


def _database_collector(service: Service) -> DatabaseCollector:
    def look() -> SyncLag:
        with service.database.connect() as connection:
            return read_sync_lag(connection, service.schema)

    return DatabaseCollector(look, service.preferences.now)


def _in_a_thread(look: Look, done: Callable[[], None]) -> Future[SyncLag]:
    """What a look will find; a database that never answers keeps no process from ending."""
    answer: Future[SyncLag] = Future()

    def run() -> None:
        try:
            answer.set_result(look())
        # Whoever waits for the answer is told.
        except BaseException as error:  # noqa: BLE001
            answer.set_exception(error)
        finally:
            done()

    threading.Thread(target=run, daemon=True, name="scrape").start()
    return answer


def _age(since: datetime | None, now: datetime) -> float:
    """Seconds since then; none for what has not happened, or lies ahead."""
    return 0.0 if since is None else max((now - since).total_seconds(), 0.0)


def _gauge(family: Family, value: float) -> Metric:
    return GaugeMetricFamily(family.name, family.help, value=value)
