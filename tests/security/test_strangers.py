"""Long packets of strangers: answered, counted and audited like short ones, but not read."""

from __future__ import annotations

import json

import pytest
from driving import ADMIN
from security.gate import open_gate
from sync.office import Clock

from packetserver.app import create_app
from packetserver.protocols.front.bodies import CHUNK_BYTES
from packetserver.protocols.packet.reader import PacketReader
from packetserver.settings import Settings

WHO = {
    "stranger": "<username>admin</username><code>{code}</code>",
    "nobody": "<username>no such name</username><code>{code}</code>",
    "client": "<clientId>77</clientId><code>{code}</code>",
    "nameless": "",
}
KNOWN = f"<username>admin</username><code>{ADMIN.code}</code>"
ITEMS = (
    "<transaction id='1'><meta><property>name</property></meta><account action='insert'>"
    "{}</account><user type='delete' action='x'><id>1</id></user></transaction>"
)
ORDERS = {
    "first": "<app>{who}{items}{rest}</app>",
    "last": "<app>{items}{rest}{who}</app>",
    "twice": "<app>{who}{items}{known}{rest}</app>",
}
LONG = 3 * CHUNK_BYTES
REST = "<transaction id='2'><account action='insert'>{}</account></transaction>"


class Server:
    """A server with an audit log on a prepared database."""

    def __init__(self, gate, path):
        self.gate = gate
        self.path = path
        settings = Settings(default_response_encoding="UTF-8")
        self.client = create_app(settings, gate.engine).test_client()

    def post(self, text):
        """The answer; the events of the audit log, and the failures that were counted by now."""
        self.path.unlink(missing_ok=True)
        response = self.client.post("/ProcessPacket.do", data=text.encode())
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        failures = sum(row["level"] for row in self.gate.counters())
        return (response.status_code, response.data), [json.loads(each) for each in lines], failures


@pytest.fixture
def server(prepared_database_url, tmp_path):
    path = tmp_path / "audit.log"
    with open_gate(prepared_database_url, Clock(), audit_log=path, login_failures=50) as gate:
        yield Server(gate, path)


def sender(who):
    return (
        f"<authentication><systemId>4</systemId><encoding>UTF-16</encoding>{who}</authentication>"
    )


def packet(order, who, names, code=0):
    filled = "<name>A</name>" * names
    return ORDERS[order].format(
        who=sender(who.replace("{code}", f"{code:032d}")), items=ITEMS.format("<name>A</name>"), rest=REST.format(filled),
        known=sender(KNOWN),
    )  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("who", WHO)
def test_a_long_packet_is_refused_like_a_short_one(server, monkeypatch, order, who) -> None:
    before = server.post(packet(order, WHO[who], 1))
    # The same code once more would be no new guess.
    long = packet(order, WHO[who], LONG // 14, code=1)
    assert len(long) > LONG
    monkeypatch.setattr(PacketReader, "read", lambda *_: pytest.fail("it is read to its end"))
    after = server.post(long)
    assert "Not authorized" in before[0][1].decode("utf-16")
    assert after[:2] == before[:2]
    (event,) = after[1]
    assert [each["object"] for each in event["items"]] == ["account", "user"]
    assert after[2] == pytest.approx(2 * before[2], abs=0.1)
    assert (before[2] > 0) is ("{code}" in WHO[who])


@pytest.mark.parametrize("order", ORDERS)
def test_a_long_packet_of_a_user_is_carried_out(server, order) -> None:
    deletion = "<user type='delete' action='x'><id>1</id></user>"
    text = packet(order, KNOWN, LONG // 14).replace(deletion, "")
    (status, body), events, failures = server.post(text)
    assert (status, failures) == (200, 0)
    assert body.decode("utf-16").count("<status>0</status>") == 2
    assert events == []


def test_what_is_wrong_with_a_long_packet_is_told_to_users_only(server) -> None:
    wrong = packet("first", KNOWN, LONG // 14).replace("</app>", "</wrong>")
    (_, body), _, _ = server.post(wrong)
    assert "not closed by its own end tag" in body.decode("utf-16")
    (_, body), _, _ = server.post(wrong.replace(KNOWN, WHO["stranger"]))
    assert "Not authorized" in body.decode("utf-16")
    # Who it is from cannot be read before it is wrong.
    early = wrong.replace("<app>", "<app><a></b>").replace(KNOWN, WHO["stranger"])
    (_, body), _, _ = server.post(early)
    assert "not closed by its own end tag" in body.decode("utf-8")


def test_a_stranger_is_throttled_by_long_packets_as_by_short_ones(prepared_database_url, tmp_path):
    path = tmp_path / "audit.log"
    with open_gate(prepared_database_url, Clock(), audit_log=path, login_failures=2) as gate:
        server = Server(gate, path)
        packets = [packet("first", WHO["stranger"], LONG // 14, code=code) for code in range(4)]
        outcomes = [server.post(each)[1][0]["outcome"] for each in packets]
    assert outcomes == ["not authorized"] * 2 + ["throttled"] * 2
