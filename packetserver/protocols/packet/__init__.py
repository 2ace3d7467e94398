"""The XML packet protocol of /ProcessPacket.do (the protocol page; PROTOCOL.md 1)."""
