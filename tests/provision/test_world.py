from datetime import datetime

import pytest

from packetserver.provision import Outcome, provision
from packetserver.provision.installation import prepare_installation
from packetserver.security.secrets import SecretKind, md5_of_password, verify_secret
from packetserver.settings import Settings


@pytest.fixture
def new_url(database_url: str) -> str:
    """A database as init-db leaves it: default rows, and nobody who may use it."""
    prepare_installation(Settings(database_url=database_url))
    return database_url


def test_the_world_is_made_once_and_then_left_alone(new_url, stored, world):
    settings = Settings(database_url=new_url)
    first = provision(settings, world)
    made = stored(new_url)
    again = provision(settings, world)
    assert first.lines() == (
        "users: 6 added, 0 changed, 0 unchanged",
        "sync clients: 4 added, 0 changed, 0 unchanged",
        "settings: 2 added, 0 changed, 0 unchanged",
    )
    assert first.changes == 12
    assert again.changes == 0
    assert again.users[Outcome.UNCHANGED] == 6
    assert stored(new_url) == made


def test_users_of_the_world(prepared_database_url, stored):
    rows = stored(prepared_database_url)
    by_id = {row["user_id"]: row["username"] for row in rows["access"]}
    names = ["system", "admin", "rep1", "noapi", "hr1", "csr1", "expired1"]
    assert by_id == dict(enumerate(names))
    assert rows.user("rep1")["manager_id"] == 1
    assert rows.user("rep1")["role_id"] == 4
    assert rows.user("expired1")["expires"] == datetime(2020, 1, 1)
    allowed = [row["username"] for row in rows["access"] if row["allow_httpapi_access"]]
    assert set(allowed) == set(by_id.values()) - {"noapi"}
    assert all(row["enabled"] for row in rows["access"] if row["user_id"])
    for name in by_id.values():
        secret = rows.user(name)["password"]
        assert name not in secret
        assert verify_secret(secret, md5_of_password(name)) == (name != "system")


def test_every_user_of_the_world_has_a_contact_of_the_own_company(prepared_database_url, stored):
    rows = stored(prepared_database_url)
    users = [row for row in rows["access"] if row["user_id"]]
    assert len(rows["contact"]) == len(users) == 6
    for each in users:
        found = rows.contact(each["username"])
        facts = ("user_id", "org_id", "employee", "owner", "access_type", "trashed_date")
        assert [found[name] for name in facts] == [each["user_id"], 0, True, None, 5, None]
    assert rows.contact("rep1")["namefirst"] == "Rita"
    assert rows.contact("rep1")["namelast"] == "Rep"
    addresses = {row["contact_id"]: row for row in rows["contact_emailaddress"]}
    assert len(addresses) == 6
    address = addresses[rows.contact("rep1")["contact_id"]]
    facts = ("email", "emailaddress_type", "primary_email")
    assert [address[name] for name in facts] == ["rep1@example.com", 1, True]


def test_sync_clients_and_kept_settings_of_the_world(prepared_database_url, stored):
    rows = stored(prepared_database_url)
    facts = ("client_id", "type", "version", "enabled", "user_id")
    assert [[row[name] for name in facts] for row in rows["sync_client"]] == [
        [1, "conformance", "1.0", True, None],
        [2, "conformance", "1.0", True, 1],
        [3, "conformance", "1.0", False, None],
        [4, "conformance", "1.0", True, 2],
    ]
    for row in rows["sync_client"]:
        code = f"secret{row['client_id']}"
        assert row["code"] != code
        assert verify_secret(row["code"], code, SecretKind.SYNC_CLIENT)
    kept = {row["name"]: row["value"] for row in rows["packetserver_setting"]}
    assert kept == {"timezone": "America/New_York", "server_names": "127.0.0.1"}
