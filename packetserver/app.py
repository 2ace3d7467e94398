"""The application: the table of the protocols, on an engine, and the addresses beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from flask import abort, request
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.pool import Pool

from packetserver.errors import StoreUnavailable
from packetserver.operation.metrics import Metrics
from packetserver.operation.observed_engine import ObservedEngine
from packetserver.operation.observer import Observer
from packetserver.operation.readiness import Disks, disks_of, why_not_ready
from packetserver.operation.scrape import Scrape, may_read_metrics
from packetserver.protocols.front.addresses import Edge, WireProtocol
from packetserver.protocols.front.application import Application, PlainPaths
from packetserver.protocols.front.concurrency import Concurrency
from packetserver.protocols.front.hosts import Hosts
from packetserver.protocols.front.requests import Response
from packetserver.protocols.front.spools import Spools
from packetserver.protocols.packet.exchange import PacketEngine, about_page
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.protocols.packet.routes import packet_protocol
from packetserver.protocols.webservice.routes import webservice_protocol
from packetserver.records.service import Service
from packetserver.settings import Settings, load_settings

PROTOCOLS: Sequence[Callable[[PacketEngine, Edge], WireProtocol]] = (
    packet_protocol,
    webservice_protocol,
)
"""What is spoken here; whoever asks for nothing of it is answered in the words of the first."""


def create_app(
    settings: Settings | None = None,
    engine: PacketEngine | None = None,
    protocols: Sequence[Callable[[PacketEngine, Edge], WireProtocol]] = PROTOCOLS,
) -> Application:
    """Make the WSGI application.

    Without settings they are read from the environment; without an engine it is built from them.
    Raises SettingsError, CatalogueError or StoreUnavailable when the server cannot start.
    """
    settings = settings if settings is not None else load_settings(os.environ)
    engine = engine if engine is not None else build_engine(settings)
    edge = Edge(settings, Spools.of(settings), Concurrency.of(settings))
    metrics = Metrics()
    service = engine.service if isinstance(engine, Engine) else None
    targets = {} if service is None else service.schema.catalogue.targets
    observed = ObservedEngine(engine, metrics, targets)
    app = Application([make(observed, edge) for make in protocols], settings.max_body_bytes)
    metrics.name_addresses(app.names)
    disks = disks_of(service, edge.spools)
    app.add_url_rule("/", view_func=about_page)
    app.add_url_rule("/healthz", "healthz", lambda: _health(observed))
    app.add_url_rule("/readyz", "readyz", lambda: _readiness(service, disks))
    scrape = Scrape(metrics, service)
    app.add_url_rule("/metrics", "metrics", lambda: _metrics(settings, scrape))
    metrics.watch(*_pools(service))
    hosts = Hosts(app.wsgi_app, settings, app.words_at)
    plain = PlainPaths(Observer(hosts, metrics), app.names, app.names_within)
    app.wsgi_app = plain  # type: ignore[method-assign]
    return app


def _pools(service: Service | None) -> Iterator[Pool]:
    if service is not None:
        yield service.database.engine.pool
        if service.runner.replica is not None:
            yield service.runner.replica.database.engine.pool


def _health(engine: PacketEngine) -> Response:
    try:
        engine.ping()
    except StoreUnavailable as failure:
        return Response(f"{failure.sentence}\n", 503, mimetype="text/plain")
    return Response("ok\n", mimetype="text/plain")


def _readiness(service: Service | None, disks: Disks) -> Response:
    reason = why_not_ready(service, disks)
    if reason is None:
        return Response("ready\n", mimetype="text/plain")
    return Response(f"{reason}\n", 503, mimetype="text/plain")


def _metrics(settings: Settings, scrape: Scrape) -> Response:
    if not may_read_metrics(settings, request.environ):
        # As if there were nothing: who may not read it need not know that it is there.
        abort(404)
    return Response(scrape.text(), content_type=CONTENT_TYPE_LATEST)
