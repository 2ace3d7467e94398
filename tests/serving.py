"""A real gunicorn for tests, as an operator would run it."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 30


@contextmanager
def gunicorn_server(database_url: str, **settings: str) -> Iterator[str]:
    """The address, such as http://127.0.0.1:40123, of a server on a database.

    ``settings`` are further settings by their names, in the texts of the environment.
    """
    environment = _environment({"database_url": database_url, **settings})
    with socket.socket() as listener, tempfile.TemporaryFile() as log:
        # The server is handed a socket that listens already: no other process can take its port.
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        process = _start(listener.fileno(), environment, log)
        try:
            _wait_until_healthy(port, process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(process)


def _environment(settings: dict[str, str]) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PACKETSERVER_")}
    return inherited | {f"PACKETSERVER_{name.upper()}": text for name, text in settings.items()}


def _start(descriptor: int, environment: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, "-m", "gunicorn", "wsgi:application"),
        *("--bind", f"fd://{descriptor}"),
        *("--worker-class", "gthread", "--workers", "1", "--threads", "8"),
        "--no-control-socket",
    ]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )


def _wait_until_healthy(port: int, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _is_healthy(port):
            return
        time.sleep(0.05)
    log.seek(0)
    raise RuntimeError("the server does not start:\n" + log.read().decode(errors="replace"))


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
