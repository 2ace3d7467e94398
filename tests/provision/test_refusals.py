import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packetserver.errors import ProvisionError
from packetserver.provision.file import SYNC_CLIENT_KEYS, USER_KEYS, read_provision_file

ANN = """
[[user]]
username = "ann"
password = "geheim-1"
role = "Salesperson"
"""


WRONG = {
    "unknown key": ('hots = "x"', "file.toml: the key hots is unknown; there are: host, timezone"),
    "unknown key of a user": (ANN + 'rol = "x"', "user number 1: the key rol is unknown"),
    "unknown key of a client": ("[[sync_client]]\nid = 1\nuid = 2", "the key uid is unknown"),
    "no list": ('sync_client = "x"', "sync_client must be written as [[sync_client]]"),
    "no name": ("[[user]]\nid = 4", "user number 1: username is missing"),
    "no id": ('[[sync_client]]\ntype = "x"', "sync_client number 1: id is missing"),
    "id is no number": (ANN + 'id = "x"', "user ann: id must be an integer of at least 1"),
    "id is zero": (ANN + "id = 0", "user ann: id must be"),
    "id is a flag": (ANN + "id = true", "user ann: id must be"),
    "id is too large": (ANN + "id = 2147483648", "user ann: id must be"),
    "wrong flag": (ANN + "enabled = 7", "user ann: enabled must be true or false"),
    "wrong date": (ANN + 'expires = "tomorrow"', "user ann: expires must be a local date"),
    "date elsewhere": (ANN + "expires = 2030-01-01T00:00:00Z", "expires must be a local date"),
    "wrong zone": ('timezone = "Europe/Nowhere"', "timezone must be an IANA time zone"),
    "wrong host": ("host = 7", "host must be a list of host names"),
    "unknown role": (ANN.replace("Salesperson", "Boss"), "user ann: there is no role 'Boss'"),
    "unknown manager": (ANN + 'manager = "zoe"', "user ann: manager: there is no user zoe"),
    "unknown alias": (ANN + 'alias = "zoe"', "user ann: alias: there is no user zoe"),
    "unknown owner": (
        '[[sync_client]]\nid = 9\ntype = "x"\ncode = "geheim-1"\nuser = "zoe"',
        "sync_client 9: there is no user zoe",
    ),
    "new client without a code": ('[[sync_client]]\nid = 9\ntype = "x"', "needs a code"),
    "new user without a password": (
        ANN.replace('password = "geheim-1"\n', ""),
        "user ann: a new user needs a password",
    ),
    "new user without a role": (
        ANN.replace('role = "Salesperson"\n', ""),
        "user ann: a new user needs a role; there are: Administrator",
    ),
    "twice": (ANN + ANN.replace("ann", "ANN"), "user ANN: this username stands in the file twice"),
    "id twice": (
        ANN + "id = 50" + ANN.replace("ann", "bob") + "id = 50",
        "user bob: this id stands in the file twice",
    ),
    "id of another": (ANN + "id = 2", "user ann: the id 2 belongs to the user rep1"),
    "id of the system": (ANN + "id = 0", "user ann: id must be"),
    "name of another": (
        ANN.replace("ann", "rep1") + "id = 70",
        "user rep1: the user rep1 has the id 2, not 70",
    ),
    "long name": (ANN.replace("ann", "a" * 81), "username is longer than 80 characters"),
    "long first name": (ANN + f'name_first = "{"a" * 81}"', "name_first is longer than 80"),
    "name that cannot be shown": (
        ANN.replace("ann", "a\\u0000nn"),
        "username has a character that cannot be shown",
    ),
    "manager that cannot be shown": (ANN + 'manager = "b\\u0000b"', "manager: there is no user b"),
    "role that cannot be shown": (
        ANN.replace("Sales", "\\u0000"),
        "there is no role '\\x00person'",
    ),
    "password is a number": (
        ANN.replace('"geheim-1"', "4711"),
        "user ann: password must be a text that is not empty",
    ),
    "password is empty": (ANN.replace("geheim-1", ""), "password must be a text that is not empty"),
    "no TOML": (ANN.replace('geheim-1"', "geheim-1"), "is not written in TOML (at line"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_file_is_refused_whole_and_tells_no_secret(databases, apply, text, message, stored):
    with databases.prepared("sqlite") as url:
        before = stored(url)
        with pytest.raises(ProvisionError) as raised:
            apply(url, f"{text}\n{GOOD}")
        told = "".join(traceback.format_exception(raised.value))
        assert message in str(raised.value)
        assert "file.toml" in str(raised.value)
        assert not any(secret in told for secret in ("geheim-1", "4711", "geheim-0"))
        assert stored(url) == before


GOOD = """
[[user]]
username = "good"
password = "geheim-0"
role = "Salesperson"
"""


def test_a_failure_half_way_leaves_postgresql_as_it_was(databases, apply, stored):
    with databases.prepared("postgresql") as url:
        before = stored(url)
        with pytest.raises(ProvisionError, match="there is no user zoe"):
            apply(url, 'timezone = "Europe/Berlin"\n' + ANN + 'manager = "zoe"')
        assert stored(url) == before


def test_postgresql_is_asked_nothing_that_it_cannot_answer(databases, apply):
    with databases.prepared("postgresql") as url:
        for text, message in WRONG.values():
            with pytest.raises(ProvisionError) as raised:
                apply(url, text)
            assert message in str(raised.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ProvisionError, match=r"nothing\.toml cannot be read: No such file"):
        read_provision_file(tmp_path / "nothing.toml")


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8")))
def test_whatever_a_file_holds_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    try:
        found = read_provision_file(path)
    except ProvisionError as error:
        told = str(error)
    else:
        told = str(path)
        assert all(set(entry.given) <= set(USER_KEYS) for entry in found.users)
        assert all(set(entry.given) <= set(SYNC_CLIENT_KEYS) for entry in found.sync_clients)
    assert str(path) in told


SECRETS = st.from_regex(r"[A-Za-z]{12,20}", fullmatch=True)
KEYS_OF_SECRETS = st.sampled_from(["password", "code", "id", "enabled", "expires"])


@given(secret=SECRETS, key=KEYS_OF_SECRETS, end=st.sampled_from(['"', "", '\\"', "'", '"x']))
def test_no_refusal_tells_a_secret_wherever_it_stands(tmp_path_factory, secret, key, end):
    path = tmp_path_factory.getbasetemp() / "secret.toml"
    path.write_text(f'[[user]]\nusername = "ann"\n{key} = "{secret}{end}\nrole = ""\n')
    with pytest.raises(ProvisionError) as raised:
        read_provision_file(path)
    assert secret not in "".join(traceback.format_exception(raised.value))


def test_entries_do_not_show_their_secrets(tmp_path):
    path = tmp_path / "file.toml"
    path.write_text(ANN)
    assert "geheim-1" not in repr(read_provision_file(path))
