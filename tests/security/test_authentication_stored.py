"""Logging in on SQLite and PostgreSQL as the store opens them."""

from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher

from packetserver.errors import NotAuthorized
from packetserver.security.principal import PrincipalKind
from packetserver.security.secrets import md5_of_password

NOW = datetime(2026, 11, 22, 9, 15, 8)


def test_everybody_logs_in(stored_site):
    stored_site.add_user(2, "Rep1", expires=NOW + timedelta(milliseconds=5))
    stored_site.add_user(3, "deputy", alias=2)
    stored_site.add_client(4, "secret4", user_id=2)
    stored_site.add_client(5, "secret5", enteredby=3)
    assert stored_site.log_in("rEP1").user_id == 2
    assert stored_site.log_in("deputy").user_id == 2
    assert stored_site.log_in("deputy", client_id=4).kind is PrincipalKind.USER_CLIENT
    assert stored_site.log_in_client(4, "secret4").user_id == 2
    assert stored_site.log_in_client(5, "secret5").entered_by == 3


def test_nobody_else_does(stored_site):
    stored_site.add_user(2, "rep1", expires=NOW - timedelta(milliseconds=5))
    with pytest.raises(NotAuthorized):
        stored_site.log_in("rep1")
    for client_id in (0, 2**31 - 1, 2**31, 2**63, 10**40):
        with pytest.raises(NotAuthorized):
            stored_site.log_in_client(client_id, "secret")


@pytest.mark.parametrize("sent", ["Änne", "ÄNNE", "Änn_", "%"])
def test_name_may_hold_any_letter(stored_site, sent):
    stored_site.add_user(2, "Änne", password=md5_of_password("x"))
    if sent.upper() == "ÄNNE":
        assert stored_site.log_in(sent, "x").user_id == 2
    else:
        with pytest.raises(NotAuthorized):
            stored_site.log_in(sent, "x")


def test_bare_secrets_are_replaced(stored_site):
    stored_site.configure(upgrade_secrets=True)
    stored_site.add_user(2, "rep1", password=md5_of_password("rep1"))
    stored_site.add_client(4, "secret4")
    stored_site.change_client(4, code="secret4")
    for _ in range(2):
        stored_site.log_in("rep1")
        stored_site.log_in_client(4, "secret4")
        assert all(stored.startswith("$argon2id$") for stored in stored_site.stored_secrets())


@pytest.mark.parametrize("allowed", [True, False])
def test_hashes_made_in_an_older_way_are_replaced_where_that_is_allowed(stored_site, allowed):
    older = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1, hash_len=16, salt_len=16)
    stored_site.configure(upgrade_secrets=allowed)
    stored_site.add_user(2, "rep1", password=older.hash(md5_of_password("rep1")))
    stored_site.add_client(4, "secret4")
    stored_site.change_client(4, code=older.hash("secret4"))
    before = stored_site.stored_secrets()
    for _ in range(2):
        stored_site.log_in("rep1")
        stored_site.log_in_client(4, "secret4")
    after = stored_site.stored_secrets()
    assert all("$m=16,t=1,p=1$" in each for each in before)
    assert all(("$m=8,t=1,p=1$" in each) is allowed for each in after)
    assert (after == before) is not allowed
