"""The floor: one bare process that parses, runs the essential statements and serialises.

It has no HTTP, no framework, no validation and no permissions beyond looking them up; the parser
and the drivers are those of the server. Started by the bench as `floor.py WORK URL SECONDS` with
the packet on its input; prints one number, packets per second.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

import psycopg

Element = tuple[str, dict[str, str], dict[str, str]]
Row = Sequence[Any]

USER = "SELECT user_id, password, role_id FROM access WHERE lower(username) = lower(?)"
PERMISSION = (
    "SELECT r.role_view, r.role_add FROM role_permission r JOIN permission p"
    " ON p.permission_id = r.permission_id WHERE p.permission = ? AND r.role_id = ?"
)
ACCOUNT = (
    "INSERT INTO organization (name, url, notes, entered, enteredby, modified, modifiedby, enabled)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING org_id, name, entered"
)
CONTACT = (
    "INSERT INTO contact (namefirst, namelast, company, title, notes, access_type, org_name,"
    " entered, enteredby, modified, modifiedby, enabled, owner)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING contact_id, namelast"
)
READ = "SELECT org_id, name, url, notes, entered, owner FROM organization WHERE org_id = ?"
LIST = (
    "SELECT contact_id, namefirst, namelast, company, title, org_name, owner, entered, modified,"
    " enabled FROM contact WHERE trashed_date IS NULL AND site_id IS NULL AND owner = ?"
    " ORDER BY namelast, namefirst, org_name, contact_id"
)
LOG = (
    "INSERT INTO sync_log (system_id, client_id, ip, entered) VALUES (?, ?, ?, ?) RETURNING log_id"
)
TRANSACTION = (
    "INSERT INTO sync_transaction_log"
    " (log_id, reference_id, element_name, action, status_code, record_count, message)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
SQLITE_OPTIONS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")

ENABLED = True


class Session:
    """A connection of a driver, with `?` for a parameter whatever the database is."""

    def __init__(self, url: str) -> None:
        self._is_sqlite = url.startswith("sqlite:")
        self._connection: Any = self._sqlite(url) if self._is_sqlite else self._postgresql(url)

    def _sqlite(self, url: str) -> sqlite3.Connection:
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for option in SQLITE_OPTIONS:
            connection.execute(f"PRAGMA {option}")
        return connection

    def _postgresql(self, url: str) -> psycopg.Connection[Any]:
        return psycopg.connect(url, autocommit=True)

    def run(self, statement: str, *values: Any) -> Any:
        """The cursor of a statement."""
        if self._is_sqlite:
            moments = [str(each) if isinstance(each, datetime) else each for each in values]
            return self._connection.execute(statement, moments)
        return self._connection.execute(statement.replace("?", "%s"), values)

    def begin(self) -> None:
        """Begin to write."""
        self.run("BEGIN IMMEDIATE" if self._is_sqlite else "BEGIN")

    def commit(self) -> None:
        """Make it durable."""
        self.run("COMMIT")

    def stream(self, statement: str, *values: Any) -> Iterable[Row]:
        """Rows, a page at a time."""
        if self._is_sqlite:
            yield from self.run(statement, *values)
            return
        with self._connection.transaction(), self._connection.cursor("listed") as cursor:
            cursor.itersize = 1000
            yield from cursor.execute(statement.replace("?", "%s"), values)


def parse(packet: bytes) -> tuple[dict[str, str], list[Element]]:
    """The credentials, and the items with their values."""
    credentials: dict[str, str] = {}
    items: list[Element] = []
    path: list[str] = []
    texts: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        path.append(name)
        texts.clear()
        if len(path) == 3 and path[1] == "transaction" and name != "meta":
            items.append((name, attributes, {}))

    def end(name: str) -> None:
        if len(path) == 3 and path[1] == "authentication":
            credentials[name] = "".join(texts)
        elif len(path) == 4 and path[2] != "meta":
            items[-1][2][name] = "".join(texts)
        path.pop()

    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = texts.append
    parser.Parse(packet, True)  # noqa: FBT003 (expat takes no keywords)
    return credentials, items


def serialise(action: str, names: Sequence[str], rows: Iterable[Row]) -> bytes:
    """The whole answer."""
    records = []
    for row in rows:
        texts = ("" if each is None else escape(str(each)) for each in row)
        fields = "".join(
            f"<{name}>{text}</{name}>" for name, text in zip(names, texts, strict=True)
        )
        records.append(f'<record action="{action}">{fields}</record>')
    head = '<?xml version="1.0" encoding="UTF-8"?><aspcfs><response><status>0</status><errorText/>'
    body = f'<recordSet count="{len(records)}">{"".join(records)}</recordSet>'
    return f"{head}{body}</response></aspcfs>".encode("ascii", "xmlcharrefreplace")


def _user(session: Session, credentials: dict[str, str], permission: str) -> int:
    user_id, _, role_id = session.run(USER, credentials["username"]).fetchone()
    assert session.run(PERMISSION, permission, role_id).fetchone()
    return int(user_id)


def _log(session: Session, item: Element, count: int) -> None:
    log_id = session.run(LOG, 4, None, "127.0.0.1", datetime.now()).fetchone()[0]
    session.run(TRANSACTION, log_id, "0", item[0], item[1]["action"], 0, count, None)


def insert_account(session: Session, packet: bytes) -> bytes:
    """One account, stored and shown."""
    credentials, (item,) = parse(packet)
    session.begin()
    user, now, values = _user(session, credentials, "accounts-accounts"), datetime.now(), item[2]
    sent = (values["name"], values["url"], values["notes"])
    row = session.run(ACCOUNT, *sent, now, user, now, user, ENABLED).fetchone()
    _log(session, item, 1)
    session.commit()
    return serialise("processed", ("orgId", "name", "entered"), [row])


def select_account(session: Session, packet: bytes) -> bytes:
    """One account by its key; the packet is logged all the same."""
    credentials, (item,) = parse(packet)
    session.begin()
    _user(session, credentials, "accounts-accounts")
    row = session.run(READ, int(item[2]["orgId"])).fetchone()
    _log(session, item, 1)
    session.commit()
    return serialise("select", ("orgId", "name", "url", "notes", "entered", "owner"), [row])


def insert_contacts(session: Session, packet: bytes) -> bytes:
    """Many contacts, a statement each."""
    credentials, items = parse(packet)
    session.begin()
    user = _user(session, credentials, "contacts-external_contacts")
    rows = [_insert_contact(session, user, item[2]) for item in items]
    _log(session, items[0], 1)
    session.commit()
    return serialise("processed", ("id", "nameLast"), rows[:1])


def _insert_contact(session: Session, user: int, values: dict[str, str]) -> Row:
    now = datetime.now()
    names = ("nameFirst", "nameLast", "company", "title", "notes")
    sent = (*(values[name] for name in names), int(values["accessType"]), values["company"])
    row: Row = session.run(CONTACT, *sent, now, user, now, user, ENABLED, user).fetchone()
    return row


def list_contacts(session: Session, packet: bytes) -> bytes:
    """All contacts of a user."""
    credentials, (item,) = parse(packet)
    user = _user(session, credentials, "contacts-external_contacts")
    names = ("id", "nameFirst", "nameLast", "company", "title", "orgName", "owner")
    rows = session.stream(LIST, user)
    answer = serialise("select", (*names, "entered", "modified", "enabled"), rows)
    session.begin()
    _log(session, item, answer.count(b"<record "))
    session.commit()
    return answer


WORKS: dict[str, Callable[[Session, bytes], bytes]] = {
    each.__name__: each for each in (insert_account, select_account, insert_contacts, list_contacts)
}


def main(work: str, url: str, seconds: str) -> None:
    """Carry out the packet for some seconds, once at least."""
    packet, session = sys.stdin.buffer.read(), Session(url)
    begun = time.perf_counter()
    until, done = begun + float(seconds), 0
    while not done or time.perf_counter() < until:
        WORKS[work](session, packet)
        done += 1
    sys.stdout.write(f"{done / (time.perf_counter() - begun)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
