import pytest
from argon2 import PasswordHasher
from hypothesis import example, given, settings
from hypothesis import strategies as st

from packetserver.security.secrets import (
    LONGEST_STORED,
    SecretKind,
    hash_secret,
    md5_of_password,
    needs_upgrade,
    user_code,
    verify_secret,
)

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, hash_len=16, salt_len=16)
CODE = "21232f297a57a5a743894a0e4a801fc3"


def test_stored_secret_fits_the_column_of_an_original_database():
    stored = hash_secret(CODE)
    assert len(stored) == 76 <= LONGEST_STORED
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_secret(stored, CODE)
    assert not verify_secret(stored, "0" * 32)


def test_stored_secret_is_salted():
    assert hash_secret(CODE, CHEAP) != hash_secret(CODE, CHEAP)


def test_code_is_the_md5_of_the_password_in_utf_8():
    assert md5_of_password("admin") == CODE
    assert md5_of_password("Пароль ß") == "8c8fa1d402d9da217b147f06bc49ca8d"


@pytest.mark.parametrize(
    "text", ["", "---", "#notspecified", CODE[:-1], CODE + "0", CODE + "\n", "g" * 32, "٣" * 32]
)
def test_only_32_hex_digits_are_a_user_code(text):
    assert user_code(text) is None


def test_user_code_has_no_letter_case():
    assert user_code(CODE.upper()) == user_code(CODE) == CODE


@pytest.mark.parametrize("stored", [CODE, CODE.upper()])
def test_bare_md5_of_an_original_database_is_verified(stored):
    assert verify_secret(stored, CODE, hasher=CHEAP)
    assert not verify_secret(stored, "0" * 32, hasher=CHEAP)


@pytest.mark.parametrize(
    "stored",
    [
        *("", " ", "---", "#notspecified", "a value no hash can equal", CODE[:-1]),
        *("$argon2id$", hash_secret(CODE, CHEAP)[:-1], hash_secret(CODE, CHEAP) + "A"),
    ],
    # A salted hash is another one in every process, and would be another test.
    ids=lambda stored: "hash" if "$argon2" in stored else None,
)
def test_impossible_stored_value_never_matches_a_user(stored):
    assert not verify_secret(stored, stored, hasher=CHEAP)
    assert not verify_secret(stored, CODE, hasher=CHEAP)


@pytest.mark.parametrize("stored", ["secret1", "Secret 1", "ß", "---", CODE.upper()])
def test_bare_code_of_a_client_is_verified_as_it_is(stored):
    assert verify_secret(stored, stored, SecretKind.SYNC_CLIENT, CHEAP)
    assert not verify_secret(stored, stored.swapcase() + "x", SecretKind.SYNC_CLIENT, CHEAP)


def test_code_of_a_client_has_letter_case():
    assert not verify_secret("secret1", "Secret1", SecretKind.SYNC_CLIENT, CHEAP)
    assert not verify_secret(
        hash_secret("secret1", CHEAP), "Secret1", SecretKind.SYNC_CLIENT, CHEAP
    )


@pytest.mark.parametrize("stored", ["", " ", "\t", "$argon2id$v=19$m=8", "$argon2i$x"])
def test_impossible_stored_value_never_matches_a_client(stored):
    assert not verify_secret(stored, stored, SecretKind.SYNC_CLIENT, CHEAP)


@pytest.mark.parametrize("kind", SecretKind)
def test_stored_hash_is_no_secret_itself(kind):
    stored = hash_secret(CODE, CHEAP)
    assert not verify_secret(stored, stored, kind, CHEAP)


@pytest.mark.parametrize("kind", SecretKind)
@pytest.mark.parametrize("stored", [None, "", "---", "0" * 32, "$argon2id$v=19$m=8,t=1,p=1$A$A"])
def test_every_refusal_costs_one_hash(hasher, stored, kind):
    assert not verify_secret(stored, CODE, kind, hasher)
    assert hasher.count == 1


def test_refusal_of_a_stored_hash_costs_one_hash(hasher):
    assert not verify_secret(hash_secret("other", CHEAP), CODE, hasher=hasher)
    assert hasher.count == 1


@pytest.mark.parametrize("kind", SecretKind)
def test_a_bare_secret_costs_what_a_hash_costs(hasher, kind):
    assert verify_secret(CODE, CODE, kind, hasher)
    assert hasher.count == 1


def test_bare_secrets_and_other_hashes_than_ours_need_an_upgrade():
    assert needs_upgrade(CODE)
    assert needs_upgrade("secret1")
    assert needs_upgrade(hash_secret(CODE, CHEAP))
    assert not needs_upgrade(hash_secret(CODE, CHEAP), CHEAP)
    assert not needs_upgrade(hash_secret(CODE))
    assert not needs_upgrade(None)


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_stored_hash_verifies_its_own_secret_and_no_other(wire, other):
    stored = hash_secret(wire, CHEAP)
    assert len(stored) <= LONGEST_STORED
    assert verify_secret(stored, wire, SecretKind.SYNC_CLIENT, CHEAP)
    assert verify_secret(stored, other, SecretKind.SYNC_CLIENT, CHEAP) == (wire == other)


@settings(deadline=None)
@example("\ud800")
@given(st.text(max_size=40))
def test_no_text_is_too_strange_to_be_refused(text):
    assert not verify_secret("0" * 32, text, hasher=CHEAP) or text == "0" * 32
    assert user_code(text) is None or len(text) == 32
