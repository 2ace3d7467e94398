"""Calls that were recorded from an original server, and what it answered, byte for byte.

Where this server answers otherwise on purpose, docs/webservice.md says so, and ``why`` is in short
what it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from protocols.webservice.conftest import KEYS, Site, md5

FORM = "application/x-www-form-urlencoded"
CHALLENGE = '{"success":true,"result":{"token":"{hex}","serverTime":{now},"expireTime":{later}}}'
LOGIN = (
    '{"success":true,"result":{"sessionName":"{hex}","userId":"19x1","version":"0.22",'
    '"vtigerVersion":"6.5.0","sessionId":"{hex}"}}'
)
WITH_ID = "sessionId stands there, too"
EITHER = "it may be called by either method"
RENEWED = "a session of the web service is renewed"


def error(code: str, message: str) -> str:
    return f'{{"success":false,"error":{{"message":"{message}","code":"{code}"}}}}'


WRONG = error("INVALID_USER_CREDENTIALS", "Invalid username or password")
NO_KEY = error("ACCESSKEY_UNDEFINED", "Access key for the user is undefined")
NO_CHALLENGE = error("INVALID_AUTH_TOKEN", "Specified token is invalid or expired")
REQUIRED = error("AUTHENTICATION_REQUIRED", "Authencation required")
FAILED = error("AUTHENTICATION_FAILURE", "Authencation Failed")
INVALID = error("INVALID_SESSIONID", "Session Identifier provided is Invalid")
UNKNOWN = error("UNKNOWN_OPERATION", "Unknown operation requested")
SUCCESSFULL = '{"success":true,"result":{"message":"successfull"}}'

MULTIPART = (
    '--B\r\nContent-Disposition: form-data; name="operation"\r\n\r\nlogout\r\n'
    '--B\r\nContent-Disposition: form-data; name="sessionName"\r\n\r\n{session}\r\n--B--\r\n'
)


@dataclass(frozen=True)
class Recorded:
    """A call: in braces stand the answer to the last challenge, and the session of the last login."""

    about: str
    expected: str
    method: str = "GET"
    query: str = ""
    body: str = ""
    kind: str = FORM
    why: str = ""


def get(about: str, query: str, expected: str, why: str = "") -> Recorded:
    return Recorded(about, expected, query=query, why=why)


def post(about: str, body: str, expected: str, why: str = "") -> Recorded:
    return Recorded(about, expected, "POST", body=body, why=why)


LOG_IN = "operation=login&username=admin&accessKey={answer}"
CALLS = (
    get("getchallenge", "operation=getchallenge&username=admin", CHALLENGE),
    get("of an unknown user", "operation=getchallenge&username=nobody", CHALLENGE),
    get("without a user", "operation=getchallenge", CHALLENGE),
    post("by POST", "operation=getchallenge&username=admin", CHALLENGE),
    get("in another letter case", "operation=GetChallenge&username=admin", CHALLENGE),
    post("login", LOG_IN, LOGIN, WITH_ID),
    post("a wrong key", f"operation=login&username=admin&accessKey={'0' * 32}", WRONG),
    post("the token survives that", LOG_IN, LOGIN, WITH_ID),
    post("the token is used again", LOG_IN, LOGIN, WITH_ID),
    post("in capitals", "operation=login&username=admin&accessKey={ANSWER}", WRONG),
    post("an unknown user", "operation=login&username=nobody&accessKey=x", NO_KEY),
    post("one without challenge", "operation=login&username=nobody9&accessKey=x", NO_CHALLENGE),
    get("login by GET", LOG_IN, NO_KEY),
    post("login without parameters", "operation=login", NO_KEY),
    get("no operation", "", UNKNOWN, "the original broke off"),
    get("an unknown one", "operation=foo", UNKNOWN, "the original broke off"),
    get("with session", "operation=foo&sessionName={session}", UNKNOWN, "the original broke off"),
    post("extendsession without", "operation=extendsession", FAILED),
    get("extendsession by GET", "operation=extendsession", FAILED, EITHER),
    post("of a session", "operation=extendsession&sessionName={session}", LOGIN, RENEWED),
    post("by PHPSESSID", "operation=extendsession&PHPSESSID={session}", LOGIN, RENEWED),
    post("logout without a session", "operation=logout", REQUIRED),
    post("of none", "operation=logout&sessionName=null", REQUIRED),
    post("of odd characters", "operation=logout&sessionName=%21%21%3B%2F..", INVALID),
    get("logout by GET", "operation=logout&sessionName={session}", SUCCESSFULL, EITHER),
    post("login", LOG_IN, LOGIN, WITH_ID),
    post("logout", "operation=logout&sessionName={session}", SUCCESSFULL),
    post("logout again", "operation=logout&sessionName={session}", INVALID),
    post("login", LOG_IN, LOGIN, WITH_ID),
    Recorded(
        *("a multipart form", SUCCESSFULL, "POST"),
        body=MULTIPART,
        kind="multipart/form-data; boundary=B",
    ),
    Recorded("HEAD", "", "HEAD", "operation=getchallenge&username=admin"),
    Recorded("OPTIONS", CHALLENGE, "OPTIONS", "operation=getchallenge&username=admin"),
    Recorded("PUT", CHALLENGE, "PUT", "operation=getchallenge&username=admin"),
)


@dataclass
class Replay:
    """Plays calls, each with what the earlier ones have given."""

    site: Site
    known: dict[str, str] = field(default_factory=dict)

    def play(self, call: Recorded) -> str:
        query, body = (self._filled(text) for text in (call.query, call.body))
        sent = {"data": body.encode(), "content_type": call.kind} if call.body else {}
        answer = self.site.send(call.method, query, **sent)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/json"
        found = re.search('"token":"([0-9a-f]+)"', answer.text)
        # Challenges of others are answered by nobody.
        if found and "admin" in call.query + call.body:
            digest = md5(found[1] + KEYS["admin"])
            self.known |= {"{answer}": digest, "{ANSWER}": digest.upper()}
        if found := re.search('"sessionName":"([0-9a-f]+)"', answer.text):
            self.known["{session}"] = found[1]
        return answer.text

    def _filled(self, text: str) -> str:
        for name, value in self.known.items():
            text = text.replace(name, value)
        return text


def pattern(expected: str, now: int) -> str:
    times = expected.replace("{now}", str(now)).replace("{later}", str(now + 300))
    return re.escape(times).replace(re.escape("{hex}"), "[0-9a-f]{13,}")


def test_recorded_calls_are_answered_alike(site: Site) -> None:
    replay, now = Replay(site), int(site.clock().timestamp())
    for call in CALLS:
        found = replay.play(call)
        assert re.fullmatch(pattern(call.expected, now), found), call.about


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8"])
def test_a_recorded_body_of_json_is_told_so(site: Site, kind: str) -> None:
    content = '{"operation":"getchallenge","username":"admin"}'
    answer = site.send("POST", data=content, content_type=kind)
    assert answer.json["error"]["code"] == "UNKNOWN_OPERATION"
