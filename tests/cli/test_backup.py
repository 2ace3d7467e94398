"""Backups of a running installation, and what they are when they are put back."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from driving import ADMIN, HOST, Driver, item
from sqlalchemy.engine import make_url

from databases import Databases
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.protocols.packet.stored_documents import Document
from packetserver.settings import Settings

README = Path(__file__).parents[2] / "README.md"
BYTES = b"\x00printer on fire\xff" * 100
WRITERS = 3
BEFORE, AFTER = 20, 10
"""Packets that are acknowledged before a backup begins, and more while and after it is made."""


@dataclass
class Site:
    """A server on a database, and the folder of its files."""

    engine: Engine
    database: Path
    library: Path

    def names(self) -> set[str]:
        answer = Driver(self.engine, ADMIN).one("accountList", "select", {}, ["name"])
        assert answer.errors == ()
        return {each["name"] for each in answer.records}

    def add(self, name: str) -> str:
        values = {"name": name}
        (record,) = Driver(self.engine, ADMIN).one("account", "insert", values, ["id"]).records
        return record["id"]

    def add_file(self, content: bytes = BYTES) -> Path:
        """A file for a ticket; returns where its bytes are."""
        account = self.add("Dark Horse")
        driver = Driver(self.engine, ADMIN)
        person = {"nameLast": "P", "accessType": "2", "orgId": account}
        (contact,) = driver.one("contact", "insert", person, ["id"]).records
        about = {"orgId": account, "contactId": contact["id"], "problem": "Fire"}
        (ticket,) = driver.one("ticket", "insert", about, ["id"]).records
        item_id = int(ticket["id"])
        form = Document(filename="fire.txt", subject="Fire", type="ticket", item=item_id)
        before = self.files()
        documents = self.engine.documents
        with documents.library.received([content]) as received:
            assert documents.store(ADMIN, form, received, HOST, HOST) == ()
        (new,) = set(self.files()) - set(before)
        return self.library / new

    def files(self) -> dict[Path, bytes]:
        """What the library holds, by place."""
        found = (path for path in self.library.rglob("*") if path.is_file())
        return {path.relative_to(self.library): path.read_bytes() for path in found}


@contextlib.contextmanager
def serving(database: Path, library: Path) -> Iterator[Site]:
    settings = Settings(database_url=f"sqlite:///{database}", file_library=library)
    engine = build_engine(settings)
    with contextlib.closing(engine.database):
        yield Site(engine, database, library)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "files"
    monkeypatch.setenv("PACKETSERVER_FILE_LIBRARY", str(folder))
    return folder


@pytest.fixture
def site(url: str, library: Path) -> Iterator[Site]:
    with serving(Path(make_url(url).database or ""), library) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a backup is to be."""
    folder = tmp_path / "backup"
    folder.mkdir()
    return folder / "monday.db"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(path: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {row[0] for row in connection.execute("SELECT name FROM organization")}


@dataclass
class Writer(threading.Thread):
    """Sends packets of two accounts each until it is told to stop."""

    site: Site
    number: int
    acknowledged: threading.Semaphore
    stopping: threading.Event
    sent: int = 0
    known: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        driver = Driver(self.site.engine, ADMIN)
        while not self.stopping.is_set():
            self.sent += 1
            name = f"{self.number}-{self.sent}"
            pair = [[item("account", "insert", {"name": f"{name} {half}"})] for half in "ab"]
            if all(each.errors == () for each in driver.send(pair)):
                self.known.append(name)
                self.acknowledged.release()


class TestWhileWritersGoOn:
    def test_all_that_was_acknowledged_is_there_and_nothing_half(self, run, site, file):
        acknowledged, stopping = threading.Semaphore(0), threading.Event()
        writers = [Writer(site, n, acknowledged, stopping) for n in range(WRITERS)]
        for each in writers:
            each.start()
        try:
            assert all(acknowledged.acquire(timeout=60) for _ in range(BEFORE))
            before = {name for each in writers for name in list(each.known)}
            assert run("backup", str(file)).exit_code == 0
            assert all(acknowledged.acquire(timeout=60) for _ in range(AFTER))
        finally:
            stopping.set()
            for each in writers:
                each.join(60)

        found = {name for name in names_in(file) if name[0].isdecimal()}
        whole = {name.partition(" ")[0] for name in found}
        assert before <= whole
        assert found == {f"{name} {half}" for name in whole for half in "ab"}
        assert len(whole) < sum(len(each.known) for each in writers)

    def test_it_is_a_backup_of_one_moment_even_of_what_is_not_committed(self, run, site, file):
        site.add("committed")
        with site.engine.database.connect(writes=True) as connection:
            connection.exec_driver_sql("UPDATE organization SET name = 'half' WHERE org_id > 0")
            assert run("backup", str(file)).exit_code == 0
        assert "committed" in names_in(file)
        assert "half" not in names_in(file)


class TestBackup:
    def test_it_is_one_private_file_that_is_a_database(self, run, site, file):
        site.add("Dark Horse")
        result = run("backup", str(file))
        assert result.output == f"Copied the database {site.database} to {file}.\n"
        assert [each.name for each in file.parent.iterdir()] == [file.name]
        assert mode(file) == 0o600
        assert "Dark Horse" in names_in(file)
        assert [each.name for each in file.parent.iterdir()] == [file.name]

    def test_files_lie_in_an_archive_beside_it(self, run, site, file):
        site.add_file()
        (site.library / "2026").mkdir(exist_ok=True)
        (site.library / "2026" / "stray").write_bytes(b"of no record")
        result = run("backup", str(file))
        archive = file.with_name("monday.db.files.tar")
        assert result.output.splitlines()[-1] == f"Its files (1) are in {archive}."
        assert mode(archive) == 0o600
        with tarfile.open(archive) as packed:
            (member,) = packed.getmembers()
            content = packed.extractfile(member)
            assert content is not None
            assert site.files()[Path(member.name)] == content.read() == BYTES

    @pytest.mark.parametrize("name", ["monday.db", "monday.db.files.tar"])
    def test_nothing_is_overwritten(self, run, site, file, name):
        site.add_file()
        taken = file.with_name(name)
        taken.write_bytes(b"of yesterday")
        result = run("backup", str(file))
        assert (result.exit_code, result.stderr) == (1, f"Error: {taken} exists already\n")
        assert [each.name for each in file.parent.iterdir()] == [name]
        assert taken.read_bytes() == b"of yesterday"

    def test_a_file_that_the_library_lacks_is_told_when_the_rest_is_safe(self, run, site, file):
        kept, lost = site.add_file(), site.add_file(b"lost")
        lost.unlink()
        result = run("backup", str(file))
        assert result.exit_code == 1
        told = f"Error: the backup is made, but the file library lacks 1 of its files: {lost}\n"
        assert result.stderr == told
        assert "Dark Horse" in names_in(file)
        with tarfile.open(file.with_name("monday.db.files.tar")) as packed:
            assert packed.getnames() == [str(kept.relative_to(site.library))]

    def test_files_may_be_left_alone(self, run, site, file):
        site.add_file().unlink()
        result = run("backup", "--without-files", str(file))
        assert result.output.splitlines()[-1] == "Its files (1) were left alone."
        assert [each.name for each in file.parent.iterdir()] == [file.name]

    def test_a_damaged_database_gives_no_backup(self, run, site, file):
        site.engine.database.close()
        with site.database.open("r+b") as damaged:
            damaged.seek(4096 * 10)
            damaged.write(b"\xff" * 4096 * 20)
        result = run("backup", str(file))
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: the database ")
        assert list(file.parent.iterdir()) == []

    def test_a_folder_that_is_not_there(self, run, site, tmp_path):
        result = run("backup", str(tmp_path / "nowhere" / "monday.db"))
        assert result.exit_code == 1
        assert result.stderr.endswith("No such file or directory\n")

    @pytest.mark.parametrize("command", [["backup"], ["restore", "--replace"]])
    @pytest.mark.parametrize(
        ("named", "told"),
        [
            ("postgresql://ann:geheim@127.0.0.1:1/crm", "pg_dump and pg_restore"),
            ("sqlite:///:memory:", "by its path"),
            ("sqlite:///file:x.db?uri=true", "by its path"),
        ],
    )
    def test_another_kind_of_database(self, run, monkeypatch, tmp_path, command, named, told):
        monkeypatch.setenv("PACKETSERVER_DATABASE_URL", named)
        source = tmp_path / "monday.db"
        if command[0] == "restore":
            source.touch()
        result = run(*command, str(source))
        assert result.exit_code == 1
        assert told in result.stderr
        assert "geheim" not in result.output

    def test_there_is_no_database(self, run, monkeypatch, tmp_path, file):
        monkeypatch.setenv("PACKETSERVER_DATABASE_URL", f"sqlite:///{tmp_path / 'no.db'}")
        result = run("backup", str(file))
        assert (result.exit_code, "does not exist" in result.stderr) == (1, True)
        assert not (tmp_path / "no.db").exists()


class TestRestore:
    @pytest.fixture
    def saved(self, run, site, file) -> Path:
        """A backup with a file, of a server that has gone on and then stopped."""
        site.add_file()
        assert run("backup", str(file)).exit_code == 0
        site.add("Later")
        site.engine.database.close()
        return file

    def restored(self, site: Site) -> set[str]:
        with serving(site.database, site.library) as again:
            return again.names()

    def test_the_way_of_an_operator(self, run, site, saved):
        (place,) = site.files()
        shutil.rmtree(site.library)
        refused = run("restore", str(saved))
        assert refused.exit_code == 1
        assert refused.stderr.endswith("exists already: --replace replaces it\n")
        assert site.files() == {}
        assert "Later" in self.restored(site)

        result = run("restore", "--replace", str(saved))
        assert result.output.splitlines() == [
            f"The database {site.database} is that of {saved}.",
            f"Its files (1) are in {site.library}.",
        ]
        assert self.restored(site) >= {"Dark Horse"}
        assert "Later" not in self.restored(site)
        assert site.files() == {place: BYTES}

    def test_to_a_place_where_there_is_none(self, run, site, saved, monkeypatch, tmp_path):
        database, library = tmp_path / "new" / "var" / "crm.db", tmp_path / "new" / "files"
        monkeypatch.setenv("PACKETSERVER_DATABASE_URL", f"sqlite:///{database}")
        monkeypatch.setenv("PACKETSERVER_FILE_LIBRARY", str(library))
        assert run("restore", str(saved)).exit_code == 0
        with serving(database, library) as new:
            assert "Dark Horse" in new.names()
            assert list(new.files().values()) == [BYTES]
        assert mode(database) == 0o600

    def test_a_log_that_an_earlier_database_left_is_not_taken_for_its_own(self, run, site, saved):
        # Another database was there, and its server was killed.
        with contextlib.closing(sqlite3.connect(site.database)) as killed:
            killed.execute("PRAGMA wal_autocheckpoint = 0")
            killed.execute("UPDATE organization SET name = 'Killed'")
            killed.commit()
            log = site.database.with_name(f"{site.database.name}-wal")
            left = log.read_bytes()
        site.database.unlink()
        log.write_bytes(left)
        assert run("restore", str(saved)).exit_code == 0
        assert "Killed" not in self.restored(site)

    def test_not_while_a_server_uses_the_database(self, run, site, saved):
        with serving(site.database, site.library) as again:
            assert "Later" in again.names()
            result = run("restore", "--replace", str(saved))
            assert result.exit_code == 1
            assert result.stderr.endswith("is in use: stop the servers first\n")
            assert "Later" in again.names()

    def test_in_the_place_of_a_damaged_one(self, run, site, saved):
        site.database.write_bytes(b"damaged" * 1000)
        assert run("restore", "--replace", str(saved)).exit_code == 0
        assert "Dark Horse" in self.restored(site)

    @pytest.mark.parametrize(
        ("statement", "told"),
        [
            ("UPDATE alembic_version SET version_num = 'later'", "later version of packetserver"),
            ("DROP TABLE alembic_version", "holds tables that packetserver did not make"),
        ],
    )
    def test_a_database_that_this_version_does_not_serve(self, run, site, saved, statement, told):
        with contextlib.closing(sqlite3.connect(saved)) as connection:
            connection.execute(statement)
            connection.commit()
        result = run("restore", "--replace", str(saved))
        assert (result.exit_code, told in result.stderr) == (1, True)
        assert "Later" in self.restored(site)

    def test_one_of_an_earlier_version_is_upgraded_by_init_db(self, run, site, saved):
        with contextlib.closing(sqlite3.connect(saved)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '0001'")
            connection.commit()
        result = run("restore", "--replace", str(saved))
        assert result.exit_code == 0
        assert "run packetserver init-db" in result.output
        assert "Upgraded" in run("init-db").output
        assert "Dark Horse" in self.restored(site)

    @pytest.mark.parametrize("content", [b"", b"no database" * 100], ids=["empty", "text"])
    def test_what_is_no_backup(self, run, site, saved, content):
        saved.write_bytes(content)
        assert run("restore", "--replace", str(saved)).exit_code == 1
        assert "Later" in self.restored(site)

    def test_an_archive_that_is_missing(self, run, site, saved):
        archive = saved.with_name("monday.db.files.tar")
        archive.unlink()
        result = run("restore", "--replace", str(saved))
        assert result.exit_code == 1
        assert "--without-files restores the database alone" in result.stderr
        assert "Later" in self.restored(site)
        assert run("restore", "--replace", "--without-files", str(saved)).exit_code == 0
        assert "Later" not in self.restored(site)

    @pytest.mark.parametrize("how", ["cut", "changed"])
    def test_an_archive_that_is_damaged(self, run, site, saved, how):
        archive = saved.with_name("monday.db.files.tar")
        content = archive.read_bytes()
        changed = content.replace(b"printer", b"painter")
        archive.write_bytes(content[:700] if how == "cut" else changed)
        shutil.rmtree(site.library)
        result = run("restore", "--replace", str(saved))
        assert result.exit_code == 1
        assert "damaged" in result.stderr
        assert site.files() == {}
        assert "Later" in self.restored(site)


def commands_of_the_readme() -> str:
    """What the README says about PostgreSQL, as a shell would run it."""
    section = README.read_text("utf-8").partition("## Backup and restore")[2].partition("\n## ")[0]
    blocks = re.findall(
        r"^```\n(.*?)^```$", section.partition("**PostgreSQL.**")[2], re.MULTILINE | re.DOTALL
    )
    assert len(blocks) == 2
    return "\n".join(blocks)


def test_the_commands_for_postgresql_give_back_what_was_there(databases: Databases, tmp_path):
    library = tmp_path / "var" / "files"
    with databases.prepared("postgresql") as source:
        admin = databases._postgres_url("postgres")
        with psycopg.connect(admin, autocommit=True) as connection:
            name = make_url(source).database
            connection.execute(f"CREATE DATABASE crm TEMPLATE {name}")
        try:
            engine = build_engine(
                Settings(database_url=renamed(source, "crm"), file_library=library)
            )
            with contextlib.closing(engine.database):
                site = Site(engine, tmp_path, library)
                site.add_file()
                run_shell(commands_of_the_readme(), tmp_path, databases._server.bin_path, source)
                site.add("Later")
            assert mode(tmp_path / "crm.dump") == mode(tmp_path / "crm.files.tar") == 0o600
            restored = Settings(
                database_url=renamed(source, "crm_restored"),
                file_library=tmp_path / "var" / "restored",
            )
            engine = build_engine(restored)
            with contextlib.closing(engine.database):
                again = Site(engine, tmp_path, restored.file_library)
                assert "Dark Horse" in again.names()
                assert "Later" not in again.names()
                assert again.files() == site.files()
                # Keys go on where they were.
                assert int(again.add("New")) > 0
        finally:
            with psycopg.connect(admin, autocommit=True) as connection:
                for each in ("crm", "crm_restored"):
                    connection.execute(f"DROP DATABASE IF EXISTS {each} WITH (FORCE)")


def renamed(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def run_shell(commands: str, folder: Path, programs: Path, url: str) -> None:
    found = make_url(url)
    host = found.query.get("host", found.host)
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PGHOST": str(host),
        "PGPORT": str(found.port or found.query.get("port", 5432)),
        "PGUSER": found.username or "",
        "PGPASSWORD": found.password or "",
        "LC_ALL": "C",
    }
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", commands],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
