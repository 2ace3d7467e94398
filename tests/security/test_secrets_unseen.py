"""Secrets are seen nowhere: not in logs, errors, answers, metrics, process lists, nor in the store.

Secrets that are known are sent in every way that there is, with everything logged that can be.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest
import sqlalchemy
from click.testing import CliRunner
from flask.testing import FlaskClient
from security.gate import Gate, open_gate
from sqlalchemy.sql import visitors
from sync.office import Clock
from whole.served import served

from packetserver import cli
from packetserver.app import create_app
from packetserver.protocols.packet.meta import read_meta
from packetserver.records.opening import load_schema
from packetserver.security.secrets import hash_secret, md5_of_password
from packetserver.settings import Settings
from packetserver.store.plans import Plan
from packetserver.store.rows import Rows

PASSWORD, NEW_PASSWORD = "geheim-4711-rep", "geheim-0815-new"
CODE, NEW_CODE = md5_of_password(PASSWORD), md5_of_password(NEW_PASSWORD)
WRONG_CODE = md5_of_password("geheim-2718-wrong")
CLIENT_CODE, NEW_CLIENT_CODE = "geheim-3141-client", "geheim-1618-client"
SECRETS = (CODE, NEW_CODE, WRONG_CODE, "geheim")

AUTHENTICATION = "<authentication><systemId>4</systemId><username>rep1</username><code>{}</code></authentication>"
BY_CLIENT = (
    "<authentication><systemId>4</systemId><id>localhost</id><clientId>1</clientId><code>{}</code>"
    "</authentication>"
)
TRANSACTION = '<transaction id="1"><meta><property>id</property><property>{0}</property></meta>{1}'
USER = (
    f"<username>new</username><password>{NEW_CODE}</password><roleId>1</roleId>"
    "<addContact>false</addContact>"
)
PACKETS = {
    "right": ("system", '<system action="getDateTime"/>'),
    "user": ("password", f'<user action="insert">{USER}</user>'),
    "user again": ("password", f'<user action="insert">{USER}</user>'),
    "no md5": ("id", '<user action="update"><id>2</id><password>geheim</password></user>'),
    "update": ("id", f'<user action="update"><id>2</id><password>{CODE}</password></user>'),
    "filter": (
        "password",
        f'<userList action="select"><password>{CODE}</password></userList>',
    ),
    "client": (
        "code",
        f'<syncClient action="insert"><type>x</type><code>{NEW_CLIENT_CODE}</code></syncClient>',
    ),
    "clients": ("code", '<syncClientList action="select"/>'),
    "wrong place": ("id", f'<account action="insert"><name>A</name><code>{CODE}</code></account>'),
    "wrong type": ("id", f'<user action="update"><id>{CODE}</id></user>'),
    "unknown": ("id", '<nothing action="insert"><password>geheim</password></nothing>'),
    "meta": ("x y", f'<user action="insert">{USER}</user>'),
}
"""Packets by name: a meta property beside id, and an item."""


@dataclass
class Witness:
    """Whatever can be seen of a server, and the server."""

    gate: Gate
    client: FlaskClient
    log: io.StringIO
    audit: Path
    answers: list[str] = field(default_factory=list)

    def send(self, packet: str, path: str = "/ProcessPacket.do") -> str:
        answer = self.client.post(path, data=packet.encode(), headers={"Host": "localhost"})
        self.answers.append(answer.data.decode(answer.mimetype_params.get("charset", "utf-8")))
        return self.answers[-1]

    def item(self, name: str, authentication: str | None = None) -> str:
        meta, content = PACKETS[name]
        sent = authentication or AUTHENTICATION.format(CODE)
        return self.send(f"<app>{sent}{TRANSACTION.format(meta, content)}</transaction></app>")

    def seen(self) -> str:
        metrics = self.client.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"}).text
        told = self.audit.read_text() if self.audit.exists() else ""
        return "\n".join((self.log.getvalue(), told, metrics, *self.answers))

    def stored(self) -> str:
        """All that the database holds."""
        with self.gate.engine.database.connect() as connection:
            return "\n".join(
                str(tuple(row))
                for name in sqlalchemy.inspect(connection).get_table_names()
                for row in connection.execute(sqlalchemy.text(f'SELECT * FROM "{name}"'))  # noqa: S608
            )

    def execute(self, statement: str, **values: str) -> None:
        with self.gate.engine.database.connect(writes=True) as connection:
            connection.execute(sqlalchemy.text(statement), values)
            connection.commit()


def found_in(text: str, *more: str) -> set[str]:
    hashes = set(re.findall(r"\$argon2[\w$=,+/]*", text))
    return {each for each in (*SECRETS, *more) if each.lower() in text.lower()} | hashes


@contextlib.contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """What is logged at level debug, with tracebacks; no logger is quieter than it is by itself."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


@pytest.fixture
def witness(prepared_database_url: str, tmp_path: Path) -> Iterator[Witness]:
    settings = {
        "audit_log": tmp_path / "audit.log",
        "file_library": tmp_path / "files",
        "upgrade_secrets": True,
    }
    with (
        everything_logged() as log,
        open_gate(prepared_database_url, Clock(), **settings) as gate,
    ):
        app = create_app(Settings(database_url=prepared_database_url, **settings), gate.engine)
        made = Witness(gate, app.test_client(), log, tmp_path / "audit.log")
        # As a database of the original holds it, so that the first login replaces it.
        made.execute(
            "UPDATE access SET password = :code, role_id = 1 WHERE username = 'rep1'", code=CODE
        )
        made.execute("UPDATE sync_client SET code = :code WHERE client_id = 1", code=CLIENT_CODE)
        yield made


def test_no_packet_shows_a_secret(witness):
    for name in PACKETS:
        own = witness.item(name)
        if name in {"right", "user", "update", "client"}:
            assert "<status>0</status>" in own
        witness.item(name, AUTHENTICATION.format(WRONG_CODE))
        witness.item(name, BY_CLIENT.format("geheim"))
    assert "<status>0</status>" in witness.item("right", BY_CLIENT.format(CLIENT_CODE))
    assert found_in(witness.seen()) == set()
    stored = found_in(witness.stored())
    assert all(each.startswith("$argon2id$") for each in stored)
    assert len(stored) >= 4


BROKEN = {
    "cut": f"<app>{AUTHENTICATION.format(CODE)[:-20]}",
    "not closed": f"<app>{AUTHENTICATION.format(CODE)}",
    "entity": f'<!DOCTYPE a [<!ENTITY e "{CODE}">]><app>{AUTHENTICATION.format("&e;")}</app>',
    "mark": f"<app>{AUTHENTICATION.format(CODE + '<')}</app>",
    "character": f"<app>{AUTHENTICATION.format(CODE + chr(1))}</app>",
    "attribute": f'<app><authentication code="{CODE}"/><x y="{CODE}" y=""/></app>',
    "names": f"<app><{CODE}/></app><{CODE}>",
    "nothing but": CODE,
}


@pytest.mark.parametrize("path", ["/ProcessPacket.do", "/ProcessSyncPackageDownload.do"])
def test_no_broken_packet_shows_a_secret(witness, path):
    for packet in BROKEN.values():
        witness.send(packet, path)
    assert len(witness.answers) == len(BROKEN)
    assert found_in(witness.log.getvalue()) == set()
    assert found_in("".join(witness.answers)) == set()


def test_no_form_shows_a_secret(witness):
    fields = {"id": "localhost", "systemId": "4", "clientId": "1", "code": CLIENT_CODE}
    wrong = {**fields, "code": "geheim"}
    for path, name in (
        ("/ProcessDocument.do", "file1"),
        ("/ProcessClientSyncPackage.do", "clientSyncPackage"),
    ):
        for sent in (fields, wrong, {**wrong, "clientId": "geheim"}):
            file = (io.BytesIO(b"geheim"), "geheim.txt")
            answer = witness.client.post(path, data={**sent, name: file})
            witness.answers.append(answer.text)
            witness.answers.append(witness.client.post(path, data=sent).text)
    assert found_in(witness.seen()) == set()


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE access RENAME COLUMN startofday TO elsewhere",
        "ALTER TABLE sync_client RENAME COLUMN type TO elsewhere",
        "DROP TABLE sync_transaction_log",
        "DROP TABLE packetserver_login",
    ],
    ids=["users", "clients", "log", "logins"],
)
def test_no_fault_of_the_database_shows_a_secret(witness, damage):
    witness.execute(damage)
    for name in ("user", "update", "client", "clients", "filter"):
        for authentication in (None, AUTHENTICATION.format(WRONG_CODE)):
            witness.item(name, authentication)
        witness.item(name, BY_CLIENT.format(CLIENT_CODE))
        witness.item(name, BY_CLIENT.format("geheim"))
    assert "Traceback" in witness.log.getvalue()
    assert found_in(witness.seen()) == set()


def test_no_fault_of_our_own_shows_a_secret(witness, monkeypatch):
    def fail(*values, **more):
        raise RuntimeError("on purpose")

    assert "<status>0</status>" in witness.item("right")
    for name in ("insert_row", "update_rows", "stored", "judged", "count", "select"):
        with monkeypatch.context() as patched:
            patched.setattr(Rows, name, fail)
            for packet in PACKETS:
                witness.item(packet)
    assert witness.log.getvalue().count("RuntimeError: on purpose") >= 4
    assert found_in(witness.seen()) == set()


def test_a_row_that_the_database_refuses_is_not_shown(databases, tmp_path):
    """PostgreSQL shows the whole row in its message."""
    with (
        databases.prepared("postgresql") as url,
        everything_logged() as log,
        open_gate(url, Clock()) as gate,
    ):
        app = create_app(Settings(database_url=url), gate.engine)
        made = Witness(gate, app.test_client(), log, tmp_path / "none")
        made.execute(
            "UPDATE access SET password = :hash, role_id = 1 WHERE username = 'rep1'",
            hash=hash_secret(CODE),
        )
        made.execute("ALTER TABLE access ADD CONSTRAINT odd CHECK (username <> 'new')")
        assert "<status>1</status>" in made.item("user")
        assert found_in(made.seen()) == set()


URLS = {
    "away": "postgresql://ann:geheim@127.0.0.1:1/crm",
    "in the query": "postgresql://ann@127.0.0.1:1/crm?password=geheim",
    "no port": "postgresql://ann:geheim@localhost:port/crm",
    "two marks": "postgresql://ann:ge@geheim@127.0.0.1:1/crm",
    "slash": "postgresql://ann:geheim/geheim@127.0.0.1:1/crm",
    "no scheme": "ann:geheim@localhost/crm",
    "wrong scheme": "mysql://ann:geheim@localhost/crm",
    "wrong driver": "postgresql+nothing://ann:geheim@localhost/crm",
    "wrong option": "postgresql://ann:geheim@127.0.0.1:1/crm?sslpassword=geheim&nothing=1",
}
COMMANDS = (
    *(("init-db",), ("settings",), ("user", "list"), ("serve",), ("adopt",), ("doctor",)),
    *(("client", "list"), ("compile-packages",), ("user", "add", "ann")),
)


@pytest.mark.parametrize("url", URLS.values(), ids=URLS.keys())
def test_no_command_shows_the_password_of_the_database(url, monkeypatch):
    for name in ("DATABASE_URL", "REPLICA_URL"):
        monkeypatch.setenv(f"PACKETSERVER_{name}", url)
    for command in COMMANDS:
        with everything_logged() as log:
            result = CliRunner().invoke(cli.main, command, prog_name="packetserver")
        # An error that nobody foresaw would be shown with its traceback.
        told = "".join(traceback.format_exception(result.exception))
        shown = f"{result.output}\n{told}\n{log.getvalue()}"
        assert "geheim" not in shown, command


def test_no_command_shows_a_secret_that_it_is_given(databases, monkeypatch, tmp_path):
    with databases.prepared("sqlite") as url, everything_logged() as log:
        monkeypatch.setenv("PACKETSERVER_DATABASE_URL", url)
        monkeypatch.setenv("PACKETSERVER_AUDIT_LOG", str(tmp_path / "audit.log"))
        file = tmp_path / "people.toml"
        file.write_text(
            f'[[user]]\nusername = "ann"\npassword = "{PASSWORD}"\nrole = "Salesperson"\n'
            f'[[sync_client]]\nid = 9\ntype = "x"\ncode = "{CLIENT_CODE}"\n'
        )
        given = (
            (("provision", str(file)), None),
            (("user", "add", "bob", "--role", "Salesperson", "--password-stdin"), PASSWORD),
            (("user", "set-password", "bob", "--password-stdin"), NEW_PASSWORD),
            (("client", "add", "--code-stdin"), CLIENT_CODE),
            (("client", "set-code", "9", "--code-stdin"), NEW_CLIENT_CODE),
            (("user", "add", "bob", "--password-stdin"), PASSWORD),
            (("client", "set-code", "77", "--code-stdin"), CLIENT_CODE),
            (("settings",), None),
            (("client", "show", "9"), None),
            (("client", "reset", "9", "--yes"), None),
        )
        shown = []
        for command, stdin in given:
            result = CliRunner().invoke(cli.main, command, input=stdin, prog_name="packetserver")
            shown += [result.output, "".join(traceback.format_exception(result.exception))]
        told = (tmp_path / "audit.log").read_text()
    assert "Added the user bob." in "".join(shown)
    assert found_in("\n".join((*shown, told, log.getvalue()))) == set()
    changes = [
        ("provision", str(file)[:99] + "…" if len(str(file)) > 100 else str(file)),
        *(("add", "bob"), ("set-password", "bob"), ("set-code", "9"), ("reset", "9")),
    ]
    assert all(f'"action": "{action}"' in told and subject in told for action, subject in changes)
    assert told.count("\n") == 6


def test_no_command_takes_a_secret_as_an_argument():
    """Arguments are seen by everybody who may list processes."""

    def parameters(command: click.Command, path: str) -> Iterator[str]:
        if isinstance(command, click.Group):
            for name, each in command.commands.items():
                yield from parameters(each, f"{path} {name}")
        for each in command.params:
            if not getattr(each, "is_flag", False):
                yield f"{path} {each.name}"

    found = list(parameters(cli.main, "packetserver"))
    assert "packetserver user add name" in found
    secret = re.compile("passw|secret|code|token|url", re.IGNORECASE)
    # The address that packets are sent to has no password.
    assert {each for each in found if secret.search(each.split()[-1])} <= {"packetserver send url"}


def children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [one for each in listed for one in (int(each), *children(int(each)))]


def test_a_server_shows_no_secret_in_its_log_nor_in_the_list_of_processes(databases, tmp_path):
    with databases.prepared("postgresql") as url:
        # The server of the tests asks for no password, and takes any.
        with_password = sqlalchemy.make_url(url).set(password="geheim")
        text = with_password.render_as_string(hide_password=False)
        with served(text, log_level="debug", file_library=str(tmp_path)) as server:
            packet = f"<app>{AUTHENTICATION}{TRANSACTION.format('id', '')}</transaction></app>"
            for code in (md5_of_password("rep1"), CODE):
                assert server.post(packet.format(code).encode())[0] == 200
            server.post(BROKEN["mark"].encode())
            processes = [server.process.pid, *children(server.process.pid)]
            lists = "\n".join(
                Path(f"/proc/{each}/{file}").read_text(errors="replace")
                for each in processes
                for file in ("cmdline", "comm")
            )
            assert len(processes) >= 2
            assert "geheim" in Path(f"/proc/{server.process.pid}/environ").read_text()
            assert Path(f"/proc/{server.process.pid}/environ").stat().st_mode & 0o077 == 0
            server.stop()
            logged = server.logged()
    assert "rep1" in logged
    assert found_in(logged + lists, md5_of_password("rep1")) == set()


def columns_of(plan: Plan) -> set[tuple[str, str]]:
    """The columns that a plan's statement reads, by their tables."""
    return {
        (getattr(part.table, "element", part.table).name, part.name)
        for column in plan.columns
        for part in visitors.iterate(column)
        if isinstance(part, sqlalchemy.Column)
    }


def test_no_property_leads_to_a_stored_secret():
    """Every property and every path of two, asked of every object, as the statements that result."""
    schema = load_schema()
    objects = [each for each in schema.catalogue.objects.values() if each.table is not None]
    secret = {
        (each.table, one.column) for each in objects for one in each.stored_fields if one.secret
    }
    names = {
        name
        for each in objects
        for name in (*each.fields, *each.aliases)
        if (one := each.field(name)) is not None
        and (one.secret or (each.table, one.column) in secret)
    }
    assert {("access", "password"), ("sync_client", "code")} <= secret
    assert {"password", "code"} <= names
    asked = 0
    for each in objects:
        fields = [*each.fields, *each.aliases]
        paths = [f"{one}{mark}{name}" for one in fields for name in names for mark in "._^"]
        meta = read_meta.__wrapped__(schema, each.element, (*fields, *names, *paths))
        plan = schema.plan.__wrapped__(each.element, meta.asked)
        assert not columns_of(plan) & secret, each.element
        asked += len(meta.names)
        # A protocol that asks for a secret by its field's name reads nothing.
        own = tuple(one.name for one in each.stored_fields if one.secret)
        assert not columns_of(schema.plan(each.element, own)) & secret, each.element
    assert asked > 10_000
