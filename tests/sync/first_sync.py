"""A first sync of everything, by packets or by package, and the memory that it takes.

    PYTHONPATH=tests python tests/sync/first_sync.py --records 100000 --database postgresql

prints how much the process has grown by (ru_maxrss) once the server's own caches are warm.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from driving import HOST
from spooling import spool_of
from sqlalchemy import insert, select

from databases import KINDS, Databases
from packetserver.protocols.packet.charsets import UTF_8
from packetserver.protocols.packet.package_content import packed_object
from packetserver.protocols.packet.package_work import PackageWorker
from packetserver.protocols.packet.packet import Item, Options, Packet, Response, Transaction
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.protocols.packet.writer import document
from packetserver.provision import provision
from packetserver.provision.installation import prepare_installation
from packetserver.security.credentials import Credentials
from packetserver.settings import Settings
from packetserver.store.guid_columns import is_mappable
from packetserver.store.rows import Rows
from packetserver.sync.clients import reset_client

WORLD = Path(__file__).parents[1] / "conformance" / "world.toml"
ENTERED = datetime(2030, 1, 1)
FOLLOWING = "2031-01-01 00:00:00.0"
CLIENT = Credentials(HOST, "secret1", 4, 1, next_anchor=FOLLOWING)
AT_A_TIME = 1000
SPOOL_BYTES = 64 * 1024
"""What of an answer stays in memory; small, so that few records fill it already."""


def fill(engine: Engine, count: int) -> None:
    """Put so many accounts, addresses and contacts into the database, two of four accounts."""
    tables = engine.schema.metadata.tables
    with engine.database.connect(writes=True) as connection:
        organizations = tables["organization"]
        latest = connection.execute(select(organizations.c.org_id)).scalars().all()
        first = max(latest, default=0) + 1
        stamps = {"enteredby": 1, "modifiedby": 1, "entered": ENTERED, "modified": ENTERED}
        for start in range(0, count // 2, AT_A_TIME):
            numbers = range(first + start, first + min(start + AT_A_TIME, count // 2))
            rows = [
                {"org_id": n, "name": f"Account {n}", "notes": "x" * 80, **stamps} for n in numbers
            ]
            connection.execute(insert(organizations), rows)
            halves = [n for n in numbers if n % 2]
            addresses = [
                {"org_id": n, "city": f"City {n}", "address_type": 1, **stamps} for n in halves
            ]
            connection.execute(insert(tables["organization_address"]), addresses)
            people = [
                {
                    "org_id": n,
                    "namefirst": "",
                    "namelast": f"Person {n}",
                    "access_type": 2,
                    "owner": 1,
                    **stamps,
                }
                for n in halves
            ]
            connection.execute(insert(tables["contact"]), people)
        connection.commit()


def forget(engine: Engine) -> None:
    """The client begins anew."""
    with engine.database.connect(writes=True) as connection:
        reset_client(Rows(engine.schema, connection), 1, engine.preferences.now())
        connection.commit()


def every_list(engine: Engine) -> list[str]:
    """The elements whose lists a client can sync."""
    return [
        each.element
        for each in engine.schema.catalogue.objects.values()
        if each.list_element is not None and each.table is not None and is_mappable(each)
    ]


def by_packets(engine: Engine, elements: Sequence[str] | None = None) -> int:
    """A session that syncs lists, by default every one; returns how many records were answered."""
    lists = every_list(engine) if elements is None else elements
    return sum(_answered(engine, *each) for each in _session(engine, lists))


def _session(engine: Engine, elements: Sequence[str]) -> Iterator[tuple[Item, Sequence[str]]]:
    yield Item("syncClient", {"action": "syncStart"}, ()), ()
    for each in (engine.schema.catalogue.objects[element] for element in elements):
        if each.list_element is not None:
            meta = packed_object(engine.schema.catalogue, each).meta
            yield Item(each.list_element, {"action": "sync"}, ()), meta
    yield Item("syncClient", {"action": "syncEnd"}, ()), ()


def _answered(engine: Engine, item: Item, meta: Sequence[str]) -> int:
    packet = Packet(CLIENT, (Transaction(1, tuple(meta), (item,)),))
    spool = spool_of(UTF_8, SPOOL_BYTES)
    try:
        responses: tuple[Response, ...] = engine.process(packet, Options(), HOST, HOST, spool)
        assert [each.errors for each in responses] == [()]
        length, pieces = document(responses, spool, UTF_8)
        assert sum(len(piece) for piece in pieces) == length
    finally:
        spool.close()
    records = responses[0].records
    return 0 if records is None else records.count


def by_package(engine: Engine) -> int:
    """A package that is asked for and compiled; returns how many records it has."""
    _answered(engine, Item("syncClient", {"action": "syncStart"}, ()), ())
    _answered(engine, Item("compileSyncData", {"action": "execute"}, ()), ())
    worker = PackageWorker(engine.database, engine.schema, engine.preferences)
    (outcome,) = worker.work_off(lambda progress: None, patient=True)
    assert outcome.file is not None, outcome.error
    return outcome.file.records


WAYS = {"packets": by_packets, "package": by_package}


def _peak() -> int:
    """The most memory that this process has had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _prepare(url: str) -> None:
    settings = Settings(database_url=url)
    prepare_installation(settings)
    provision(settings, WORLD)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--database", choices=KINDS, default="sqlite")
    parser.add_argument("--way", choices=WAYS, default="package")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        databases = Databases(Path(folder), _prepare)
        with contextlib.closing(databases), databases.prepared(given.database) as url:
            engine = build_engine(Settings(database_url=url, file_library=Path(folder) / "files"))
            fill(engine, 2000)
            WAYS[given.way](engine)
            forget(engine)
            fill(engine, given.records - 2000)
            before, begun = _peak(), time.monotonic()
            count = WAYS[given.way](engine)
            seconds = timedelta(seconds=round(time.monotonic() - begun))
            grown = _peak() - before
            engine.database.close()
    sys.stdout.write(
        f"{given.database}, by {given.way}: {count} records in {seconds};"
        f" {before // 1024} MiB before, {grown // 1024} MiB more at the most\n"
    )


if __name__ == "__main__":
    main()
