"""getchallenge, login, logout, extendsession: who gets a session, for how long, and who loses it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from protocols.webservice.conftest import ELSEWHERE, KEYS, Site, md5, open_site
from sync.office import Clock
from watching import watched_statements

from packetserver.protocols.webservice import exchange
from packetserver.protocols.webservice.calls import Operation
from packetserver.protocols.webservice.operations import OPERATIONS
from packetserver.provision.access_keys import AccessKeys
from packetserver.security.access_keys import Seals

NO_CHALLENGE = ("INVALID_AUTH_TOKEN", "Specified token is invalid or expired")
NO_KEY = ("ACCESSKEY_UNDEFINED", "Access key for the user is undefined")
WRONG = ("INVALID_USER_CREDENTIALS", "Invalid username or password")
INACTIVE = ("AUTHENTICATION_REQUIRED", "Given user is inactive")
NO_SESSION = ("AUTHENTICATION_REQUIRED", "Authencation required")
UNKNOWN = ("INVALID_SESSIONID", "Session Identifier provided is Invalid")
FAILED = ("AUTHENTICATION_FAILURE", "Authencation Failed")
EXPIRED = ("SESSION_EXPIRED", "Session has life span over please login again")
IDLE = ("SESSION_LEFT_IDLE", "Session has been invalidated to due lack activity")
DONE = {"message": "successfull"}


@pytest.mark.parametrize("name", ["admin", "nobody", "", "Ж\0", "x" * 5000])
def test_everybody_gets_a_challenge(site: Site, name: str) -> None:
    found = site.get("getchallenge", username=name)
    assert list(found) == ["token", "serverTime", "expireTime"]
    assert re.fullmatch("[0-9a-f]{13}", found["token"])
    assert found["serverTime"] == int(site.clock().timestamp())
    assert found["expireTime"] - found["serverTime"] == 300


def test_who_answers_it_has_a_session(site: Site) -> None:
    found = site.log_in("rep1")
    assert list(found) == ["sessionName", "userId", "version", "vtigerVersion", "sessionId"]
    assert re.fullmatch("[0-9a-f]{20,}", found["sessionName"])
    assert found["sessionId"] == found["sessionName"]
    assert (found["userId"], found["version"]) == ("19x2", "0.22")
    assert site.is_alive(found["sessionName"])
    stored = str(site.execute("SELECT * FROM packetserver_session"))
    assert found["sessionName"] not in stored


def test_a_name_is_one_in_any_letter_case(site: Site) -> None:
    token = site.token("REP1")
    assert site.post("login", username="Rep1 ", accessKey=md5(token + KEYS["rep1"]))["sessionName"]


def test_a_token_is_not_used_up_and_outlives_a_wrong_answer(site: Site) -> None:
    token = site.token("admin")
    assert site.answer("admin", token, "WrongAccessKey01") == WRONG
    first, second = (site.answer("admin", token)["sessionName"] for _ in range(2))
    assert first != second
    assert site.is_alive(first)
    assert site.is_alive(second)


def test_a_token_lasts_five_minutes(site: Site) -> None:
    token = site.token("admin")
    site.clock.go_on(seconds=299)
    assert site.answer("admin", token)["sessionName"]
    site.clock.go_on(seconds=1)
    assert site.answer("admin", token) == NO_CHALLENGE


def test_sixty_four_tokens_are_alive(site: Site) -> None:
    tokens = []
    for _ in range(65):
        tokens.append(site.token("admin"))
        site.clock.go_on(milliseconds=10)
    assert len(set(tokens)) == 65
    assert site.answer("admin", tokens[0]) == WRONG
    assert site.answer("admin", tokens[1])["sessionName"]
    assert site.answer("admin", tokens[-1])["sessionName"]


def test_a_stranger_spoils_nobodys_challenge(site: Site) -> None:
    token = site.token("admin")
    site.address = ELSEWHERE
    for _ in range(70):
        site.token("admin")
    assert site.answer("admin", token) == WRONG
    site.address = "192.0.2.1"
    assert site.answer("admin", token)["sessionName"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda digest: digest.upper(), WRONG),
        (lambda digest: digest[1:], WRONG),
        (lambda digest: digest + "0", WRONG),
        (lambda digest: f"0{digest}", WRONG),
        (lambda _: "", WRONG),
        (lambda _: "x", WRONG),
        (lambda _: "Ж" * 32, WRONG),
    ],
)
def test_an_answer_is_compared_digit_by_digit(site: Site, change, expected) -> None:
    while not (digest := md5((token := site.token("admin")) + KEYS["admin"])).startswith("a"):
        site.clock.go_on(seconds=1)
    assert site.post("login", username="admin", accessKey=change(digest)) == expected
    assert site.answer("admin", token)["sessionName"]


def test_zeros_at_its_beginning_may_lack(site: Site) -> None:
    while not (digest := md5(site.token("admin") + KEYS["admin"])).startswith("0"):
        site.clock.go_on(seconds=6)
    found = site.post("login", username="admin", accessKey=digest.lstrip("0"))
    assert found["sessionName"]


def test_why_somebody_is_not_let_in(site: Site) -> None:
    assert site.answer("admin", "0" * 13) == NO_CHALLENGE
    assert site.answer("nobody", "0" * 13, "x") == NO_CHALLENGE
    assert site.log_in("nobody", "NobodyAccessKey1") == NO_KEY
    assert site.log_in("csr1", "CsrOneAccessKey1") == NO_KEY
    assert site.log_in("noapi", "WrongAccessKey01") == WRONG
    assert site.log_in("noapi") == INACTIVE
    assert site.log_in("expired1") == INACTIVE
    assert site.post("login") == NO_KEY
    assert site.get("login", username="admin", accessKey="x") == NO_KEY
    assert site.execute("SELECT * FROM packetserver_session") == []


def test_a_dead_session_that_comes_along_means_nothing(site: Site) -> None:
    token = site.get("getchallenge", username="admin", sessionName="dead")["token"]
    digest = md5(token + KEYS["admin"])
    assert site.post("login", username="admin", accessKey=digest, sessionName="x")["userId"]


@pytest.mark.parametrize("sent", ["", "0", "null", "NULL"])
def test_without_a_session(site: Site, sent: str) -> None:
    assert site.post("logout", sessionName=sent) == NO_SESSION
    assert site.post("extendsession", sessionName=sent) == FAILED
    assert site.get("extendsession") == FAILED


@pytest.mark.parametrize("sent", ["x", "!!;/..", "Ж", "0" * 9999])
def test_with_one_that_there_is_not(site: Site, sent: str) -> None:
    assert site.post("logout", sessionName=sent) == UNKNOWN
    assert site.post("extendsession", sessionName=sent) == FAILED


def test_a_session_ends_with_logout(site: Site) -> None:
    for call in (site.post, site.get):
        session, other = site.session(), site.session()
        assert call("logout", sessionName=session) == DONE
        assert call("logout", sessionName=session) == UNKNOWN
        assert site.is_alive(other)


def test_a_session_may_come_in_many_places(site: Site) -> None:
    def extended(query: str = "", **headers: str) -> bool:
        sent = site.send("GET", f"operation=extendsession{query}", headers=headers)
        return bool(sent.json["success"])

    session = site.session()
    assert extended(**{"corebos-authorization": session})
    assert extended(f"&PHPSESSID={session}")
    assert extended(Cookie=f"a=b; PHPSESSID={session}")
    assert extended("&sessionName=null", **{"corebos-authorization": session})
    assert not extended("&sessionName=x", **{"corebos-authorization": session})
    assert not extended(**{"corebos-authorization": ""})


def test_extendsession_tells_it_like_login(site: Site) -> None:
    found = site.log_in("rep1")
    assert site.get("extendsession", PHPSESSID=found["sessionName"]) == found
    assert site.post("extendsession", sessionName=found["sessionName"]) == found


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "BREW"])
def test_other_methods_never_write(site: Site, method: str) -> None:
    session = site.session()
    answer = site.send(method, f"operation=logout&sessionName={session}")
    assert answer.status_code == 200
    if method != "HEAD":
        denied = "Permission to perform the operation is denied"
        assert answer.json["error"] == {"message": denied, "code": "OPERATION_NOT_SUPPORTED"}
    assert site.is_alive(session)


def test_a_session_lasts_a_day(site: Site) -> None:
    session = site.session()
    for _ in range(24 * 4 - 1):
        site.clock.go_on(minutes=15)
        assert site.is_alive(session)
    site.clock.go_on(minutes=15)
    assert site.post("logout", sessionName=session) == EXPIRED
    assert site.get("extendsession", sessionName=session) == FAILED


def test_a_session_may_be_idle_for_half_an_hour(site: Site) -> None:
    session, other = site.session(), site.session()
    site.clock.go_on(minutes=29, seconds=59)
    assert site.is_alive(session)
    site.clock.go_on(minutes=29, seconds=59)
    assert site.is_alive(session)
    assert site.post("logout", sessionName=other) == IDLE
    site.clock.go_on(minutes=31)
    assert site.post("logout", sessionName=session) == IDLE


def test_whatever_is_called_is_a_use_which_is_noted_once_a_minute(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Operation("look", lambda call: call.session.user_name)
    monkeypatch.setattr(exchange, "OPERATIONS", {**OPERATIONS, "look": look})
    session = site.session("rep1")
    for _ in range(3):
        site.clock.go_on(minutes=29)
        assert site.get("look", sessionName=session) == "rep1"
    with watched_statements(site.service.database.engine) as seen:
        for _ in range(3):
            site.clock.go_on(seconds=19)
            assert site.get("look", sessionName=session) == "rep1"
        assert not [each for each in seen if each.startswith("UPDATE")]
        site.clock.go_on(seconds=19)
        assert site.get("look", sessionName=session) == "rep1"
        assert len([each for each in seen if each.startswith("UPDATE")]) == 1


def test_how_long_is_a_setting(people_url) -> None:
    url, keys = people_url
    limits = {"session_seconds": 100, "session_idle_seconds": 30}
    with open_site(url, Clock(), keys, **limits) as site:
        idle, old = site.session(), site.session()
        site.clock.go_on(seconds=31)
        assert site.post("logout", sessionName=idle) == IDLE
        old = site.session()
        for _ in range(4):
            site.clock.go_on(seconds=24)
            assert site.is_alive(old)
        site.clock.go_on(seconds=24)
        assert site.post("logout", sessionName=old) == EXPIRED


def test_what_is_long_over_is_forgotten(site: Site) -> None:
    site.session()
    site.clock.go_on(days=3)
    site.session()
    assert site.execute("SELECT count(*) FROM packetserver_session") == [(1,)]
    assert site.execute("SELECT count(*) FROM packetserver_challenge") == [(1,)]


@pytest.mark.parametrize(
    ("column", "lost", "back"),
    [
        ("enabled", False, True),
        ("expires", datetime(2035, 3, 5, 10), None),
        ("allow_httpapi_access", False, True),
        ("alias", 6, -1),
    ],
)
def test_who_may_not_log_in_any_more_has_no_session(site: Site, column, lost, back) -> None:
    session, others = site.session("rep1"), site.session()
    access = site.service.schema.metadata.tables["access"]
    changed = access.update().where(access.c.user_id == 2)
    site.execute(changed.values({column: lost}))
    site.clock.go_on(seconds=1)
    try:
        assert site.post("logout", sessionName=session) == UNKNOWN
    finally:
        site.execute(changed.values({column: back}))
    # It is over for good, whoever comes back.
    assert site.post("logout", sessionName=session) == UNKNOWN
    assert site.is_alive(others)


def test_another_access_key_ends_sessions(site: Site) -> None:
    session, others = site.session("rep1"), site.session()
    with site.service.database.connect(writes=True) as connection:
        keys = AccessKeys(connection, Seals(site.settings.access_key_file))
        assert not keys.give(2, KEYS["rep1"])
        assert keys.give(2, "AnotherKey000001")
        connection.commit()
    assert site.post("logout", sessionName=session) == UNKNOWN
    assert site.log_in("rep1") == WRONG
    assert site.log_in("rep1", "AnotherKey000001")["sessionName"]
    with site.service.database.connect(writes=True) as connection:
        AccessKeys(connection, Seals(site.settings.access_key_file)).give(2, KEYS["rep1"])
        connection.commit()
    assert site.is_alive(others)


def test_a_session_begun_with_an_earlier_key_is_over(site: Site) -> None:
    session = site.session("rep1")
    # As where somebody has logged in with the old key while it was changed.
    site.execute("UPDATE packetserver_session SET key_number = key_number - 1")
    assert site.post("logout", sessionName=session) == UNKNOWN


def test_many_log_in_at_once(site: Site) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: site.session("rep1"), range(20)))
    assert len(set(found)) == 20
    assert all(site.is_alive(each) for each in found)


def test_failures_have_to_wait_like_those_of_packets(site: Site) -> None:
    session = site.session("rep1")
    token = site.token("rep1")
    for _ in range(10):
        assert site.answer("rep1", token, "WrongAccessKey01") == WRONG
    # Closed, and it cannot be told from a wrong key.
    assert site.answer("rep1", token) == WRONG
    assert site.log_in("admin")["sessionName"]
    assert site.is_alive(session)
    site.clock.go_on(seconds=1)
    assert site.answer("rep1", token)["sessionName"]


def test_what_is_refused_without_a_guess_is_not_counted(site: Site) -> None:
    for _ in range(12):
        assert site.answer("rep1", "0" * 13) == NO_CHALLENGE
    assert site.execute("SELECT count(*) FROM packetserver_login") == [(0,)]
    assert site.log_in("rep1")["sessionName"]
