"""An engine on a prepared database of each kind, and a desk from which to send it items."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from driving import HOST, Answer, Driver

from databases import KINDS, Databases
from packetserver.catalogue.model import Catalogue, Target
from packetserver.protocols.packet.failures import FIXED_LINES
from packetserver.protocols.packet.packet import Item
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.records.service import Service
from packetserver.security.credentials import Credentials
from packetserver.settings import Settings
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema

PEOPLE = {
    "admin": Credentials(username="admin", code="21232f297a57a5a743894a0e4a801fc3", system_id=4),
    "rep1": Credentials(username="rep1", code="5a53b980100f71a23d18352ae67af15b", system_id=4),
    "hr1": Credentials(username="hr1", code="5f97acc1703998d0b3e9d726c39f219f", system_id=4),
    "csr1": Credentials(username="csr1", code="399c0ac1ddb3099d936d8cb9a45db18c", system_id=4),
    "client1": Credentials(id=HOST, code="secret1", client_id=1, system_id=4),
    "client4": Credentials(
        username="rep1", code="5a53b980100f71a23d18352ae67af15b", client_id=4, system_id=4
    ),
}
"""Identities of tests/conformance/world.toml."""


def wire_text(value: Any) -> str | None:
    """How a value travels; None is an empty element."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass
class Desk:
    """Sends items to an engine and reads what lies in its database."""

    engine: Engine
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def send(self, element: str, action: str, values: dict[str, Any], **how: Any) -> Answer:
        """Send one item; ``how``: person, validate, meta."""
        person = PEOPLE[how.get("person", "admin")]
        texts = {name: wire_text(each) for name, each in values.items()}
        driver = Driver(self.engine, person)
        return driver.one(
            element, action, texts, how.get("meta", ("id",)), validate=how.get("validate", True)
        )

    def insert(self, element: str, **values: Any) -> int:
        """Insert a record as the administrator; returns its key."""
        return self.act("insert", element, **values)

    def update(self, element: str, key: int, **values: Any) -> None:
        """Update a record as the administrator."""
        self.act("update", element, id=key, **values)

    def act(self, action: str, element: str, **values: Any) -> int:
        """Do something that succeeds; returns the id that is answered, -1 for a keyless one."""
        answer = self.send(element, action, values)
        assert answer.errors == ()
        assert [each.action for each in answer.records] == [
            "delete" if action == "delete" else "processed"
        ]
        return int(answer.records[0]["id"] or -1)

    def send_together(self, items: list[Item]) -> Answer:
        """Send the items of one transaction, which succeeds."""
        (answer,) = Driver(self.engine, PEOPLE["admin"]).send([items], ("id",))
        assert answer.errors == ()
        return answer

    def complaints(
        self, element: str, values: dict[str, Any], action: str = "insert", person: str = "admin"
    ) -> list[str]:
        """What validation says of a record that is sent."""
        answer = self.send(element, action, values, person=person)
        if not answer.errors:
            return []
        assert answer.errors[:3] == FIXED_LINES, answer.errors
        return list(answer.errors[3:])

    def rows(self, table: str, **identity: Any) -> list[dict[str, Any]]:
        """The rows of a table with equal columns."""
        with self.engine.database.connect() as connection:
            target = self.engine.schema.metadata.tables[table]
            equal = [target.c[name] == value for name, value in identity.items()]
            found = connection.execute(target.select().where(*equal)).mappings().all()
        return [dict(each) for each in found]

    def row(self, table: str, **identity: Any) -> dict[str, Any]:
        """The only row with equal columns."""
        (found,) = self.rows(table, **identity)
        return found

    def add(self, table: str, **values: Any) -> int:
        """Put a row into a table."""
        with self.engine.database.connect(writes=True) as connection:
            key = Rows(self.engine.schema, connection).insert_row(table, values)
            connection.commit()
        return int(key or -1)

    def change(self, table: str, identity: dict[str, Any], **values: Any) -> None:
        """Change rows of a table behind the server's back."""
        with self.engine.database.connect(writes=True) as connection:
            Rows(self.engine.schema, connection).update_rows(table, identity, values)
            connection.commit()

    def with_objects(self, **changes: dict[str, Any]) -> Desk:
        """A desk on the same database whose catalogue says something else of some objects."""
        known = self.engine
        catalogue = known.schema.catalogue
        changed = {each: replace(catalogue.objects[each], **new) for each, new in changes.items()}
        objects = {**catalogue.objects, **changed}
        targets = {
            name: Target(objects[target.object.element], target.is_list)
            for name, target in catalogue.targets.items()
        }
        schema = Schema(Catalogue(objects, catalogue.tables, targets), known.schema.metadata)
        engine = Engine(Service(known.database, schema, known.authenticator, known.preferences))
        return replace(self, engine=engine)

    def name(self, beginning: str = "Name") -> str:
        """A text that nothing else has."""
        return f"{beginning} {next(self.numbers)}"

    def account(self, **values: Any) -> int:
        return self.insert("account", **{"name": self.name("Account"), **values})

    def contact(self, **values: Any) -> int:
        person = {"nameLast": self.name("Person"), "accessType": 2}
        return self.insert("contact", **{**person, **values})

    def ticket(self, **values: Any) -> int:
        return self.insert("ticket", **{**self.ticket_values(), **values})

    def ticket_values(self) -> dict[str, Any]:
        account = self.account()
        person = self.contact(orgId=account)
        return {"orgId": account, "contactId": person, "problem": self.name("Problem")}

    def site(self) -> int:
        return self.add("lookup_site_id", description=self.name("Site"))


@pytest.fixture(scope="session")
def desks(databases: Databases) -> Iterator[dict[str, Desk]]:
    with contextlib.ExitStack() as stack:
        made = {}
        for kind in KINDS:
            url = stack.enter_context(databases.prepared(kind))
            engine = build_engine(Settings(database_url=url))
            stack.callback(engine.database.close)
            made[kind] = Desk(engine)
        yield made


@pytest.fixture(params=KINDS)
def desk(request: pytest.FixtureRequest, desks: dict[str, Desk]) -> Desk:
    """A desk on the database of the parameter; what others put there stays there."""
    return desks[request.param]
