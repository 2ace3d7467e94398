"""Gunicorn, set up for packets: threads, time to finish, and no more trust than needed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from packetserver.app import create_app
from packetserver.settings import Settings

SILENT_WORKER_SECONDS = 60
"""A worker that gives no sign of life for so long is replaced; a long packet is no silence."""

FINISHING_SECONDS = 60
"""What packets that are being carried out have when the server is stopped."""

KEEP_ALIVE_SECONDS = 5
LONGEST_REQUEST_LINE = 4094
MOST_HEADERS = 100
LONGEST_HEADER = 8190
"""Bytes; the bodies of packets have a limit of their own (max_body_bytes)."""

MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - gunicorn makes its own unguessable file there
LOG_FORMAT = "[%(asctime)s] [%(process)d] [%(levelname)s] %(name)s: %(message)s"


class PacketApplication(BaseApplication):  # type: ignore[misc]
    """Gunicorn with our options and no others: it reads no file and no arguments."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Set the options."""
        for name, value in gunicorn_options(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        """The application, made in each worker after the fork."""
        return create_app(self._settings)


def serve_forever(settings: Settings) -> None:
    """Serve until a signal ends the process."""
    logging.basicConfig(level=settings.log_level.upper(), format=LOG_FORMAT)
    PacketApplication(settings).run()


def gunicorn_options(settings: Settings) -> Mapping[str, Any]:
    """Gunicorn's options by their names; forwarded_allow_ips stays what gunicorn makes of it."""
    return {
        "bind": settings.bind,
        "workers": settings.workers,
        "worker_class": "gthread",
        "threads": settings.threads,
        "timeout": SILENT_WORKER_SECONDS,
        "graceful_timeout": FINISHING_SECONDS,
        "keepalive": KEEP_ALIVE_SECONDS,
        "limit_request_line": LONGEST_REQUEST_LINE,
        "limit_request_fields": MOST_HEADERS,
        "limit_request_field_size": LONGEST_HEADER,
        "worker_tmp_dir": _heartbeat_folder(),
        "loglevel": settings.log_level,
        "accesslog": None,
        # It would let whoever can open it stop the server, and nothing here needs it.
        "control_socket_disable": True,
        "proc_name": "packetserver",
        "when_ready": _announce,
    }


def _heartbeat_folder() -> str | None:
    """A folder in memory where there is one: a slow disk must not look like a silent worker."""
    usable = MEMORY_FOLDER.is_dir() and os.access(MEMORY_FOLDER, os.W_OK | os.X_OK)
    return str(MEMORY_FOLDER) if usable else None


def _announce(server: Any) -> None:
    for listener in server.LISTENERS:
        click.echo(
            f"Serving packets at {listener}{'' if _is_local(listener) else '/ProcessPacket.do'}"
        )


def _is_local(listener: Any) -> bool:
    """Whether it is a socket in the file system, which has no paths of HTTP."""
    return str(listener).startswith("unix:")
