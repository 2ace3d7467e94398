"""A refusal costs the same whatever it is for, and a secret is never compared letter by letter."""

import ast
import hmac
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from watching import watched_statements

import packetserver
from packetserver.errors import NotAuthorized
from packetserver.security.credentials import Credentials
from packetserver.security.remembered import Claim, RememberedCredentials
from packetserver.security.secrets import SecretKind, md5_of_password, verify_secret
from packetserver.security.throttle import Attempt

NOW = datetime(2026, 11, 22, 9, 15, 8)
CODE, OTHER = md5_of_password("right"), md5_of_password("other")
HOST = "crm.example"

STORED = st.sampled_from(["hashed", "another", "bare", "bare of another", "damaged", "", None])
FLAG = st.sampled_from([True, False, None])
EXPIRES = st.sampled_from([None, NOW - timedelta(days=1), NOW + timedelta(days=1)])


def stored(site, kind):
    return {
        "hashed": site.hashed(CODE),
        "another": site.hashed(OTHER),
        "bare": CODE,
        "bare of another": OTHER,
        "damaged": site.hashed(CODE)[:-1],
    }.get(kind, kind)


def cost(site, credentials):
    """The slow hashes that a refusal cost; None when it was none."""
    before = site.hasher.count
    try:
        site.authenticate(credentials)
    except NotAuthorized:
        return site.hasher.count - before
    return None


@settings(max_examples=80)
@given(
    exists=st.booleans(),
    secret=STORED,
    columns=st.fixed_dictionaries(
        {
            "enabled": FLAG,
            "allow_httpapi_access": FLAG,
            "expires": EXPIRES,
            "role_id": st.sampled_from([1, 3, None]),
            "alias": st.sampled_from([None, -1, 0, 4, 5, 77]),
        }
    ),
    code=st.sampled_from([CODE, OTHER, CODE.upper()]),
    client_id=st.sampled_from([None, -1]),
)
def test_every_refused_user_costs_one_verification(
    open_site, exists, secret, columns, code, client_id
):
    site = open_site()
    site.add_user(4, "four")
    site.add_user(5, "five", enabled=False)
    if exists:
        site.add_user(2, "rep1", password=stored(site, secret), **columns)
    credentials = Credentials(username="rep1", code=code, client_id=client_id)
    assert cost(site, credentials) in {None, 1}


@settings(max_examples=60)
@given(
    exists=st.booleans(),
    secret=STORED,
    columns=st.fixed_dictionaries(
        {"enabled": FLAG, "user_id": st.sampled_from([None, -1, 4, 5, 77])}
    ),
    credentials=st.builds(
        Credentials,
        id=st.sampled_from([HOST, "elsewhere.example", None]),
        code=st.sampled_from([CODE, OTHER, "", "x" * 5000]),
        client_id=st.sampled_from([1, 0, 2**31 - 1, 2**31, 10**40]),
    ),
)
def test_every_refused_client_costs_one_verification(
    open_site, exists, secret, columns, credentials
):
    site = open_site()
    site.add_user(4, "four")
    site.add_user(5, "five", enabled=False)
    if exists:
        site.add_client(1, "any")
        site.change_client(1, code=stored(site, secret), **columns)
    assert cost(site, credentials) in {None, 1}


@pytest.mark.parametrize(
    "credentials",
    [
        None,
        Credentials(),
        Credentials(username="rep1"),
        Credentials(client_id=1, id=HOST),
        Credentials(code=CODE),
        Credentials(username="rep1", code="---"),
        Credentials(username="rep1", code=CODE + "0"),
    ],
    ids=["nothing", "empty", "no code", "no code of a client", "nobody", "no md5", "too long"],
)
def test_what_no_stored_secret_could_make_right_costs_none(site, credentials):
    site.add_user(2, "rep1")
    assert cost(site, credentials) == 0


def test_a_name_that_nobody_has_is_asked_for_in_as_many_queries_as_one_that_somebody_has(site):
    site.add_user(2, "rep1")
    queries = []
    for name in ("rep1", "nobody"):
        attempt = Attempt("192.0.2.1", 0)
        with watched_statements(site.connection) as asked, pytest.raises(NotAuthorized):
            site.authenticator.authenticate(
                site.connection, Credentials(username=name, code=OTHER), HOST, NOW, attempt
            )
        queries.append(asked)
    assert queries[0] == queries[1] != []


def test_bare_and_remembered_secrets_are_compared_in_constant_time(monkeypatch):
    compared = []
    compare = hmac.compare_digest
    monkeypatch.setattr(
        hmac, "compare_digest", lambda one, other: compared.append(one) or compare(one, other)
    )
    assert verify_secret(CODE, CODE)
    assert verify_secret("secret1", "secret1", SecretKind.SYNC_CLIENT)
    assert compared == [CODE.encode(), b"secret1"]
    remembered = RememberedCredentials(60)
    claim = Claim(SecretKind.USER, 1, CODE, CODE)
    remembered.remember(claim, 0)
    assert remembered.recalls(claim, 1)
    assert len(compared) == 3


SECRET_NAMES = {"code", "wire", "stored", "password", "secret", "digest", "bare"}


def test_no_secret_is_compared_with_an_operator():
    """`==` stops at the first letter that differs, and tells by its time which one that was."""
    found = []
    for path in sorted((Path(packetserver.__file__).parent / "security").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and any(
                isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn)
                for operator in node.ops
            ):
                names = {
                    getattr(part, "attr", getattr(part, "id", None))
                    for part in (node.left, *node.comparators)
                }
                # What the database compares is a statement of ours, and no time is told of it.
                if names & SECRET_NAMES and "bindparam" not in ast.unparse(node):
                    found.append(f"{path.name}: {ast.unparse(node)}")
    assert found == []
