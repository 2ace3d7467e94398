from zoneinfo import ZoneInfo

import pytest

from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import ObjectType
from packetserver.cli import catalogue_commands
from packetserver.cli.describing import describe
from packetserver.cli.examples import example_packets
from packetserver.engine.assembly import load_schema
from packetserver.errors import CatalogueError
from packetserver.protocols.packet.builder import Limits
from packetserver.protocols.packet.reader import PacketReader

CATALOGUE = load_catalogue()
OBJECTS = [pytest.param(each, id=each.element) for each in CATALOGUE.objects.values()]


def test_a_catalogue_without_mistakes(run):
    result = run("catalogue", "check")
    assert result.exit_code == 0
    count = len(load_schema().catalogue.tables)
    assert result.output == f"{len(CATALOGUE.objects)} objects, {count} tables: no mistakes\n"


def test_a_mistake_is_told_with_its_place(run, monkeypatch):
    def broken() -> None:
        raise CatalogueError("accounts.toml", "account", "name has an unknown type 'txt'")

    monkeypatch.setattr(catalogue_commands, "load_schema", broken)
    result = run("catalogue", "check")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: accounts.toml: account: name has an unknown type 'txt'\n"


def test_what_a_client_may_send_of_an_account(run):
    lines = run("catalogue", "show", "account").output.splitlines()
    assert lines[0] == "account, accountList"
    by_name = {words[0]: words[1:] for line in lines if (words := line.split())}
    assert "permission: accounts-accounts" in "\n".join(lines)
    assert by_name["ownerName"] == ["text", "only", "to", "be", "read"]
    rows = [line.strip() for line in lines]
    assert any(row.startswith("enteredBy ") and "the user when not sent" in row for row in rows)
    assert any(row.startswith("owner ") and "id of user" in row for row in rows)
    assert any(
        row.startswith("orgId ") and row.endswith("key, given by the server") for row in rows
    )
    assert any(row.startswith("id ") and row.endswith("another name of orgId") for row in rows)


def test_a_list_shows_its_object(run):
    shown = run("catalogue", "show", "accountList").output
    assert shown == run("catalogue", "show", "account").output


def test_an_unknown_element_is_refused_with_a_suggestion(run):
    result = run("catalogue", "show", "acount")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no element acount; did you mean account or " in result.stderr
    assert "did you mean" not in run("catalogue", "show", "§§§§§§§§").stderr


@pytest.mark.parametrize("described", OBJECTS)
def test_every_object_is_shown_whole(described: ObjectType):
    lines = list(describe(CATALOGUE, described))
    first_words = {line.split()[0] for line in lines if line.strip()}
    names = {*described.fields, *described.aliases, *described.controls}
    assert names | {*described.filters, *described.filter_aliases} <= first_words
    assert all(line == line.rstrip() and "\n" not in line for line in lines)
    assert "MappingProxy" not in "".join(lines)


@pytest.mark.parametrize("described", OBJECTS)
def test_every_example_is_a_packet_that_names_what_there_is(described: ObjectType):
    packets = list(example_packets(described))
    assert packets
    for _, lines in packets:
        packet = PacketReader(Limits(1000, 64)).read(lines)
        assert packet.credentials is not None
        (transaction,) = packet.transactions
        (item,) = transaction.items
        target = CATALOGUE.target(item.element)
        assert target is not None
        assert target.object is described
        assert all(described.field(name) for name in transaction.meta)
        for each in item.properties:
            field = described.field(each.name)
            assert field is not None
            assert field.type.read(each.text, ZoneInfo("Europe/Berlin")) is not None
