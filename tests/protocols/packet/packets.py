"""Packets as text, and what the reader makes of them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import strategies as st

from packetserver.errors import PacketError
from packetserver.protocols.packet.builder import Limits
from packetserver.protocols.packet.packet import Packet, Property, Transaction
from packetserver.protocols.packet.reader import PacketReader

EXAMPLE = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<app>
  <authentication>
    <id>www.your-centriccrm-server.com</id>
    <systemId>4</systemId>
    <username>admin</username>
    <code>21232f297a57a5a743894a0e4a801fc3</code>
    <lastAnchor/><nextAnchor/>
  </authentication>
  <transaction id="1">
    <meta><property>id</property><property>name</property></meta>
    <account action="insert" shareKey="true">
      <name><![CDATA[Dark Horse <Ventures>]]></name>
      <owner lookup="user">17</owner>
      <notes/>
    </account>
  </transaction>
</app>"""


XML_TEXT = st.text(
    st.one_of(
        st.characters(
            min_codepoint=32, exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"
        ),
        st.sampled_from("\t\n<>&\"']"),
    )
)


def read(text: str | Iterable[str], limits: Limits | None = None) -> Packet:
    return PacketReader(limits or Limits()).read([text] if isinstance(text, str) else text)


def transaction(inner: str, attributes: str = "") -> Transaction:
    packet = read(f"<app><transaction {attributes}>{inner}</transaction></app>")
    assert len(packet.transactions) == 1
    return packet.transactions[0]


def properties(inner: str) -> tuple[Property, ...]:
    return transaction(f"<item>{inner}</item>").items[0].properties


def refusal(text: str | Iterable[str], limits: Limits | None = None) -> str:
    with pytest.raises(PacketError) as refused:
        read(text, limits)
    return refused.value.text
