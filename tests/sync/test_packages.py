"""Packages: what is asked for, what is made of it, and what the client's map says then."""

from __future__ import annotations

import dataclasses
import io
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree
from sync.office import item
from sync.packing import Packing, ask, open_packing, poll, processed, xml_of

from databases import KINDS, Databases
from packetserver.errors import StoreUnavailable
from packetserver.protocols.packet import package_content
from packetserver.protocols.packet import package_work as packages_compile
from packetserver.protocols.packet.package_work import PackageWorker
from packetserver.store.schema import Schema
from packetserver.store.unit_of_work import UnitOfWork

NOT_DONE = ("There was an error while processing the requested action.",)
SCHEMA = Path(__file__).parents[2] / "schemas" / "packet" / "package.rng"

SHORT = ("lookupAccountTypes", "lookupAccessTypes", "user", "role", "account", "organizationAddress", "contact",
         "lookupRelationshipTypes", "call", "customFieldCategory", "customFieldGroup", "customField", "fileItem")  # fmt: skip


@pytest.fixture(params=KINDS)
def packing(request, databases: Databases, schema: Schema, tmp_path: Path) -> Iterator[Packing]:
    with (
        databases.prepared(request.param) as url,
        open_packing(url, schema, tmp_path / "files") as opened,
    ):
        yield opened


@pytest.fixture
def few_lists(monkeypatch) -> None:
    """Packages of a few lists: making all of them takes seconds."""
    whole = package_content.package_content()
    few = dataclasses.replace(whole, lists=tuple(each for each in whole.lists if each in SHORT))
    monkeypatch.setattr(package_content, "package_content", lambda: few)


pytestmark = pytest.mark.usefixtures("few_lists")


def made(packing: Packing, following: str, last: str | None = None) -> list[tuple[str, ...]]:
    """A package is made; returns its accounts."""
    assert ask(packing.office.client(), following, last).errors == ()
    (outcome,) = packing.compile()
    assert outcome.error is None
    return accounts(packing)


def accounts(packing: Packing) -> list[tuple[str, ...]]:
    found = [each for each in packing.package() if each.element == "account"]
    return [(each.action, each["id"], each["name"]) for each in found]


def test_a_package_goes_its_way(packing: Packing) -> None:
    client = packing.office.client()
    following = client.now()
    assert poll(client, following) == NOT_DONE
    answer = ask(client, following)
    assert (answer.errors, answer.records) == ((), [])
    assert (poll(client, following), packing.status()) == (NOT_DONE, 0)
    (outcome,) = packing.compile()
    assert outcome.file.records == len(packing.package())
    assert (poll(client, following), packing.status()) == ((), 2)
    assert poll(client, following, "2030-01-01 00:00:00.0") == NOT_DONE
    assert poll(packing.office.client(2), following) == NOT_DONE
    assert packing.compile() == []
    assert processed(client, following) == ()
    assert packing.files() == []
    assert [packing.office.rows(f"sync_package{end}") for end in ("", "_data", "_work")] == [[]] * 3


def test_what_may_ask(packing: Packing) -> None:
    client, admin = packing.office.client(), packing.office.admin
    assert ask(client, "").reasons == ("Transaction failed", "nextAnchor: Required Field")
    assert ask(admin, client.now()).errors == (
        "User denied permission to perform action on the object",
    )
    action = client.send("processSyncPackageDownload", "execute", following=client.now())
    no_handler = "Object does not implement CustomActionHandler and cannot be processed."
    assert action.errors == (no_handler,)
    assert client.send("account", "status").errors == (no_handler,)
    assert client.send("compileSyncData", "process", following=client.now()).errors == ()
    assert len(packing.office.rows("sync_package")) == 1


def test_the_content_is_what_the_originals_clients_read(packing: Packing) -> None:
    office = packing.office
    owner = {"owner": "1"}
    account = office.account("Blue & <Red>\r\nKG", url='"https"', **owner)
    office.admin.key(
        "organizationAddress", "insert", {"orgId": account, "type": "1", "city": "Łódź"}
    )
    following = office.client().now()
    made(packing, following)
    (file,) = packing.files()
    content = xml_of(file.read_bytes())
    assert content.startswith(b"<aspcfs><cfsdata><dataRecord name=")
    etree.RelaxNG(etree.parse(SCHEMA)).assertValid(etree.parse(io.BytesIO(content)))
    records = packing.package()
    first = {}
    for each in reversed(records):
        first[each.element] = each
    assert list(dict.fromkeys(each.element for each in records))[:3] == [
        "lookupAccountTypes", "lookupAccessTypes", "user",
    ]  # fmt: skip
    assert first["lookupAccountTypes"].names == (
        *("code", "tableName", "description", "defaultItem", "level", "enabled"),
        *("entered", "modified"),
    )
    assert first["lookupAccessTypes"].names[:3] == ("tableName", "uniqueField", "id")
    assert first["lookupAccessTypes"].triples["link_module_id"] == ("626030330", "4")
    blue = [each for each in records if each.element == "account"][-1]
    assert (blue["id"], blue["name"], blue["url"]) == ("1", "Blue & <Red>\r\nKG", '"https"')
    assert blue.names[-2:] == ("insertPrimaryContact", "offline")
    assert (blue["insertPrimaryContact"], blue["offline"]) == ("false", "true")
    users = {each["username"]: each["id"] for each in records if each.element == "user"}
    assert users["system"] == "0"
    assert blue["owner"] == users["admin"] == blue["enteredBy"]
    (address,) = [each for each in records if each.element == "organizationAddress"]
    assert (address["orgId"], address["city"]) == ("1", "Łódź")
    # Users come before their roles, and once more in the end.
    by_action = Counter(each.action for each in records if each.element == "user")
    assert by_action == {"insert": 7, "update": 7}
    roles = {each["id"]: each["role"] for each in records if each.element == "role"}
    last = [each for each in records if each.element == "user" and each["username"] == "rep1"]
    assert [roles.get(each["roleId"]) for each in last] == [None, "Salesperson"]
    assert all("---" not in each.texts for each in records)


def test_numbering_begins_where_the_client_says(packing: Packing) -> None:
    packing.office.account("Blue")
    client = packing.office.client()
    following = client.now()
    answer = ask(client, following, **{"accountList-identity": "50", "roleList-identity": "x"})
    assert answer.errors == ()
    packing.compile()
    assert [each[1] for each in accounts(packing)] == ["50", "51"]


def test_what_a_package_holds_is_confirmed_when_it_is_processed(packing: Packing) -> None:
    office, client = packing.office, packing.office.client()
    office.account("Blue")
    following = client.now()
    assert client.start() == ()
    assert made(packing, following) == [("insert", "0", "My Company"), ("insert", "1", "Blue")]
    assert processed(client, following) == ()
    assert office.rows("sync_unconfirmed") == []
    client.end(following)
    office.clock.go_on(seconds=5)
    office.account("Red")
    anchor, sent = client.whole_session(following)
    assert sent == [("insert", "2", "Red")]
    # The next package holds what is new since, by the numbers that the client knows.
    office.clock.go_on(seconds=5)
    account = office.rows("organization", name="Blue")[0]["org_id"]
    office.admin.key("account", "update", {"id": str(account), "name": "Green"})
    following = client.now()
    assert client.start(anchor) == ()
    assert made(packing, following, anchor) == [("update", "1", "Green")]


def test_what_a_client_never_fetched_is_sent_again(packing: Packing) -> None:
    client = packing.office.client()
    packing.office.account("Blue")
    following = client.now()
    client.start()
    made(packing, following)
    # It gives up waiting, and ends its session all the same.
    client.end(following)
    packing.office.clock.go_on(seconds=5)
    assert client.whole_session(following)[1] == [("insert", "1", "Blue")]


def test_a_package_may_be_fetched_in_a_later_session(packing: Packing) -> None:
    client = packing.office.client()
    packing.office.account("Blue")
    following = client.now()
    client.start()
    made(packing, following)
    client.start()
    assert ask(client, following).errors == ()
    assert (packing.compile(), poll(client, following)) == ([], ())
    assert processed(client, following) == ()
    client.end(following)
    packing.office.clock.go_on(seconds=5)
    assert client.whole_session(following)[1] == []


def test_a_package_does_not_confirm_what_was_sent_beside_it(packing: Packing) -> None:
    office, client = packing.office, packing.office.client()
    following = client.now()
    client.start()
    made(packing, following)
    office.clock.go_on(seconds=5)
    office.account("Blue")
    later = client.now()
    assert client.sync(following=later) == [("insert", "1", "Blue")]
    processed(client, following)
    # The answer to the sync was lost: only what the package held has come.
    client.start()
    assert client.sync(following=later) == [("insert", "1", "Blue")]


def test_a_stale_package_gives_way(packing: Packing) -> None:
    office, client = packing.office, packing.office.client()
    office.account("Blue")
    first = client.now()
    made(packing, first)
    office.clock.go_on(seconds=5)
    office.account("Red")
    second = client.now()
    assert made(packing, second) == [
        *(("insert", "0", "My Company"), ("insert", "1", "Blue"), ("insert", "2", "Red")),
    ]
    assert (poll(client, first), poll(client, second)) == (NOT_DONE, ())
    assert processed(client, first) == ()
    assert poll(client, second) == ()
    assert len(packing.files()) == 1


def test_a_package_that_the_original_left_gives_way(packing: Packing) -> None:
    client = packing.office.client()
    following = client.now()
    ask(client, following)
    with packing.office.engine.database.connect(writes=True) as connection:
        connection.exec_driver_sql("DELETE FROM sync_package_work")
        connection.commit()
    assert packing.compile() == []
    assert ask(client, following).errors == ()
    assert len(packing.compile()) == 1


def test_a_list_that_the_owner_may_not_see_is_left_out(packing: Packing) -> None:
    client = packing.office.client(4)
    following = client.now()
    assert ask(client, following).errors == ()
    packing.compile()
    elements = {each.element for each in packing.package()}
    assert "account" in elements
    assert "role" not in elements


def test_a_failure_leaves_nothing_and_is_tried_again(packing: Packing, monkeypatch) -> None:
    office, client = packing.office, packing.office.client()
    following = client.now()
    ask(client, following)

    def fail(*_arguments: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(packages_compile, "complete_job", fail)
        (outcome,) = packing.compile()
    text = "Something unforeseen happened, which the log of the worker tells: OSError"
    assert (outcome.error, packing.work()["error"], packing.status()) == (text, text, 0)
    assert office.rows("sync_map") == office.rows("sync_unconfirmed") == packing.files() == []
    # It is due after a while; whoever is in a hurry need not wait.
    assert packing.compile() == []
    office.clock.go_on(seconds=11)
    (outcome,) = packing.compile()
    assert (outcome.error, outcome.job.attempts, packing.work()["error"]) == (None, 2, None)
    assert poll(client, following) == ()


def test_a_failed_commit_leaves_no_file(packing: Packing, monkeypatch) -> None:
    client = packing.office.client()
    ask(client, client.now())
    with monkeypatch.context() as broken:
        broken.setattr("packetserver.store.unit_of_work.UnitOfWork.commit", _failing_at(2))
        with pytest.raises(StoreUnavailable):
            packing.compile()
    assert packing.files() == []
    assert packing.office.rows("sync_map") == []
    packing.office.clock.go_on(seconds=11)
    assert len(packing.compile()) == 1


def _failing_at(number: int):
    """A commit that fails once: taking a job up is the first one."""
    commit, calls = UnitOfWork.commit, iter(range(1, 100))

    def failing(work: UnitOfWork) -> None:
        if next(calls) == number:
            raise StoreUnavailable("away")
        commit(work)

    return failing


def test_a_crashed_workers_package_is_taken_up_again(packing: Packing, monkeypatch) -> None:
    client = packing.office.client()
    ask(client, client.now())

    def crash(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(packages_compile, "complete_job", crash)
        with pytest.raises(KeyboardInterrupt):
            packing.compile()
    assert (packing.status(), packing.compile()) == (1, [])
    packing.office.clock.go_on(minutes=6)
    (outcome,) = packing.compile()
    assert (outcome.error, outcome.job.attempts) == (None, 2)


def test_several_workers_make_each_package_once(packing: Packing) -> None:
    office = packing.office
    for number in (1, 2, 4):
        client = office.client(number)
        assert ask(client, client.now()).errors == ()
    engine = office.engine
    workers = [PackageWorker(engine.database, engine.schema, engine.preferences) for _ in range(3)]
    made: list[object] = []

    def work(worker: PackageWorker) -> None:
        made.extend(worker.work_off(lambda progress: None, patient=True))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(each.job.client_id for each in made if each.file is not None) == [1, 2, 4]
    assert [each.error for each in made] == [None] * 3
    assert len(packing.files()) == 3


def test_a_package_that_is_asked_for_in_a_packet_that_fails_is_not(packing: Packing) -> None:
    client = packing.office.client()
    answers = client.send_all(
        [item("compileSyncData", "execute")],
        [item("nothing", "insert")],
        following=client.now(),
    )
    assert [each.status for each in answers] == [1, 1]
    assert packing.office.rows("sync_package") == []
