from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packetserver.security.remembered import Claim, RememberedCredentials
from packetserver.security.secrets import SecretKind

CLAIM = Claim(SecretKind.USER, 7, "what is stored", "what is sent")


def test_remembers_what_was_verified():
    remembered = RememberedCredentials(60)
    assert not remembered.recalls(CLAIM, 0)
    remembered.remember(CLAIM, 0)
    assert remembered.recalls(CLAIM, 59.9)


@pytest.mark.parametrize(
    "other",
    [
        replace(CLAIM, kind=SecretKind.SYNC_CLIENT),
        replace(CLAIM, id=8),
        replace(CLAIM, stored="what is stored now"),
        replace(CLAIM, stored=None),
        replace(CLAIM, wire="what is guessed"),
        replace(CLAIM, wire=""),
    ],
)
def test_recalls_nothing_but_the_very_claim(other):
    remembered = RememberedCredentials(60)
    remembered.remember(CLAIM, 0)
    assert not remembered.recalls(other, 1)
    assert remembered.recalls(CLAIM, 1)


def test_expires_and_is_not_prolonged_by_use():
    remembered = RememberedCredentials(60)
    remembered.remember(CLAIM, 100)
    assert remembered.recalls(CLAIM, 130)
    assert not remembered.recalls(CLAIM, 160)


def test_a_new_verification_starts_anew():
    remembered = RememberedCredentials(60)
    remembered.remember(CLAIM, 0)
    remembered.remember(CLAIM, 50)
    assert remembered.recalls(CLAIM, 109)
    assert len(remembered) == 1


def test_zero_seconds_switch_it_off():
    remembered = RememberedCredentials(0)
    remembered.remember(CLAIM, 0)
    assert not remembered.recalls(CLAIM, 0)
    assert len(remembered) == 0


def test_nothing_stored_is_nothing_to_remember():
    remembered = RememberedCredentials(60)
    remembered.remember(replace(CLAIM, stored=None), 0)
    assert len(remembered) == 0


def test_the_oldest_goes_when_it_is_full():
    remembered = RememberedCredentials(60, capacity=3)
    claims = [replace(CLAIM, id=number) for number in range(5)]
    for claim in claims:
        remembered.remember(claim, 0)
    assert [remembered.recalls(claim, 1) for claim in claims] == [False, False, True, True, True]
    assert len(remembered) == 3


def test_expired_entries_are_dropped():
    remembered = RememberedCredentials(60)
    for number in range(5):
        remembered.remember(replace(CLAIM, id=number), 0)
    remembered.remember(CLAIM, 60)
    assert len(remembered) == 1


def test_an_entry_that_was_renewed_does_not_keep_expired_ones():
    remembered = RememberedCredentials(60)
    renewed, expired, new = (replace(CLAIM, id=number) for number in range(3))
    for claim, at in ((renewed, 0), (expired, 10), (renewed, 50), (new, 75)):
        remembered.remember(claim, at)
    assert remembered.recalls(renewed, 75)
    assert len(remembered) == 2


def test_neither_the_secret_nor_what_is_stored_is_kept():
    remembered = RememberedCredentials(60)
    remembered.remember(CLAIM, 0)
    held = repr(vars(remembered))
    assert CLAIM.wire not in held
    assert str(CLAIM.stored) not in held


def test_a_claim_does_not_show_its_secrets():
    assert repr(CLAIM) == "Claim(kind=<SecretKind.USER: 'user'>, id=7)"


def test_every_process_has_its_own_digests():
    first, second = RememberedCredentials(60), RememberedCredentials(60)
    first.remember(CLAIM, 0)
    second.remember(CLAIM, 0)
    assert first._entries != second._entries


def test_threads_may_share_it():
    remembered = RememberedCredentials(60, capacity=5)

    def work(number):
        claim = replace(CLAIM, id=number % 11)
        remembered.remember(claim, number / 100)
        remembered.recalls(claim, number / 100)
        return len(remembered)

    with ThreadPoolExecutor(8) as threads:
        assert max(threads.map(work, range(2000))) <= 5


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 9)
        )
    ),
    st.integers(0, 20),
)
def test_recalls_only_what_was_verified_in_time(verified, pause):
    remembered = RememberedCredentials(10, capacity=4)
    at, when = 0, {}
    for identity, stored, wire, later in verified:
        at += later
        claim = Claim(SecretKind.USER, identity, stored, wire)
        remembered.remember(claim, at)
        # A later secret for the same stored value takes the place of the earlier one.
        when = {known: time for known, time in when.items() if known[:2] != (identity, stored)}
        when[identity, stored, wire] = at
    now = at + pause
    for (identity, stored, wire), time in when.items():
        recalled = remembered.recalls(Claim(SecretKind.USER, identity, stored, wire), now)
        assert not recalled or now < time + 10
    for claim in (Claim(SecretKind.USER, identity, stored, "z") for identity, stored, _ in when):
        assert not remembered.recalls(claim, now)
    assert len(remembered) <= 4
