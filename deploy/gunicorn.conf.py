# ruff: noqa: INP001 - gunicorn reads it by its path
"""Gunicorn as `packetserver serve` sets it up, for those who run gunicorn themselves.

    gunicorn -c deploy/gunicorn.conf.py wsgi:application

What can be set is set by the settings of packetserver (PACKETSERVER_BIND, …), here as there. An
option of the command line wins, such as --pid or --daemon.
"""

import os
from typing import Any

from packetserver.cli.serve import check_before_serving
from packetserver.errors import PacketServerError
from packetserver.http.gunicorn import gunicorn_options, make_metrics_folder, remove_metrics_folder
from packetserver.operation.logs import configure_logging
from packetserver.settings import load_settings

try:
    settings = load_settings(os.environ)
except PacketServerError as error:
    raise SystemExit(f"Error: {error}") from None
configure_logging(settings)
globals().update(gunicorn_options(settings))


def on_starting(server: Any) -> None:
    """Find out what would keep the server from working, before it starts to."""
    try:
        check_before_serving(settings)
    except PacketServerError as error:
        raise SystemExit(f"Error: {error}") from None
    server.metrics_folder = make_metrics_folder()


def on_exit(server: Any) -> None:
    """Leave nothing behind."""
    remove_metrics_folder(server.metrics_folder)
