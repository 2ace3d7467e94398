"""Every command in every broken world that can be foreseen: a sentence that helps, and no traceback."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import psycopg
import pytest
import sqlalchemy
import trustme
from click.testing import CliRunner, Result
from faults.test_outages import disk
from whole.served import served

from databases import Databases
from packetserver import cli

WORLD = str(Path(__file__).parent.parent / "conformance" / "world.toml")
LONGEST_MESSAGE = 900
MOST_LINES = 3

READING = frozenset(
    {"user list", "session list", "client list", "client show", "settings", "adopt --dry-run"}
) | {"compile-packages"}
"""What asks the database only to read."""

ALL_FINE_WITHOUT_IT = frozenset({"settings"})
"""What says what is wrong, and does its work without that."""


@dataclass
class Stage:
    """Where a world is made, and what of the machine it may use."""

    databases: Databases
    folder: Path
    closing: contextlib.ExitStack

    def server(self, *, prepared: bool = True) -> str:
        """The URL of a PostgreSQL database."""
        make = self.databases.prepared if prepared else self.databases.empty
        return self.closing.enter_context(make("postgresql"))

    def file(self) -> Path:
        """A prepared SQLite database."""
        url = self.closing.enter_context(self.databases.prepared("sqlite"))
        return Path(url.removeprefix("sqlite:///"))

    def role(self, url: str, name: str, options: str = "LOGIN") -> str:
        """The URL for a user who owns nothing; the user goes with the world."""
        execute(url, f"CREATE ROLE {name} {options}")
        self.closing.callback(execute, url, f"DROP OWNED BY {name}; DROP ROLE {name}")
        return as_user(url, name)


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for each in statements:
            connection.execute(each)


def as_user(url: str, name: str, password: str | None = None) -> str:
    made = sqlalchemy.make_url(url).set(username=name, password=password)
    return made.render_as_string(hide_password=False)


def database_of(url: str) -> str:
    return str(sqlalchemy.make_url(url).database)


def guarded(stage: Stage, *, prepared: bool = True) -> str:
    """The URL, without a password, for a user whose password is asked for."""
    url = stage.server(prepared=prepared)
    execute(url, "CREATE ROLE guarded LOGIN PASSWORD 'geheim'")
    stage.closing.callback(execute, url, "DROP ROLE guarded")
    with psycopg.connect(url) as connection:
        (place,) = connection.execute("SHOW hba_file").fetchone()
    file, before = Path(place), Path(place).read_text()
    file.write_text(f"local all guarded scram-sha-256\n{before}")
    stage.closing.callback(execute, url, "SELECT pg_reload_conf()")
    stage.closing.callback(file.write_text, before)
    execute(url, "SELECT pg_reload_conf()")
    return as_user(url, "guarded")


# The worlds, each of which gives the settings that lead into it.

Make = Callable[[Stage], Mapping[str, str]]


def url_of(make: Callable[[Stage], str]) -> Make:
    return lambda stage: {"PACKETSERVER_DATABASE_URL": make(stage)}


def fixed(url: str) -> Make:
    return url_of(lambda stage: url)


def no_such_database(stage: Stage) -> str:
    made = sqlalchemy.make_url(stage.server(prepared=False)).set(database="elsewhere")
    return made.render_as_string(hide_password=False)


def wrong_password(stage: Stage) -> str:
    return as_user(guarded(stage, prepared=False), "guarded", "verkehrt")


def unknown_user(stage: Stage) -> str:
    return as_user(stage.server(prepared=False), "nobody_at_all")


def no_login(stage: Stage) -> str:
    return stage.role(stage.server(prepared=False), "no_login", "NOLOGIN")


def no_connection(stage: Stage) -> str:
    return stage.role(stage.server(prepared=False), "no_connection", "LOGIN CONNECTION LIMIT 0")


def closed_database(stage: Stage) -> str:
    """Nobody may connect to it."""
    url = stage.server(prepared=False)
    other = sqlalchemy.make_url(url).set(database="postgres").render_as_string(hide_password=False)
    execute(other, f"ALTER DATABASE {database_of(url)} ALLOW_CONNECTIONS false")
    return url


def no_right_to_connect(stage: Stage) -> str:
    url = stage.server(prepared=False)
    execute(url, f"REVOKE CONNECT ON DATABASE {database_of(url)} FROM PUBLIC")
    return stage.role(url, "no_right_to_connect")


def no_right_to_create(stage: Stage) -> str:
    """As every user of PostgreSQL 15 and later who does not own the schema."""
    url = stage.server(prepared=False)
    execute(url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    return stage.role(url, "no_right_to_create")


def no_right_to_use(stage: Stage) -> str:
    url = stage.server()
    execute(url, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    return stage.role(url, "no_right_to_use")


def no_right_to_read(stage: Stage) -> str:
    return stage.role(stage.server(), "no_right_to_read")


def read_only(stage: Stage) -> str:
    url = stage.server()
    execute(url, f"ALTER DATABASE {database_of(url)} SET default_transaction_read_only = on")
    return url


def of_version(revision: str, stage: Stage) -> str:
    url = stage.server()
    execute(url, f"UPDATE alembic_version SET version_num = '{revision}'")  # noqa: S608
    return url


def of_another_making(stage: Stage) -> str:
    url = stage.server(prepared=False)
    execute(url, "CREATE TABLE other (id integer)")
    return url


def no_file(stage: Stage) -> str:
    return f"sqlite:///{stage.folder / 'none.db'}"


def folder_for_file(stage: Stage) -> str:
    (stage.folder / "folder.db").mkdir()
    return f"sqlite:///{stage.folder / 'folder.db'}"


def file_for_folder(stage: Stage) -> str:
    (stage.folder / "file").write_text("x")
    return f"sqlite:///{stage.folder / 'file' / 'some.db'}"


def no_database_file(stage: Stage) -> str:
    (stage.folder / "text.db").write_text("Dear Sir or Madam\n" * 100)
    return f"sqlite:///{stage.folder / 'text.db'}"


def damaged_file(stage: Stage) -> str:
    file = stage.file()
    content = bytearray(file.read_bytes())
    content[100:8192] = b"\xaa" * 8092
    file.write_bytes(content)
    return f"sqlite:///{file}"


def newer_file(stage: Stage) -> str:
    file = stage.file()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'zzzz'")
        connection.commit()
    return f"sqlite:///{file}"


def setting(name: str, text: str) -> Make:
    return lambda stage: {
        "PACKETSERVER_DATABASE_URL": f"sqlite:///{stage.file()}",
        name if name.isupper() else f"PACKETSERVER_{name.upper()}": text,
    }


def config(content: bytes | None, stage: Stage) -> Mapping[str, str]:
    """A file of settings that is none; without content there is a folder."""
    path = stage.folder / "settings.toml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    return {"PACKETSERVER_CONFIG": str(path)}


@dataclass(frozen=True)
class World:
    """A broken world; ``words`` say what is wrong, and ``fine`` are commands that do not mind."""

    name: str
    make: Make
    words: str
    fine: frozenset[str] = frozenset()


DATABASES = (
    World("nobody listens", fixed("postgresql://crm@127.0.0.1:1/crm"), "nothing listens"),
    World("no socket", fixed("postgresql://crm@/crm?host=/nowhere"), "nothing listens"),
    World("unknown host", fixed("postgresql://crm@none.invalid/crm"), "host name is not known"),
    World("no such database", url_of(no_such_database), "the database does not exist"),
    World("wrong password", url_of(wrong_password), "refuses the password"),
    World("no password", url_of(partial(guarded, prepared=False)), "wants a password"),
    World("unknown user", url_of(unknown_user), "does not let the server in"),
    World("no login", url_of(no_login), "does not let the server in"),
    World("no connection left", url_of(no_connection), "no connection left"),
    World("closed database", url_of(closed_database), "does not let the server in"),
    World("no right to connect", url_of(no_right_to_connect), "does not allow the server"),
    World(
        "no right to create",
        url_of(no_right_to_create),
        r"GRANT USAGE, CREATE ON SCHEMA public TO no_right_to_create;|run packetserver init-db|"
        "the original did not make",
    ),
    World("no right to use", url_of(no_right_to_use), r"GRANT USAGE.* ON SCHEMA public TO"),
    World(
        "no right to read",
        url_of(no_right_to_read),
        r"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO no_right_to_read;"
        "|does not allow the server|may not make tables",
    ),
    World(
        "read only",
        url_of(read_only),
        "can only be read|standby",
        READING | {"init-db", "provision", "adopt"},
    ),
    World("newer", url_of(partial(of_version, "zzzz")), "later version|another version"),
    World(
        "older",
        url_of(partial(of_version, "0001")),
        "earlier version|another version",
        frozenset({"init-db"}),
    ),
    World(
        "of another making",
        url_of(of_another_making),
        "packetserver did not make|the original did not make",
    ),
    World("no file", url_of(no_file), "does not exist", frozenset({"init-db", "restore"})),
    World("a folder for the file", url_of(folder_for_file), "folder.db|cannot be opened"),
    World("a file for the folder", url_of(file_for_folder), "/file"),
    World(
        "no database",
        url_of(no_database_file),
        "no database|not a database",
        frozenset({"restore"}),
    ),
    World(
        "damaged", url_of(damaged_file), "damaged|is no database|malformed", frozenset({"restore"})
    ),
    World("newer file", url_of(newer_file), "later version", frozenset({"restore"})),
)
SETTINGS = (
    World("no number", setting("threads", "many"), "PACKETSERVER_THREADS"),
    World("no setting", setting("treads", "8"), "PACKETSERVER_TREADS"),
    World("no zone", setting("timezone", "Mars/North"), "PACKETSERVER_TIMEZONE"),
    World("no database URL", fixed("mysql://crm@localhost/crm"), "PACKETSERVER_DATABASE_URL"),
    World("no URL", fixed("sqlite:/crm.db"), "PACKETSERVER_DATABASE_URL"),
    World("host with scheme", setting("allowed_hosts", "http://crm"), "PACKETSERVER_ALLOWED_HOSTS"),
    World("host with port", setting("allowed_hosts", "crm:80"), "PACKETSERVER_ALLOWED_HOSTS"),
    World("any host", setting("allowed_hosts", "*"), "PACKETSERVER_ALLOWED_HOSTS"),
    World("no file of settings", setting("config", "/nowhere.toml"), "PACKETSERVER_CONFIG"),
    World("a folder of settings", partial(config, None), "PACKETSERVER_CONFIG"),
    World("settings not in TOML", partial(config, b"threads: 8"), "PACKETSERVER_CONFIG"),
    World("settings not in UTF-8", partial(config, b"bind = '\xff'"), "PACKETSERVER_CONFIG"),
    World("unknown key", partial(config, b"treads = 8"), "treads"),
)

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "init-db": ("init-db", "--with-admin"),
    "serve": ("serve", "--bind", "127.0.0.1:0"),
    "provision": ("provision", WORLD),
    "adopt": ("adopt",),
    "adopt --dry-run": ("adopt", "--dry-run"),
    "doctor": ("doctor",),
    "backup": ("backup", "{folder}/copy.db"),
    "restore": ("restore", "--replace", "{backup}"),
    "user list": ("user", "list"),
    "user add": ("user", "add", "ann", "--role", "Administrator"),
    "user set-password": ("user", "set-password", "rep1"),
    "user rename": ("user", "rename", "rep1", "rep2"),
    "user disable": ("user", "disable", "rep1"),
    "user access-key": ("user", "access-key", "rep1"),
    "session list": ("session", "list"),
    "session end": ("session", "end", "--all"),
    "client list": ("client", "list"),
    "client show": ("client", "show", "1"),
    "client add": ("client", "add"),
    "client set-code": ("client", "set-code", "1"),
    "client reset": ("client", "reset", "1", "--yes"),
    "client disable": ("client", "disable", "1"),
    "compile-packages": ("compile-packages",),
    "settings": ("settings",),
}


WITHOUT_DATABASE = frozenset(
    {"send", "check", "catalogue check", "catalogue show", "catalogue docs", "make-migration"}
)


def all_commands(group: click.Group, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from all_commands(command, f"{name} ")
        else:
            yield f"{before}{name}"


def test_no_command_is_left_out():
    tried = {name.partition(" --")[0] for name in COMMANDS}
    assert set(all_commands(cli.main)) == tried | WITHOUT_DATABASE


class Served(Exception):
    """The server would have been started."""


@pytest.fixture
def stage(databases: Databases, tmp_path: Path) -> Iterator[Stage]:
    with contextlib.ExitStack() as closing:
        yield Stage(databases, tmp_path, closing)


@pytest.fixture
def run(stage: Stage, tmp_path: Path, monkeypatch) -> Callable[[str], Result]:
    """A function that gives a command by its name; a server is not really started."""
    monkeypatch.chdir(tmp_path)

    def instead(*arguments: object) -> None:
        raise Served

    monkeypatch.setattr(cli.serve, "serve_forever", instead)

    def give(command: str) -> Result:
        places = {"folder": str(tmp_path), "backup": str(stage.file())}
        words = [each.format(**places) for each in COMMANDS[command]]
        (tmp_path / "copy.db").unlink(missing_ok=True)
        return CliRunner().invoke(cli.main, words, prog_name="packetserver")

    return give


def set_settings(monkeypatch, settings: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith("PACKETSERVER_")]:
        monkeypatch.delenv(name)
    for name, text in settings.items():
        monkeypatch.setenv(name, text)


def check(result: Result, command: str, words: str) -> None:
    """A few words that say what is wrong, and a status that says that something is."""
    told = f"{command}: {result.output}"
    assert result.exception is None or isinstance(result.exception, SystemExit), (
        told,
        result.exception,
    )
    assert "Traceback" not in result.output, told
    assert "geheim" not in result.output, told
    assert "verkehrt" not in result.output, told
    assert re.search(words, result.output), told
    assert (result.exit_code == 0) is (command in ALL_FINE_WITHOUT_IT and words != ""), told
    if command != "doctor":
        assert 0 < len(result.stderr.splitlines()) <= MOST_LINES, told
        assert len(result.stderr) <= LONGEST_MESSAGE, told


@pytest.mark.parametrize("world", DATABASES, ids=lambda world: world.name)
def test_what_is_wrong_with_the_database_is_said(world, stage, run, monkeypatch):
    settings = world.make(stage)
    set_settings(monkeypatch, settings)
    is_file = settings["PACKETSERVER_DATABASE_URL"].startswith("sqlite")
    foreign = {"adopt", "adopt --dry-run"} if is_file else {"backup", "restore"}
    for command in COMMANDS.keys() - world.fine:
        words = "PACKETSERVER_DATABASE_URL|database" if command in foreign else world.words
        check(run(command), command, words)


@pytest.mark.parametrize("world", SETTINGS, ids=lambda world: world.name)
def test_what_is_wrong_with_the_settings_is_said(world, stage, run, monkeypatch):
    set_settings(monkeypatch, world.make(stage))
    for command in COMMANDS:
        result = run(command)
        if command == "settings":
            assert result.exit_code == 1
        check(result, command if command != "settings" else "show settings", world.words)


# What only a server minds, and the doctor.


def certificate(stage: Stage, host: str = "127.0.0.1") -> tuple[str, str]:
    issued = trustme.CA().issue_cert(host)
    paths = stage.folder / f"{host}.pem", stage.folder / f"{host}.key"
    issued.cert_chain_pems[0].write_to_path(paths[0])
    issued.private_key_pem.write_to_path(paths[1])
    return str(paths[0]), str(paths[1])


def tls(stage: Stage, certificate: str | None, key: str | None) -> Mapping[str, str]:
    given = {"PACKETSERVER_TLS_CERTIFICATE": certificate, "PACKETSERVER_TLS_KEY": key}
    return {name: text for name, text in given.items() if text is not None}


def certificate_alone(stage: Stage) -> Mapping[str, str]:
    return tls(stage, certificate(stage)[0], None)


def key_alone(stage: Stage) -> Mapping[str, str]:
    return tls(stage, None, certificate(stage)[1])


def no_certificate(stage: Stage) -> Mapping[str, str]:
    return tls(stage, "/nowhere.pem", certificate(stage)[1])


def folder_for_key(stage: Stage) -> Mapping[str, str]:
    return tls(stage, certificate(stage)[0], str(stage.folder))


def wrong_pair(stage: Stage) -> Mapping[str, str]:
    return tls(stage, certificate(stage)[0], certificate(stage, "127.0.0.2")[1])


def no_pem(stage: Stage) -> Mapping[str, str]:
    return tls(stage, WORLD, WORLD)


def locked_key(stage: Stage) -> Mapping[str, str]:
    paths = certificate(stage)
    locked = stage.folder / "locked.key"
    command = ["openssl", "pkey", "-in", paths[1], "-aes256", "-passout", "pass:geheim"]
    subprocess.run([*command, "-out", str(locked)], check=True, capture_output=True)
    return tls(stage, paths[0], str(locked))


def plain(name: str, text: str) -> Make:
    return lambda stage: {name: text.format(folder=stage.folder, file=WORLD)}


def taken_port(stage: Stage) -> Mapping[str, str]:
    listener = stage.closing.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return {"PACKETSERVER_BIND": f"127.0.0.1:{listener.getsockname()[1]}"}


def taken_path(stage: Stage) -> Mapping[str, str]:
    path = stage.folder / "taken"
    listener = stage.closing.enter_context(socket.socket(socket.AF_UNIX))
    listener.bind(str(path))
    listener.listen()
    return {"PACKETSERVER_BIND": f"unix:{path}"}


BIND, XML = "PACKETSERVER_BIND", "PACKETSERVER_SYSTEM_XML"
SERVING = (
    World("certificate alone", certificate_alone, "PACKETSERVER_TLS_KEY"),
    World("key alone", key_alone, "PACKETSERVER_TLS_CERTIFICATE"),
    World("no certificate", no_certificate, "/nowhere.pem.*PACKETSERVER_TLS_CERTIFICATE"),
    World("a folder for the key", folder_for_key, "PACKETSERVER_TLS_KEY.*Is a directory"),
    World("wrong pair", wrong_pair, "is not that of the certificate"),
    World("no PEM", no_pem, "are no certificate and key"),
    World("locked key", locked_key, "PACKETSERVER_TLS_KEY.*protected by a password"),
    World("no system.xml", plain(XML, "/nowhere.xml"), f"/nowhere.xml.*{XML}"),
    World("a folder for system.xml", plain(XML, "{folder}"), XML),
    World("system.xml is no XML", plain(XML, "{file}"), f"{XML}.*no XML"),
    World("audit log", plain("PACKETSERVER_AUDIT_LOG", "{folder}"), "Is a directory"),
    World("audit log nowhere", plain("PACKETSERVER_AUDIT_LOG", "/nowhere/log"), "/nowhere"),
    World("file library", plain("PACKETSERVER_FILE_LIBRARY", "{file}"), "world.toml"),
    World("metrics", plain("PROMETHEUS_MULTIPROC_DIR", "/nowhere"), "PROMETHEUS_MULTIPROC_DIR"),
    World("taken port", taken_port, f"{BIND}.*listens there already"),
    World("taken path", taken_path, f"{BIND}.*listens there already"),
    World("not our address", plain(BIND, "203.0.113.7:8080"), f"{BIND}.*no such address"),
    World("unknown address", plain(BIND, "none.invalid:8080"), f"{BIND}.*not known"),
    World("no folder for the socket", plain(BIND, "unix:/nowhere/socket"), BIND),
    World("a file for the socket", plain(BIND, "unix:{file}"), f"{BIND}.*no socket"),
)


@pytest.mark.parametrize("world", SERVING, ids=lambda world: world.name)
@pytest.mark.parametrize("command", [("serve",), ("doctor",)], ids=" ".join)
def test_what_keeps_a_server_from_starting_is_said_before(world, command, stage, run, monkeypatch):
    url = f"sqlite:///{stage.file()}"
    set_settings(
        monkeypatch, {"PACKETSERVER_DATABASE_URL": url, "PACKETSERVER_BIND": "127.0.0.1:0"}
    )
    for name, text in world.make(stage).items():
        monkeypatch.setenv(name, text)
    result = CliRunner().invoke(cli.main, command, prog_name="packetserver")
    check(result, command[0], world.words)


def test_in_a_world_that_is_whole_nothing_is_wrong(stage, run, monkeypatch):
    """Else the other tests could not fail."""
    paths = certificate(stage)
    settings = {
        "PACKETSERVER_DATABASE_URL": f"sqlite:///{stage.file()}",
        "PACKETSERVER_BIND": "127.0.0.1:0",
        "PACKETSERVER_ALLOWED_HOSTS": "crm.example.com, 192.0.2.1, [::1], Localhost.",
        **tls(stage, *paths),
    }
    set_settings(monkeypatch, settings)
    for command in ("init-db", "provision", "user list", "client show", "backup", "restore"):
        assert run(command).exit_code == 0, command
    assert isinstance(run("serve").exception, Served)
    assert run("doctor").exit_code == 0, run("doctor").output


def test_a_server_that_runs_is_no_fault_to_the_doctor(stage, monkeypatch, databases):
    with databases.prepared("sqlite") as url, served(url) as server:
        bind = f"{server.host}:{server.port}"
        set_settings(monkeypatch, {"PACKETSERVER_DATABASE_URL": url, "PACKETSERVER_BIND": bind})
        result = CliRunner().invoke(cli.main, ["doctor"], prog_name="packetserver")
        assert (result.exit_code, f"listens at {bind}" in result.output) == (0, True), result.output


def test_a_full_disk_is_said(stage, tmp_path, monkeypatch):
    content = stage.file().read_bytes()
    folder = tmp_path / "disk"
    folder.mkdir()
    with disk(folder, len(content) + 1024**2):
        file = folder / "crm.db"
        file.write_bytes(content)
        with contextlib.suppress(OSError), (folder / "filling").open("wb", buffering=0) as full:
            while full.write(bytes(4096)):
                pass
        whole, new = f"sqlite:///{file}", f"sqlite:///{folder / 'new' / 'crm.db'}"
        for url, command in (
            *((whole, ("user", "add", f"ann{n}", "--role", "Administrator")) for n in range(3)),
            (whole, ("provision", WORLD.replace("conformance", "bench"))),
            (whole, ("backup", str(folder / "copy.db"))),
            (new, ("init-db",)),
            (new, ("restore", str(stage.file()))),
        ):
            set_settings(monkeypatch, {"PACKETSERVER_DATABASE_URL": url})
            result = CliRunner().invoke(cli.main, command, prog_name="packetserver")
            check(result, command[0], "disk is full|No space left")


def test_what_another_user_may_not_read_or_write_is_said(stage, run, tmp_path, monkeypatch):
    """Root may read everything, so the command is given by a user who may not."""
    if os.getuid():
        pytest.skip("only root can become another user")
    file = stage.file()
    for each in (tmp_path, *tmp_path.parents[:-1]):
        each.chmod(each.stat().st_mode | 0o055)
    copy = tmp_path / "crm.db"
    copy.write_bytes(file.read_bytes())
    secret = tmp_path / "secret"
    secret.write_text("x = 1")
    secret.chmod(0o600)
    copy.chmod(0o644)
    library = tmp_path / "files"
    library.mkdir()
    library.chmod(0o777)
    url = {
        "PACKETSERVER_DATABASE_URL": f"sqlite:///{copy}",
        "PACKETSERVER_FILE_LIBRARY": str(library),
    }
    for settings, words, expected in (
        (url, COMMANDS["user add"], "may not be written"),
        (url, COMMANDS["serve"], "may not be written"),
        (url, ("provision", str(secret)), "secret.*not readable"),
        (url | {"PACKETSERVER_CONFIG": str(secret)}, COMMANDS["init-db"], "PACKETSERVER_CONFIG"),
        (url | {XML: str(secret)}, COMMANDS["serve"], f"{XML}.*Permission denied"),
        (url | {"PACKETSERVER_AUDIT_LOG": str(secret)}, COMMANDS["serve"], "Permission denied"),
        (url | {BIND: "127.0.0.1:81"}, ("serve",), "may not"),
    ):
        set_settings(monkeypatch, settings)
        status, output, exception = as_nobody(words)
        assert exception is None, (words, exception)
        assert re.search(expected, output), (words, output)
        assert status != 0


NOBODY = 65534


def as_nobody(words: tuple[str, ...]) -> tuple[int, str, str | None]:
    """The exit status and output of a command that another user gives, and what it has raised."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        result = CliRunner().invoke(cli.main, words, prog_name="packetserver")
        fault = None if isinstance(result.exception, SystemExit) else repr(result.exception)
        os.write(writing, json.dumps([result.exit_code, result.output, fault]).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:  # noqa: PTH123 - it has no name
        found = json.loads(answer.read())
    os.waitpid(child, 0)
    return found[0], found[1], found[2]
