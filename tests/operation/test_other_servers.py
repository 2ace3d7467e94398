"""The log and the metrics under a start that is not ours: `gunicorn wsgi:application`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import logging
logging.getLogger("gunicorn.error").addHandler(logging.StreamHandler())
logging.getLogger("gunicorn.error").propagate = False
import wsgi
logging.getLogger("gunicorn.error").warning("Worker exiting")
logging.getLogger("anybody").warning("hello")
wsgi.application.test_client().get("/nothing").close()
"""


def test_all_lines_are_ours_once_the_application_is_there(databases, tmp_path):
    with databases.prepared("sqlite") as url:
        environment = {
            **os.environ,
            "PACKETSERVER_DATABASE_URL": url,
            "PACKETSERVER_FILE_LIBRARY": str(tmp_path),
        }
        command = [sys.executable, "-c", SCRIPT]
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [(line["logger"], line["event"]) for line in lines] == [
        ("gunicorn.error", "Worker exiting"),
        ("anybody", "hello"),
        ("packetserver.requests", "request"),
    ]


def test_a_process_without_a_folder_counts_for_itself(databases, gunicorn_server):
    with databases.prepared("sqlite") as url:
        address = gunicorn_server(url)
        for _ in range(3):
            with urllib.request.urlopen(f"{address}/") as answer:  # noqa: S310 - our own address
                assert answer.headers["X-Request-Id"]
        with urllib.request.urlopen(f"{address}/metrics") as answer:  # noqa: S310 - the same
            text = answer.read().decode()
    assert re.search(r'packetserver_requests_total.action="other",status="200". 3\.0', text)
