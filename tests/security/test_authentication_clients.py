"""Sync clients and users' sync clients, by PROTOCOL.md 2.2, 2.3 and 2.5 and DECISIONS.md."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packetserver.errors import NotAuthorized
from packetserver.security.credentials import Credentials
from packetserver.security.principal import Principal, PrincipalKind
from packetserver.security.throttle import REFUSAL

NOW = datetime(2026, 11, 22, 9, 15, 8)
CLIENT_1 = Principal(PrincipalKind.SYNC_CLIENT, None, None, client_id=1, entered_by=9)
CLIENT_4 = Principal(PrincipalKind.SYNC_CLIENT, user_id=2, role_id=1, client_id=4, entered_by=2)


@pytest.fixture
def refused():
    return pytest.raises(NotAuthorized, match=rf"\A{REFUSAL}\Z")


@pytest.fixture(autouse=True)
def people(site):
    site.add_user(2, "rep1")
    site.add_user(3, "admin", role_id=2)
    site.add_client(1, "secret1", enteredby=9)
    site.add_client(4, "secret4", user_id=2, enteredby=9)


def test_client_logs_in(site):
    assert site.log_in_client(1, "secret1") == CLIENT_1


def test_client_0_is_a_client(site):
    site.add_client(0, "zero", enteredby=9)
    assert site.log_in_client(0, "zero").client_id == 0


@pytest.mark.parametrize("user_id", [None, -1])
def test_client_of_nobody_is_unrestricted(site, user_id):
    site.change_client(1, user_id=user_id)
    principal = site.log_in_client(1, "secret1")
    assert principal == CLIENT_1
    assert principal.unrestricted


def test_client_of_a_user_has_the_rights_of_that_user(site):
    principal = site.log_in_client(4, "secret4")
    assert principal == CLIENT_4
    assert not principal.unrestricted


@pytest.mark.parametrize(
    ("client_id", "code"),
    [
        (1, "secret4"),
        (1, "Secret1"),
        (1, "secret1 "),
        (1, None),
        (99, "secret1"),
        (2**31, "secret1"),
        (10**30, "secret1"),
        (-1, "secret1"),
    ],
)
def test_client_without_its_code_is_refused(site, refused, client_id, code):
    with refused:
        site.log_in_client(client_id, code)


@pytest.mark.parametrize("enabled", [False, None])
def test_disabled_client_is_refused(site, refused, enabled):
    assert site.log_in_client(1, "secret1") == CLIENT_1
    site.change_client(1, enabled=enabled)
    with refused:
        site.log_in_client(1, "secret1")


@pytest.mark.parametrize("code", [None, "", "  "])
def test_client_that_has_no_code_is_refused(site, refused, code):
    site.change_client(1, code=code)
    with refused:
        site.log_in_client(1, code)
    with refused:
        site.log_in_client(1, "  ")


@pytest.mark.parametrize("columns", [{"enabled": False}, {"expires": NOW - timedelta(1)}])
def test_client_of_a_user_who_is_not_active_is_refused(site, refused, columns):
    assert site.log_in_client(4, "secret4") == CLIENT_4
    site.change_user(2, **columns)
    with refused:
        site.log_in_client(4, "secret4")


def test_client_of_a_user_who_is_gone_is_refused(site, refused):
    site.change_client(4, user_id=77)
    with refused:
        site.log_in_client(4, "secret4")


@pytest.mark.parametrize(
    ("sent", "host"),
    [
        ("crm.example", "crm.example"),
        ("CRM.Example", "crm.EXAMPLE"),
        ("crm.example:8080", "crm.example"),
        ("crm.example", "crm.example:8080"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "[::1]:8080"),
        ("::1", "::1"),
    ],
)
def test_id_names_the_host_that_the_client_used(site, sent, host):
    assert site.log_in_client(1, "secret1", id=sent, host=host) == CLIENT_1


@pytest.mark.parametrize(
    ("sent", "host"),
    [
        (None, "crm.example"),
        (None, ""),
        ("elsewhere.example", "crm.example"),
        ("crm.example.org", "crm.example"),
        ("crm.example:80x", "crm.example"),
        (" crm.example", "crm.example"),
        (":80", ""),
        ("[]", ""),
    ],
)
def test_another_host_is_refused(site, refused, sent, host):
    with refused:
        site.log_in_client(1, "secret1", id=sent, host=host)


@pytest.mark.parametrize("sent", ["public.example", "Stored.Example", "third.example"])
def test_id_may_be_a_configured_name(site, refused, sent):
    with refused:
        site.log_in_client(1, "secret1", id=sent)
    site.configure(
        server_names=("Public.example",), host_names=("stored.example", "third.example:443")
    )
    assert site.log_in_client(1, "secret1", id=sent) == CLIENT_1


@pytest.mark.parametrize("sent", [None, "anything"])
def test_user_logs_in_by_way_of_an_own_client(site, sent):
    principal = site.log_in("rep1", client_id=4, id=sent)
    assert principal == Principal(PrincipalKind.USER_CLIENT, 2, 1, client_id=4, entered_by=2)
    assert principal.restricted_to_client == 4


def test_client_belongs_to_the_user_whom_an_alias_stands_for(site, refused):
    site.add_user(5, "deputy", alias=2)
    assert site.log_in("deputy", client_id=4).user_id == 2
    site.change_client(4, user_id=5)
    with refused:
        site.log_in("deputy", client_id=4)


@pytest.mark.parametrize(
    ("username", "password", "client_id"),
    [
        ("admin", "admin", 4),
        ("rep1", "rep1", 1),
        ("rep1", "rep1", 0),
        ("rep1", "rep1", 99),
        ("rep1", "rep1", 10**30),
        ("rep1", "wrong", 4),
        ("nobody", "nobody", 4),
    ],
)
def test_client_of_another_is_refused(site, refused, username, password, client_id):
    with refused:
        site.log_in(username, password, client_id=client_id)


def test_code_of_the_client_does_not_prove_its_user(site, refused):
    with refused:
        site.log_in_client(4, "secret4", username="rep1")


def test_disabled_client_of_a_user_is_refused(site, refused):
    site.change_client(4, enabled=False)
    with refused:
        site.log_in("rep1", client_id=4)


@pytest.mark.parametrize("client_id", [1, 2, 3, 4, 99, 2**40])
def test_every_refused_client_costs_one_hash(site, refused, client_id):
    site.add_client(2, "secret2")
    site.change_client(2, code="secret2")
    site.add_client(3, "secret3")
    site.change_client(3, code=None)
    before = site.hasher.count
    with refused:
        site.log_in_client(client_id, "wrong")
    assert site.hasher.count == before + 1


def test_memory_never_outlives_a_change_of_the_code(site, refused):
    site.log_in_client(1, "secret1")
    before = site.hasher.count
    site.log_in_client(1, "secret1")
    assert site.hasher.count == before
    site.change_client(1, code=site.hashed("new"))
    with refused:
        site.log_in_client(1, "secret1")
    assert site.log_in_client(1, "new") == CLIENT_1


def test_memory_keeps_users_and_clients_apart(site):
    code = "0" * 32
    stored = site.hashed(code)
    site.add_user(1, "one", password=stored)
    site.change_client(1, code=stored)
    site.authenticate(Credentials(username="one", code=code))
    before = site.hasher.count
    assert site.log_in_client(1, code) == CLIENT_1
    assert site.hasher.count == before + 1


@pytest.mark.parametrize("allowed", [True, False])
def test_bare_code_is_replaced_only_where_that_is_allowed(site, allowed):
    site.configure(upgrade_secrets=allowed)
    site.change_client(1, code="secret1")
    assert site.log_in_client(1, "secret1") == CLIENT_1
    first = site.stored_secrets()
    assert ("secret1" not in first) is allowed
    assert site.log_in_client(1, "secret1") == CLIENT_1
    assert site.stored_secrets() == first


def test_bare_code_stays_when_the_client_is_refused(site, refused):
    site.configure(upgrade_secrets=True)
    site.change_client(1, code="secret1")
    with refused:
        site.log_in_client(1, "secret1", id="elsewhere.example")
    assert "secret1" in site.stored_secrets()


def test_bare_secret_of_a_user_is_replaced_when_he_comes_by_way_of_a_client(site):
    site.configure(upgrade_secrets=True)
    bare = "5a53b980100f71a23d18352ae67af15b"
    site.change_user(2, password=bare)
    site.log_in("rep1", client_id=4)
    assert bare not in site.stored_secrets()


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text(), st.booleans())
def test_no_code_but_the_right_one_ever_authenticates(open_site, code, stored, bare):
    site = open_site()
    site.add_client(1, stored)
    if bare:
        site.change_client(1, code=stored)
    right = bool(code) and code == stored and not (bare and not stored.strip())
    for _ in range(2):
        try:
            site.log_in_client(1, code or None)
        except NotAuthorized:
            assert not right
        else:
            assert right
