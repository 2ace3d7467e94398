"""How calls come and how they are answered, whatever the operation (docs/webservice.md, The address)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocols.webservice.conftest import KEYS, PATH, Site, md5, open_site, told
from sync.office import Clock
from werkzeug.test import TestResponse

from packetserver import errors
from packetserver.protocols.front.outcomes import OutcomeKind
from packetserver.protocols.webservice import exchange
from packetserver.protocols.webservice.calls import Answer, Call, Method, Operation, Parameter
from packetserver.protocols.webservice.envelope import encoded, failure, success
from packetserver.protocols.webservice.errors import DENIED, Words, denied_for
from packetserver.protocols.webservice.operations import OPERATIONS
from packetserver.protocols.webservice.parameters import unescaped

CHALLENGE = "operation=getchallenge&username=admin"
FORM = "application/x-www-form-urlencoded"


def shown(call: Call) -> dict[str, Any]:
    """What a call was given: names, texts and files."""
    files = {
        name: [each.filename, each.content_type, each.received.path.read_bytes().decode("latin-1")]
        for name, each in call.given.files.items()
    }
    return {**call.given.texts, **({"files": files} if files else {})}


SHOW = Operation("show", shown, needs_session=False)
FAILURE = errors.StoreUnavailable("sqlite3.OperationalError", errors.Outage.AWAY)


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation more, which shows what it is given."""
    monkeypatch.setattr(exchange, "OPERATIONS", {**OPERATIONS, "show": SHOW})


@pytest.mark.parametrize(
    "path",
    [
        *("/webservice.php", "/crm/webservice.php", "/a//b/webservice.php", "//webservice.php"),
        *("/webservice.php/webservice.php", "/webservice.php/", "/crm/webservice.php/x/y"),
        *("/webservice.php;jsessionid=1A", "/webservice.php;a=b/more"),
    ],
)
def test_the_address_is_found_anywhere_in_a_path(site: Site, path: str) -> None:
    overrides = {"PATH_INFO": path, "QUERY_STRING": CHALLENGE}
    answer = site.client.get("/", environ_overrides=overrides)
    assert told(answer)["token"]


@pytest.mark.parametrize("path", ["/webservice.phpx", "/xwebservice.php", "/Webservice.php", "/"])
def test_no_other_address_is_it(site: Site, path: str) -> None:
    assert site.client.get(path, query_string=CHALLENGE).mimetype != "application/json"


def test_the_last_segment_of_a_packet_counts_first(site: Site) -> None:
    answer = site.client.post("/webservice.php/ProcessPacket.do", data=b"<app/>")
    assert answer.mimetype == "text/xml"


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "PUT", "DELETE", "BREW"])
def test_a_reading_operation_takes_any_method(site: Site, method: str) -> None:
    assert told(site.send(method, CHALLENGE))["token"]


def test_a_head_has_no_body(site: Site) -> None:
    answer = site.send("HEAD", CHALLENGE)
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "application/json", b"")


@pytest.mark.parametrize("name", ["getchallenge", "GetChallenge", "GETCHALLENGE"])
def test_an_operation_is_known_in_any_letter_case(site: Site, name: str) -> None:
    assert site.get(name, username="admin")["token"]


@pytest.mark.parametrize(
    "name", ["", "0", "get", "relatedtypes", "loginPortal", "login_pwd", "upsert", "MassCreate"]
)
def test_an_unknown_one_is_told_as_json(site: Site, name: str) -> None:
    unknown = ("UNKNOWN_OPERATION", "Unknown operation requested")
    assert site.get(name) == site.post(name) == unknown
    assert site.get(name, sessionName=site.session()) == unknown


def test_without_any(site: Site) -> None:
    assert told(site.send("GET"))[0] == "UNKNOWN_OPERATION"
    assert told(site.send("POST"))[0] == "UNKNOWN_OPERATION"


def test_a_body_of_json_is_not_read_and_told_so(site: Site) -> None:
    content = json.dumps({"operation": "getchallenge", "username": "admin"})
    answer = site.send("POST", data=content, content_type="application/json")
    code, message = told(answer)
    assert code == "UNKNOWN_OPERATION"
    assert "as those of a form, not as JSON" in message
    # The header alone means nothing: some clients send it with all that they ask.
    assert told(site.send("GET", CHALLENGE, content_type="application/json"))["token"]
    assert told(site.send("POST", CHALLENGE, content_type="application/json"))["token"]


@pytest.mark.usefixtures("show")
class TestParameters:
    """The parameters of a call, as an operation sees them."""

    @pytest.mark.parametrize(
        ("sent", "seen"),
        [
            ("q=a;b=c&r=d", {"q": "a;b=c", "r": "d"}),
            ("&q=a&&r=b&", {"q": "a", "r": "b"}),
            ("q=a+b%20c", {"q": "a b c"}),
            ("q=50%&r=%zz&s=%4", {"q": "50%", "r": "%zz", "s": "%4"}),
            ("q=%C3%BC", {"q": "ü"}),
            ("q=%FC&r=%80", {"q": "ü", "r": "€"}),
            ("q=%u0141%F3d%u017A", {"q": "Łódź"}),
            ("q=%uD83D%uDE00", {"q": "😀"}),
            ("q=%uD83D", {"q": "\ufffd"}),
            ("q=%u12", {"q": "%u12"}),
            ("q", {"q": ""}),
            ("=x&q=1=2", {"q": "1=2"}),
            ("q=1&q=2", {"q": "2"}),
            ("q={\"a\":'b', c}", {"q": "{\"a\":'b', c}"}),
            ("q=\xfc", {"q": "ü"}),
            ("%71=x", {"q": "x"}),
        ],
    )
    def test_of_a_query_string_and_a_form(self, site: Site, sent: str, seen: Any) -> None:
        expected = {"operation": "show", **seen}
        assert told(site.send("GET", f"operation=show&{sent}")) == expected
        body = f"operation=show&{sent}".encode("latin-1")
        assert told(site.send("POST", data=body, content_type=FORM)) == expected
        assert told(site.send("POST", data=body)) == expected

    def test_of_both_the_body_counts(self, site: Site) -> None:
        found = told(site.send("POST", "operation=x&q=1&r=2", data=b"operation=show&q=3"))
        assert found == {"operation": "show", "q": "3", "r": "2"}

    def test_of_an_address_alone(self, site: Site) -> None:
        expected = {"operation": "show", "q": "1"}
        assert told(site.send("POST", "?&operation=show&q=1"))["q"] == "1"
        assert told(site.send("POST", "operation=show&q=1", data=b"")) == expected

    def test_a_body_of_another_method_is_not_read(self, site: Site) -> None:
        assert told(site.send("PUT", "operation=show", data=b"q=1")) == {"operation": "show"}

    @pytest.mark.parametrize("line", ["\r\n", "\n"])
    def test_of_a_multipart_form(self, site: Site, line: str) -> None:
        parts = [
            *('--B\nContent-Disposition: form-data; name="operation"\n\nshow\n',),
            *('--B\nContent-Disposition: form-data; name="q"\n\nü;&=\n',),
            '--B\nContent-Disposition: form-data; name="f"; filename="a.txt"\n',
            "Content-Type: text/plain\n\nbytes\n--B--\n",
        ]
        body = "".join(parts).replace("\n", line).encode()
        found = told(site.send("POST", data=body, content_type="multipart/form-data; boundary=B"))
        files = {"f": ["a.txt", "text/plain", "bytes"]}
        assert found == {"operation": "show", "q": "ü;&=", "files": files}

    @pytest.mark.parametrize("content", [b"--B\r\nContent", b"nothing"])
    def test_a_form_that_cannot_be_read(self, site: Site, content: bytes) -> None:
        kind = "multipart/form-data; boundary=B"
        assert told(site.send("POST", data=content, content_type=kind))[0] == "INVALID_REQUEST"

    def test_a_long_one(self, site: Site) -> None:
        value = "%25&x=y;" * 100_000
        body = f"operation=show&q={value.replace('&', '%26')}".encode()
        assert told(site.send("POST", data=body))["q"] == "%&x=y;" * 100_000

    def test_a_packed_body(self, site: Site) -> None:
        body = gzip.compress(b"operation=show&q=1")
        answer = site.send("POST", data=body, headers={"Content-Encoding": "gzip"})
        assert told(answer)["q"] == "1"

    def test_what_can_be_ignored(self, site: Site) -> None:
        assert told(site.send("GET", f"{CHALLENGE}&format=xml"))["token"]


@given(st.binary(max_size=40))
def test_any_bytes_are_a_text(content: bytes) -> None:
    unescaped(content).encode()


@given(st.text().filter(lambda text: "\0" not in text))
def test_what_python_writes_is_read(text: str) -> None:
    from urllib.parse import quote_plus  # noqa: PLC0415

    assert unescaped(quote_plus(text).encode()) == text


def test_json_is_as_php_writes_it() -> None:
    assert success({"a": '/ü\u2028😀"\\\n\x01', "b": [1, 1.5, True, None]}, {}) == (
        b'{"success":true,"result":{"a":"\\/\\u00fc\\u2028\\ud83d\\ude00\\"\\\\\\n\\u0001",'
        b'"b":[1,1.5,true,null]}}'
    )
    assert failure(Words("C", "<a & 'b'>")) == (
        b'{"success":false,"error":{"message":"<a & \'b\'>","code":"C"}}'
    )


@given(st.recursive(st.text() | st.integers() | st.none(), st.lists))
def test_json_is_json(value: Any) -> None:
    assert json.loads(encoded(value)) == value


def test_what_stands_beside_a_result(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    many = Operation("many", lambda _: Answer([], {"moreinfo": {"totalrows": 0}}))
    monkeypatch.setattr(exchange, "OPERATIONS", {**OPERATIONS, "many": many})
    answer = site.send("GET", f"operation=many&sessionName={site.session()}")
    assert answer.data == b'{"success":true,"result":[],"moreinfo":{"totalrows":0}}'


def test_answers_are_kept_by_no_cache(site: Site) -> None:
    for query in (CHALLENGE, "operation=x"):
        answer = site.send("GET", query)
        assert answer.headers["Cache-Control"].startswith("no-store")
        assert "Set-Cookie" not in answer.headers
        assert answer.data.startswith(b"{")


@pytest.mark.usefixtures("show")
@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [("gzip, deflate", True), ("gzip;q=0", False), ("identity", False), (None, False)],
)
def test_long_answers_are_packed_for_who_asks(
    site: Site, accepted: str | None, *, is_packed: bool
) -> None:
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    answer = site.send("GET", f"operation=show&q={'a' * 3000}", headers=headers)
    assert (answer.headers.get("Content-Encoding") == "gzip") == is_packed
    assert "Accept-Encoding" in answer.headers["Vary"]
    content = gzip.decompress(answer.data) if is_packed else answer.data
    assert json.loads(content)["result"]["q"] == "a" * 3000
    short = site.send("GET", "operation=show", headers=headers)
    assert "Content-Encoding" not in short.headers


def failing(site: Site, monkeypatch: pytest.MonkeyPatch, failure: Exception) -> TestResponse:
    def fail(_call: Call) -> None:
        raise failure

    table = {"fail": Operation("fail", fail, needs_session=False)}
    monkeypatch.setattr(exchange, "OPERATIONS", table)
    return site.send("GET", "operation=fail")


@pytest.mark.parametrize(
    ("failure", "status", "code", "message"),
    [
        (FAILURE, 503, "SERVICE_UNAVAILABLE", "The database does not answer. Please try"),
        (errors.ServerBusy("x"), 503, "SERVICE_UNAVAILABLE", "The server has too much to do. "),
        (errors.PacketTooLarge("x"), 413, "REQUEST_TOO_LARGE", "The request is longer than"),
        (errors.LoginThrottled("x"), 200, "INVALID_USER_CREDENTIALS", "Invalid username or pass"),
        (RuntimeError("s3cret"), 200, "INTERNAL_SERVER_ERROR", "Unknown Error while processing"),
    ],
    ids=lambda value: value.__class__.__name__ if isinstance(value, Exception) else None,
)
def test_what_was_not_carried_out(
    site: Site, monkeypatch: pytest.MonkeyPatch, failure, status, code, message
) -> None:
    answer = failing(site, monkeypatch, failure)
    assert (answer.status_code, answer.mimetype) == (status, "application/json")
    assert ("Retry-After" in answer.headers) == (status == 503)
    found = answer.json["error"]
    assert found["code"] == code
    assert found["message"].startswith(message)
    assert "s3cret" not in answer.text


def test_every_outcome_has_words() -> None:
    for kind in OutcomeKind:
        words = exchange.words_of_outcome(exchange.Outcome.of(kind, "Why."))
        assert words.code.isupper()
        assert words.message


def test_a_body_that_is_too_long(people_url: Any) -> None:
    url, keys = people_url
    with open_site(url, Clock(), keys, max_webservice_bytes=100) as site:
        assert told(site.send("POST", CHALLENGE, data=b"x" * 100))["token"]
        answer = site.send("POST", CHALLENGE, data=b"x" * 101)
        assert (answer.status_code, answer.json["success"]) == (413, False)
        assert answer.json["error"]["code"] == "REQUEST_TOO_LARGE"


def test_who_asks_by_another_host_is_told_so(people_url: Any) -> None:
    url, keys = people_url
    with open_site(url, Clock(), keys, allowed_hosts=("crm.example.com",)) as site:
        code, message = told(site.send("GET", CHALLENGE))
        assert code == "ACCESS_DENIED"
        assert message.startswith("This server does not serve the host name")


class TestOtherOrigins:
    """Pages of other sites, in browsers."""

    GOOD, BAD = "https://app.example.com", "https://evil.example"
    ASKED: ClassVar = {"Origin": GOOD, "Access-Control-Request-Method": "POST"}

    def test_are_not_let_in_by_default(self, site: Site) -> None:
        answer = site.send("GET", CHALLENGE, headers={"Origin": self.GOOD})
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
        assert told(site.send("OPTIONS", CHALLENGE, headers=self.ASKED))["token"]

    def test_are_let_in_by_a_setting(self, people_url: Any) -> None:
        url, keys = people_url
        with open_site(url, Clock(), keys, webservice_origins=(self.GOOD,)) as site:
            for query in (CHALLENGE, "operation=x"):
                answer = site.send("GET", query, headers={"Origin": self.GOOD})
                assert answer.headers["Access-Control-Allow-Origin"] == self.GOOD
                assert "Origin" in answer.headers["Vary"]
                assert "Access-Control-Allow-Credentials" not in answer.headers
            other = site.send("GET", CHALLENGE, headers={"Origin": self.BAD})
            assert "Access-Control-Allow-Origin" not in other.headers
            assert "Origin" in other.headers["Vary"]
            asked = site.send("OPTIONS", CHALLENGE, headers=self.ASKED)
            assert (asked.status_code, asked.data) == (204, b"")
            assert "corebos-authorization" in asked.headers["Access-Control-Allow-Headers"]
            refused = site.send("OPTIONS", "", headers={**self.ASKED, "Origin": self.BAD})
            assert "Access-Control-Allow-Methods" not in refused.headers


def operations(chosen: Callable[[Operation], bool]) -> pytest.MarkDecorator:
    """Operations of the table, each by its name."""
    found = [each for each in OPERATIONS.values() if chosen(each)]
    assert found
    return pytest.mark.parametrize("operation", found, ids=lambda each: each.name)


@operations(lambda _: True)
def test_an_operation_is_known_by_its_name(operation: Operation) -> None:
    assert OPERATIONS[operation.name.lower()] is operation


@operations(lambda each: each.needs_session)
def test_an_operation_needs_a_session(site: Site, operation: Operation) -> None:
    words = operation.without_session
    for call in (site.get, site.post):
        absent = call(operation.name)
        assert absent[0] == ("AUTHENTICATION_REQUIRED" if words is None else words.code)
        unknown = call(operation.name, sessionName="unknown")
        assert unknown[0] == ("INVALID_SESSIONID" if words is None else words.code)


@operations(lambda each: each.method is Method.POST)
def test_what_writes_does_so_by_no_method_but_its_own(site: Site, operation: Operation) -> None:
    session = site.session()
    before = site.execute("SELECT session_id FROM packetserver_session")
    for method in ("PUT", "OPTIONS", *(() if operation.also_by_get else ("GET",))):
        query = f"operation={operation.name}&sessionName={session}&username=admin&accessKey=x"
        assert site.send(method, query).json["success"] is False
    assert site.execute("SELECT session_id FROM packetserver_session") == before


@operations(lambda each: any(one.required for one in each.parameters))
def test_an_operation_says_what_lacks(site: Site, operation: Operation) -> None:
    words = next(each.required for each in operation.parameters if each.required is not None)
    found = site.post(operation.name, sessionName=site.session())
    assert found == (words.code, words.message)


class TestParametersOfOperations:
    """What the table makes of parameters, for operations that there may be."""

    OPERATION = Operation(
        "try",
        lambda call: [call["id"], call["element"]],
        Method.POST,
        (
            Parameter("id", required=denied_for("id"), also=("ID",)),
            Parameter("element", is_json=True),
        ),
    )

    @pytest.fixture(autouse=True)
    def known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(exchange, "OPERATIONS", {**OPERATIONS, "try": self.OPERATION})

    def test_by_their_names(self, site: Site) -> None:
        session = site.session()
        assert site.post("try", sessionName=session, id="1x2", element='{"a":1}') == [
            "1x2",
            {"a": 1},
        ]
        assert site.post("try", sessionName=session, ID="1x2") == ["1x2", None]

    @pytest.mark.parametrize("element", ["{", "NaN", "[" * 100_000, "x", "9" * 5000])
    def test_json_that_is_none(self, site: Site, element: str) -> None:
        found = site.post("try", sessionName=site.session(), id="1x2", element=element)
        assert found == ("INVALID_VALUE", "The value of element is not JSON")

    def test_where_one_lacks(self, site: Site) -> None:
        denied = ("ACCESS_DENIED", f"{DENIED.message} for id")
        session = site.session()
        assert site.post("try", sessionName=session) == denied
        assert site.post("try", sessionName=session, id="0") == denied
        # By GET parameters lack, as they did in the original.
        assert site.get("try", sessionName=session, id="1x2") == denied
        writes = replace(self.OPERATION, parameters=())
        assert writes.takes("POST")
        assert not any(writes.takes(method) for method in ("GET", "HEAD", "PUT", "OPTIONS"))


def test_one_login_as_it_is_on_the_wire(site: Site) -> None:
    token = site.token("admin")
    body = f"accessKey={md5(token + KEYS['admin'])}&operation=login&username=admin"
    answer = site.client.post(PATH, data=body, content_type=FORM)
    assert answer.data.startswith(b'{"success":false')
    answer = site.send("POST", data=body, content_type=FORM)
    assert answer.data.startswith(b'{"success":true,"result":{"sessionName":"')
