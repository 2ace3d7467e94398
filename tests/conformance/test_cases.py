"""The conformance cases, through a real gunicorn, on both databases."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance import replay
from databases import KINDS, Databases
from serving import gunicorn_server

HERE = Path(__file__).parent
WORLD = tomllib.loads((HERE / "world.toml").read_text(encoding="utf-8"))

LATER: frozenset[str] = frozenset()
"""Cases, and folders of cases, whose objects or features this server does not have yet."""


def found_cases(folder: str) -> list[Path]:
    """The case files of a folder in the order of their paths, without those of LATER."""
    return [path for path in sorted((HERE / folder).rglob("*.xml")) if not is_later(path)]


def is_later(path: Path) -> bool:
    name = path.relative_to(HERE).with_suffix("")
    return not LATER.isdisjoint({str(name), *map(str, name.parents)})


def in_order(folder: str) -> list[object]:
    """Cases that share a server: xdist keeps the members of a group in one worker, in order."""
    return [
        pytest.param(kind, path, id=case_id(kind, path), marks=pytest.mark.xdist_group(kind))
        for kind in KINDS
        for path in found_cases(folder)
    ]


def by_themselves(folder: str) -> list[object]:
    return [
        pytest.param(kind, path, id=case_id(kind, path))
        for kind in KINDS
        for path in found_cases(folder)
    ]


def case_id(kind: str, path: Path) -> str:
    return f"{kind}-{path.parent.name}-{path.stem}"


def play(path: Path, address: str) -> None:
    try:
        replay.play(path, f"{address}/ProcessPacket.do", WORLD, WORLD["host"], timeout=60)
    except replay.Mismatch as difference:
        pytest.fail(str(difference), pytrace=False)


@pytest.mark.parametrize(("kind", "path"), in_order("cases"))
def test_case(kind: str, path: Path, shared_server: Callable[[str], str]) -> None:
    play(path, shared_server(kind))


@pytest.mark.parametrize(("kind", "path"), by_themselves("alone"))
def test_case_on_a_new_database(kind: str, path: Path, databases: Databases) -> None:
    with databases.prepared(kind) as url, gunicorn_server(url) as address:
        play(path, address)


def test_what_comes_later_exists() -> None:
    assert [name for name in LATER if not list(HERE.glob(f"{name}*"))] == []
