"""docs/security.md says what is so."""

import re
from pathlib import Path

from packetserver.records.filters import MOST_VERIFIED
from packetserver.security.audit import MODE, REFUSALS
from packetserver.security.secrets import HASHER
from packetserver.security.throttle import IPV6_PREFIX, KNOWN_SECONDS, Scope
from packetserver.settings import SETTINGS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())


def test_the_tests_that_it_names_are_there():
    named = set(re.findall(r"`([\w/]+\.py)`", PAGE))
    assert len(named) > 20
    assert [each for each in sorted(named) if not (ROOT / "tests" / each).is_file()] == []


def test_it_names_every_test_of_this_room():
    own = {f"security/{path.name}" for path in Path(__file__).parent.glob("test_*.py")}
    not_promises = {"security/test_principal.py", "security/test_security_page.py"}
    assert [each for each in sorted(own - not_promises) if f"`{each}`" not in PAGE] == []


def test_the_settings_that_it_names_are_settings():
    known = {line.variable for line in SETTINGS} | {"PACKETSERVER_CONFIG"}
    assert set(re.findall(r"PACKETSERVER_[A-Z_]+", PAGE)) <= known


def test_its_figures_are_those_of_the_code():
    defaults = {line.name: line.default for line in SETTINGS}
    for said in (
        f"`PACKETSERVER_LOGIN_FAILURES` ({defaults['login_failures']})",
        f"`PACKETSERVER_LOGIN_FAILURE_MINUTES` ({defaults['login_failure_minutes']})",
        f"| a name from everywhere | {Scope.NAME.value} times that |",
        f"| an address with all names | {Scope.ADDRESS.value} times that |",
        f"it takes {Scope.ADDRESS.value // Scope.PAIR.value} of them",
        f"within {KNOWN_SECONDS // 86_400} days",
        f"An address of IPv6 is its /{IPV6_PREFIX}.",
        f"({HASHER.memory_cost // 1024} MiB, {HASHER.time_cost} passes)",
        f"each filter tries {MOST_VERIFIED} at most",
        f"mode {MODE:04o}",
    ):
        assert said in WORDS
    assert all(f"| `{outcome}` |" in PAGE for outcome in REFUSALS)
    assert defaults["bind"].startswith("127.0.0.1:")
