"""A user at work is let in by every worker, whatever somebody else does with the user's name."""

from __future__ import annotations

import itertools
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from whole.served import AUTHENTICATION, Served, served

from databases import KINDS

CODE = re.search("<code>(.*)</code>", AUTHENTICATION)[1]
QUESTION = '<transaction id="1"><system action="getDateTime"/></transaction>'
MOST_ROUNDS = 200
FAILURES = 3


def ask(server: Served, code: str) -> str:
    """The status of an answer to the administrator, or to whoever says so."""
    packet = f"<app>{AUTHENTICATION}{QUESTION}</app>".replace(CODE, code)
    _, document = server.post(packet.encode())
    return document.findtext("response/status")


def workers_that_answered(server: Served) -> set[int]:
    lines = [json.loads(line) for line in server.logged().splitlines()]
    return {line["pid"] for line in lines if line["event"].startswith("request")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_user_at_work_is_let_in_by_all_workers(databases, kind):
    settings = {"login_failures": str(FAILURES), "log_format": "json"}
    with databases.prepared(kind) as url, served(url, "--workers", "2", **settings) as server:
        assert ask(server, CODE) == "0"
        codes = itertools.count(1)
        for _ in range(FAILURES):
            assert ask(server, f"{next(codes):032x}") == "1"
        with ThreadPoolExecutor(4) as threads:
            for done in range(1, MOST_ROUNDS):
                # From the same address, and always another code.
                guesses = [f"{next(codes):032x}" for _ in range(2)]
                asked = list(threads.map(lambda code: ask(server, code), [CODE, *guesses, CODE]))
                assert asked == ["0", "1", "1", "0"]
                if done >= 10 and len(workers_that_answered(server)) > 1:
                    break
        assert len(workers_that_answered(server)) == 2
