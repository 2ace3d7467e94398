"""Users, by the rows of PROTOCOL.md 2.2 and 2.4 and of DECISIONS.md."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packetserver.errors import NotAuthorized
from packetserver.security.credentials import Credentials
from packetserver.security.principal import Principal, PrincipalKind
from packetserver.security.remembered import RememberedCredentials
from packetserver.security.secrets import md5_of_password
from packetserver.security.throttle import REFUSAL

NOW = datetime(2026, 11, 22, 9, 15, 8)
CODE = md5_of_password("rep1")
USER_2 = Principal(PrincipalKind.USER, user_id=2, role_id=1, client_id=None, entered_by=2)


@pytest.fixture
def refused():
    return pytest.raises(NotAuthorized, match=rf"\A{REFUSAL}\Z")


@pytest.fixture(autouse=True)
def rep1(site):
    site.add_user(2, "rep1")


@pytest.mark.parametrize(
    "credentials",
    [
        None,
        Credentials(),
        Credentials(id="crm.example", code=CODE),
        Credentials(username="rep1"),
        Credentials(username="rep1", client_id=1),
        Credentials(username="nobody", code=CODE),
        Credentials(username="%", code=CODE),
        Credentials(username="rep1", code=md5_of_password("other")),
        Credentials(username="rep1", code="rep1"),
        Credentials(username="rep1", code="#notspecified"),
        Credentials(username="rep1", code="---"),
        Credentials(username="rep1", code=CODE + " "),
    ],
)
def test_refused(site, refused, credentials):
    with refused:
        site.authenticate(credentials)


@pytest.mark.parametrize("sent_id", [None, "CRMConnection", "elsewhere.example"])
def test_user_logs_in_whatever_the_id(site, sent_id):
    assert site.log_in("rep1", id=sent_id) == USER_2


def test_negative_client_id_counts_as_none(site):
    assert site.log_in("rep1", client_id=-1) == USER_2


@pytest.mark.parametrize("sent", ["rep1 ", " rep1", "\tREP1\u00a0"])
def test_blanks_around_a_name_do_not_count(site, sent):
    assert site.authenticate(Credentials(username=sent, code=CODE)).user_id == 2


@pytest.mark.parametrize("sent", ["rep1", "REP1", "Rep1"])
@pytest.mark.parametrize("stored", ["rep1", "REP1", "rEp1"])
def test_name_and_code_are_matched_in_any_letter_case(site, sent, stored):
    site.change_user(2, username=stored)
    assert site.authenticate(Credentials(username=sent, code=CODE.upper())) == USER_2


@pytest.mark.parametrize(
    "columns",
    [
        {"enabled": False},
        {"enabled": None},
        {"allow_httpapi_access": False},
        {"allow_httpapi_access": None},
        {"expires": NOW - timedelta(milliseconds=1)},
        {"expires": datetime(2020, 1, 1)},
        {"role_id": 3},
        {"role_id": None},
        {"password": None},
        {"password": ""},
        {"password": "---"},
    ],
)
def test_user_who_may_not_log_in_is_refused(site, refused, columns):
    assert site.log_in("rep1") == USER_2
    site.change_user(2, **columns)
    with refused:
        site.log_in("rep1")


@pytest.mark.parametrize("expires", [None, NOW, NOW + timedelta(days=1)])
def test_user_who_has_not_expired_logs_in(site, expires):
    site.change_user(2, expires=expires)
    assert site.log_in("rep1") == USER_2


def test_system_user_never_logs_in(site, refused):
    site.add_user(0, "system")
    with refused:
        site.log_in("system")


def test_of_several_users_of_a_name_the_first_whose_code_it_is_logs_in(site):
    site.add_user(3, "REP1", password=site.hashed(md5_of_password("second")))
    site.add_user(4, "Rep1", password=site.hashed(md5_of_password("second")), role_id=2)
    assert site.log_in("rep1") == USER_2
    assert site.log_in("rep1", "second").user_id == 3
    site.change_user(3, enabled=False)
    assert site.log_in("rep1", "second").user_id == 4


def test_alias_acts_as_the_user_it_stands_for(site):
    site.add_user(5, "deputy", alias=2)
    site.change_user(2, role_id=2, allow_httpapi_access=False)
    assert site.log_in("deputy") == Principal(PrincipalKind.USER, 2, 2, None, 2)


@pytest.mark.parametrize("alias", [None, -1, 0])
def test_no_alias_is_the_user_himself(site, alias):
    site.change_user(2, alias=alias)
    assert site.log_in("rep1") == USER_2


@pytest.mark.parametrize("columns", [{"enabled": False}, {"expires": NOW - timedelta(1)}])
def test_alias_of_a_user_who_is_not_active_is_refused(site, refused, columns):
    site.add_user(5, "deputy", alias=2)
    site.change_user(2, **columns)
    with refused:
        site.log_in("deputy")


def test_alias_of_nobody_or_of_a_user_without_a_role_is_refused(site, refused):
    site.add_user(5, "deputy", alias=77)
    with refused:
        site.log_in("deputy")
    site.change_user(5, alias=2)
    site.change_user(2, role_id=3)
    with refused:
        site.log_in("deputy")


@pytest.mark.parametrize("username", ["nobody", "rep1", "bare", "disabled", "blank", "system"])
def test_every_refused_name_costs_one_hash(site, refused, username):
    site.add_user(0, "system")
    site.add_user(6, "bare", password=CODE)
    site.add_user(7, "disabled", enabled=False)
    site.add_user(8, "blank", password=None)
    before = site.hasher.count
    with refused:
        site.log_in(username, "wrong")
    assert site.hasher.count == before + 1


def test_verified_credentials_cost_no_second_hash(site, refused):
    site.log_in("rep1")
    before = site.hasher.count
    site.seconds += 299
    assert site.log_in("rep1") == USER_2
    assert site.hasher.count == before
    with refused:
        site.log_in("rep1", "wrong")
    site.seconds += 1
    assert site.log_in("rep1") == USER_2
    assert site.hasher.count == before + 2


def test_without_a_memory_every_packet_costs_a_hash(site):
    site.remembered = RememberedCredentials(0)
    site.configure()
    before = site.hasher.count
    site.log_in("rep1")
    site.log_in("rep1")
    assert site.hasher.count == before + 2


def test_memory_never_outlives_a_change_of_the_secret(site, refused):
    site.log_in("rep1")
    site.change_user(2, password=site.hashed(md5_of_password("new")))
    with refused:
        site.log_in("rep1")
    assert site.log_in("rep1", "new") == USER_2


@pytest.mark.parametrize("allowed", [True, False])
def test_bare_secret_is_replaced_only_where_that_is_allowed(site, allowed):
    site.configure(upgrade_secrets=allowed)
    site.change_user(2, password=CODE.upper())
    site.add_user(3, "other", password=CODE)
    assert site.log_in("rep1") == USER_2
    first, second = site.stored_secrets()
    assert first.startswith("$argon2id$") is allowed
    assert second == CODE
    assert site.log_in("rep1") == USER_2
    assert site.stored_secrets() == [first, CODE]


@pytest.mark.parametrize("columns", [{"enabled": False}, {"password": md5_of_password("other")}])
def test_bare_secret_of_a_refused_user_stays(site, refused, columns):
    site.configure(upgrade_secrets=True)
    site.change_user(2, **{"password": CODE} | columns)
    before = site.stored_secrets()
    with refused:
        site.log_in("rep1")
    assert site.stored_secrets() == before


def test_secret_changed_meanwhile_is_not_replaced(site, monkeypatch):
    site.configure(upgrade_secrets=True)
    site.change_user(2, password=CODE)
    changed = site.hashed(md5_of_password("changed"))
    hash_new = site.hasher.hash

    def hash_while_another_changes(password):
        site.change_user(2, password=changed)
        return hash_new(password)

    monkeypatch.setattr(site.hasher, "hash", hash_while_another_changes)
    site.log_in("rep1")
    assert site.stored_secrets() == [changed]


HEX = st.text(alphabet="0123456789abcdefABCDEF", min_size=32, max_size=32)
ANY_CODE = st.one_of(st.text(), HEX, st.sampled_from(["---", "#notspecified", "unset", CODE]))


@settings(max_examples=60, deadline=None)
@given(ANY_CODE, st.sampled_from(["hashed", "bare", "---", "", None]))
def test_no_code_but_the_right_one_ever_authenticates(open_site, code, stored):
    site = open_site()
    secrets = {"hashed": site.hashed(CODE), "bare": CODE}
    site.add_user(2, "rep1", password=secrets.get(stored, stored))
    right = code.lower() == CODE and stored in secrets
    for _ in range(2):
        try:
            site.authenticate(Credentials(username="rep1", code=code))
        except NotAuthorized:
            assert not right
        else:
            assert right
