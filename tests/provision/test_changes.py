from contextlib import closing
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy

from packetserver.provision import Outcome, provision
from packetserver.provision.installation import open_installation
from packetserver.security.secrets import SecretKind, md5_of_password, verify_secret
from packetserver.settings import Settings
from packetserver.store.database import Database

ANN = """
[[user]]
username = "ann"
password = "geheim-1"
role = "Salesperson"
"""


def test_later_keys_follow_given_ones(prepared_database_url, apply, stored):
    apply(prepared_database_url, ANN.replace("[[user]]", "[[user]]\nid = 40"))
    apply(prepared_database_url, ANN.replace("ann", "bob"))
    rows = stored(prepared_database_url)
    assert (rows.user("ann")["user_id"], rows.user("bob")["user_id"]) == (40, 41)


def test_only_what_differs_is_changed(prepared_database_url, apply, stored, world):
    url = prepared_database_url
    before = stored(url)
    changed = world.read_text().replace('password = "rep1"', 'password = "another"')
    changed = changed.replace('code = "secret4"', 'code = "other4"', 1)
    summary = apply(url, changed)
    assert summary.lines() == (
        "users: 0 added, 1 changed, 5 unchanged",
        "sync clients: 0 added, 1 changed, 3 unchanged",
        "settings: 0 added, 0 changed, 2 unchanged",
    )
    after = stored(url)
    assert verify_secret(after.user("rep1")["password"], md5_of_password("another"))
    assert verify_secret(after.sync_client(4)["code"], "other4", SecretKind.SYNC_CLIENT)
    assert after.user("rep1")["modified"] > before.user("rep1")["modified"]
    for name in ("admin", "noapi", "hr1", "csr1", "expired1"):
        assert after.user(name) == before.user(name)
    assert [after.sync_client(number) for number in (1, 2, 3)] == before["sync_client"][:3]
    assert after["contact"] == before["contact"]


def test_a_key_that_is_left_out_keeps_its_value(prepared_database_url, apply, stored):
    apply(
        prepared_database_url,
        ANN + 'enabled = false\nhttp_api = false\nemail = "ann@corp.test"\nexpires = 2030-12-31\n',
    )
    before = stored(prepared_database_url)
    assert apply(prepared_database_url, ANN).changes == 0
    assert stored(prepared_database_url) == before
    assert not before.user("ann")["enabled"]
    assert before.user("ann")["expires"] == datetime(2030, 12, 31)
    assert before["contact_emailaddress"][-1]["email"] == "ann@corp.test"


def test_every_fact_of_a_user_can_be_changed_and_taken_away(prepared_database_url, apply, stored):
    both = ANN + ANN.replace("ann", "bob")
    apply(prepared_database_url, both)
    facts = (
        'manager = "BOB"\nalias = "bob"\nexpires = "2031-01-02 03:04:05"\nenabled = false\n'
        'name_first = "Ann"\nname_last = "Archer"\nemail = "a@b.test"\nhttp_api = false\n'
    )
    changed = facts + 'role = "Administrator"\n'
    apply(prepared_database_url, ANN.replace('role = "Salesperson"\n', changed))
    rows = stored(prepared_database_url)
    ann, bob = rows.user("ann"), rows.user("bob")
    assert ann["manager_id"] == ann["alias"] == bob["user_id"]
    assert ann["expires"] == datetime(2031, 1, 2, 3, 4, 5)
    assert (ann["enabled"], ann["allow_httpapi_access"], ann["role_id"]) == (False, False, 1)
    assert rows.contact("ann")["namefirst"] == "Ann"
    assert rows.contact("ann")["namelast"] == "Archer"
    emails = {row["contact_id"]: row["email"] for row in rows["contact_emailaddress"]}
    assert emails[ann["contact_id"]] == "a@b.test"
    assert emails[bob["contact_id"]] == "bob@example.com"
    apply(prepared_database_url, ANN + 'manager = ""\nalias = ""\nexpires = ""\n')
    ann = stored(prepared_database_url).user("ann")
    assert (ann["manager_id"], ann["alias"], ann["expires"]) == (-1, -1, None)


def test_a_manager_may_stand_below(prepared_database_url, apply, stored):
    apply(prepared_database_url, ANN + 'manager = "bob"\n' + ANN.replace("ann", "bob"))
    rows = stored(prepared_database_url)
    assert rows.user("ann")["manager_id"] == rows.user("bob")["user_id"]


def test_a_sync_client_can_change_hands(prepared_database_url, apply, stored):
    apply(prepared_database_url, '[[sync_client]]\nid = 4\nuser = "hr1"\nversion = "2"\n')
    assert stored(prepared_database_url).sync_client(4)["user_id"] == 4
    apply(prepared_database_url, '[[sync_client]]\nid = 4\nuser = ""\n')
    client = stored(prepared_database_url).sync_client(4)
    assert (client["user_id"], client["version"], client["enabled"]) == (None, "2", True)


def test_a_contact_that_is_lost_is_made_anew(prepared_database_url, apply, stored, world):
    database = Database(prepared_database_url)
    with closing(database), database.connect(writes=True) as connection:
        connection.execute(sqlalchemy.text("UPDATE access SET contact_id = -1"))
        connection.execute(sqlalchemy.text("DELETE FROM contact_emailaddress"))
        connection.execute(sqlalchemy.text("DELETE FROM contact WHERE user_id = 2"))
        connection.commit()
    assert provision(Settings(database_url=prepared_database_url), world).users == {
        Outcome.CHANGED: 6
    }
    rows = stored(prepared_database_url)
    assert rows.contact("admin")["user_id"] == 1
    assert rows.contact("rep1")["user_id"] == 2


def test_a_new_user_is_stamped_in_the_zone_of_the_same_file(prepared_database_url, apply, stored):
    zone = ZoneInfo("Pacific/Kiritimati")
    before = datetime.now(zone).replace(tzinfo=None, microsecond=0)
    apply(prepared_database_url, 'timezone = "Pacific/Kiritimati"\n' + ANN)
    after = datetime.now(zone).replace(tzinfo=None)
    rows = stored(prepared_database_url)
    for row in (rows.user("ann"), rows.contact("ann"), rows["contact_emailaddress"][-1]):
        assert before <= row["entered"] <= after
        assert before <= row["modified"] <= after
        assert (row["enteredby"], row["modifiedby"]) == (0, 0)
    assert rows.user("ann")["timezone"] == "Pacific/Kiritimati"


def test_host_names_may_be_several(prepared_database_url, apply):
    apply(prepared_database_url, 'host = ["CRM.example", "127.0.0.1"]\n')
    with open_installation(Settings(database_url=prepared_database_url)) as opened:
        assert opened.settings.server_names == ("crm.example", "127.0.0.1")
