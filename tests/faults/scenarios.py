"""Small packets of every kind, each sent by itself to a server whose clock stands still."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from driving import ADMIN, HOST, Answer
from sync.office import Office, Party, item

from packetserver.protocols.packet.packet import CommitLevel, Item
from packetserver.protocols.packet.stored_documents import Document

Outcome = Any
"""What a client is told; two of them can be compared."""

LATER = "2036-01-01 00:00:00.0"
FILE = b"printer on fire"
PERSON = {"nameLast": "Doe", "accessType": "2"}


@dataclass(frozen=True)
class Scenario:
    """What is there before, and what is sent.

    ``sent_again`` says that the packet may be sent once more although it was stored, ``repeated``
    that the server carries it out once more when the database undid it.
    """

    name: str
    act: Callable[[Office], Outcome]
    prepare: Callable[[Office], Any] = lambda office: None
    sent_again: bool = False
    repeated: bool = True

    def __str__(self) -> str:
        return self.name


def told(answers: Sequence[Answer]) -> Outcome:
    """What answers say."""
    return [
        (each.status, each.errors, [(one.action, one.texts) for one in each.records])
        for each in answers
    ]


def packet(
    *transactions: Sequence[Item],
    meta: Sequence[str] = ("id",),
    who: Callable[[Office], Party] = lambda office: office.admin,
    level: CommitLevel = CommitLevel.PACKET,
    last: str | None = None,
    following: str | None = None,
) -> Callable[[Office], Outcome]:
    """Sends a packet."""
    return lambda office: told(
        who(office).send_all(*transactions, meta=meta, level=level, last=last, following=following)
    )


def client(office: Office) -> Party:
    return office.client(1)


def account(name: str, **values: str) -> Item:
    return item("account", "insert", {"name": name, **values})


def known_account(office: Office) -> None:
    """The account 1, with a contact and a ticket."""
    key = office.account("Known")
    person = office.admin.key("contact", "insert", {**PERSON, "orgId": key})
    values = {"orgId": key, "contactId": person, "problem": "Fire"}
    office.admin.key("ticket", "insert", values)


def known_session(office: Office) -> None:
    """The client 1 has begun a session, and has a record by the guid 7."""
    known_account(office)
    assert client(office).start() == ()
    client(office).key("account", "insert", {"guid": "7", "name": "Mapped"})


def known_guid_changed(office: Office) -> None:
    """Somebody else has changed the record 7 since."""
    known_session(office)
    (row,) = office.rows("organization", name="Mapped")
    office.clock.go_on(seconds=5)
    office.admin.key("account", "update", {"id": str(row["org_id"]), "name": "Changed"})


def known_gone(office: Office) -> None:
    """The record 7 is gone."""
    known_session(office)
    (row,) = office.rows("organization", name="Mapped")
    office.clock.go_on(seconds=5)
    office.admin.send("account", "delete", {"id": str(row["org_id"])})


def hand_in(office: Office) -> Outcome:
    """Send a file by itself."""
    documents = office.engine.documents
    document = Document("fire.txt", "Fire", "ticket", item=1)
    with documents.library.received([FILE]) as received:
        return documents.store(ADMIN, document, received, HOST, HOST)


def bring_package(office: Office) -> Outcome:
    """Bring a client's own package of two records."""
    items = [
        item("account", "insert", {"guid": "31", "name": "Brought"}),
        item("contact", "insert", {"guid": "32", "nameLast": "Brought", "accessType": "2"}),
    ]
    upload = office.engine.packages.take(client(office).credentials, items, HOST, HOST)
    return upload.records, upload.errors


LINKED = [
    item("account", "insert", {"name": "Shared"}, shareKey="true"),
    item("contact", "insert", {**PERSON, "orgId": "$C{account.id}"}),
]

SCENARIOS = (
    Scenario("insert", packet([account("One")])),
    Scenario("insert with a shared key", packet(LINKED)),
    Scenario("inserts together", packet([account(f"No {each}") for each in range(4)])),
    Scenario(
        "update with its history",
        packet([item("ticket", "update", {"id": "1", "priorityId": "2", "comment": "x"})]),
        known_account,
    ),
    Scenario("trash", packet([item("account", "delete", {"id": "1"})]), known_account),
    Scenario("removal", packet([item("ticket", "delete", {"id": "1"})]), known_account),
    Scenario("two transactions as a whole", packet([account("One")], LINKED)),
    Scenario(
        "two transactions by themselves",
        packet([account("One")], LINKED, level=CommitLevel.TRANSACTION),
    ),
    Scenario("an error in the second transaction", packet([account("One")], [account("")])),
    Scenario("select", packet([item("accountList", "select")], meta=["name"]), known_account),
    Scenario("file", hand_in, known_account, repeated=False),
    Scenario(
        "begin of a session", packet([item("syncClient", "syncStart")], who=client), sent_again=True
    ),
    Scenario(
        "inserts of a sync client",
        packet(
            [item("account", "insert", {"guid": "21", "name": "Synced"})],
            [item("contact", "insert", {**PERSON, "guid": "22", "accountGuid": "21"})],
            meta=["id", "guid", "modified"],
            who=client,
        ),
        known_session,
        sent_again=True,
    ),
    Scenario(
        "update of a sync client",
        packet(
            [item("account", "update", {"guid": "7", "name": "Renamed"})],
            meta=["guid", "name"],
            who=client,
        ),
        known_session,
        sent_again=True,
    ),
    Scenario(
        "conflict",
        packet(
            [item("account", "update", {"guid": "7", "name": "Mine"})],
            meta=["guid", "name"],
            who=client,
        ),
        known_guid_changed,
        sent_again=True,
    ),
    Scenario(
        "removal by a sync client",
        packet([item("account", "delete", {"guid": "7"})], meta=["guid"], who=client),
        known_session,
        sent_again=True,
    ),
    Scenario(
        "sync",
        packet([item("accountList", "sync")], meta=["guid", "name"], who=client, following=LATER),
        known_session,
        sent_again=True,
    ),
    Scenario(
        "sync of what is gone",
        packet([item("accountList", "syncDelete")], meta=["guid"], who=client),
        known_gone,
        sent_again=True,
    ),
    Scenario(
        "end of a session",
        packet([item("syncClient", "syncEnd")], who=client, following=LATER),
        known_session,
        sent_again=True,
    ),
    Scenario("package of a client", bring_package, known_session, sent_again=True, repeated=False),
    Scenario(
        "order of a package",
        packet([item("compileSyncData", "execute")], who=client, following=LATER),
        sent_again=True,
    ),
)
