"""A server on a database of its own, from outside and from within."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from driving import CLIENT, Driver
from hostile.attacking import Target
from making import Maker

from packetserver.app import create_app
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.settings import Settings


@dataclass(frozen=True, repr=False)
class Arena:
    """What tests of a module attack, and look into."""

    target: Target
    engine: Engine
    maker: Maker
    settings: Settings


@contextlib.contextmanager
def opened_arena(url: str, folder: Path) -> Iterator[Arena]:
    settings = Settings(
        database_url=url, file_library=folder / "files", default_response_encoding="UTF-8"
    )
    engine = build_engine(settings)
    with contextlib.closing(engine.database):
        client = create_app(settings, engine).test_client()
        yield Arena(Target(client), engine, Maker(Driver(engine, CLIENT)), settings)
