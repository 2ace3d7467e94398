"""The application: the protocols on an engine, and the two addresses beside them."""

from __future__ import annotations

import os

from flask import Flask, Response

from packetserver.engine.assembly import build_engine
from packetserver.errors import StoreUnavailable
from packetserver.protocols.packet.routes import PacketEngine, about_page, packet_blueprint
from packetserver.settings import Settings, load_settings


def create_app(settings: Settings | None = None, engine: PacketEngine | None = None) -> Flask:
    """Make the WSGI application.

    Without settings they are read from the environment; without an engine it is built from them.
    Raises SettingsError, CatalogueError or StoreUnavailable when the server cannot start.
    """
    settings = settings if settings is not None else load_settings(os.environ)
    engine = engine if engine is not None else build_engine(settings)
    app = Flask("packetserver", static_folder=None)
    app.register_blueprint(packet_blueprint(engine, settings))
    app.add_url_rule("/", view_func=about_page)
    app.add_url_rule("/healthz", "healthz", lambda: _health(engine))
    return app


def _health(engine: PacketEngine) -> Response:
    try:
        engine.ping()
    except StoreUnavailable:
        return Response("The database does not answer.\n", 503, mimetype="text/plain")
    return Response("ok\n", mimetype="text/plain")
