"""The packets that are measured: the server and the floor are given the very same bytes."""

from __future__ import annotations

from hashlib import md5

USER, PASSWORD = "bench", "bench"
MAPPED, UNMAPPED = 1, 2
"""Two sync clients: one has every record of the list, the other has none."""

CLIENT_CODE = "bench-code"
HOST = "127.0.0.1"
LAST_ANCHOR, NEXT_ANCHOR = "2024-01-01 00:00:00.0", "2024-01-02 00:00:00.0"

NUMBER = b"0000000000"
"""Stands in a packet where every sending of it has another number; as long as that is."""

LISTED_FIELDS = (
    *("id", "nameFirst", "nameLast", "company", "title"),
    *("orgName", "owner", "entered", "modified", "enabled"),
)
CONTACT = {
    "nameFirst": "Nora",
    "nameLast": "Miller & Sons",
    "company": "Harbour Works",
    "title": "Head of Stores",
    "notes": "Prefers to be called in the morning.",
    "accessType": "{access_type}",
}


def _user() -> str:
    # The protocol wants the MD5 of the password; it protects nothing here.
    code = md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()
    return f"<id>{HOST}</id><code>{code}</code><username>{USER}</username>"


def _client(client_id: int) -> str:
    anchors = f"<lastAnchor>{LAST_ANCHOR}</lastAnchor><nextAnchor>{NEXT_ANCHOR}</nextAnchor>"
    return f"<id>{HOST}</id><code>{CLIENT_CODE}</code><clientId>{client_id}</clientId>{anchors}"


def _packet(authentication: str, *transactions: str) -> bytes:
    system = "<systemId>4</systemId><encoding>UTF-8</encoding>"
    numbered = (f'<transaction id="{i}">{one}</transaction>' for i, one in enumerate(transactions))
    text = f"<authentication>{authentication}{system}</authentication>{''.join(numbered)}"
    return f'<?xml version="1.0" encoding="UTF-8"?><app>{text}</app>'.encode()


def _meta(*names: str) -> str:
    return f"<meta>{''.join(f'<property>{name}</property>' for name in names)}</meta>"


def _contact(access_type: int, **more: str) -> str:
    fields = CONTACT | {"accessType": str(access_type)} | more
    texts = (f"<{name}>{text.replace('&', '&amp;')}</{name}>" for name, text in fields.items())
    return f'<contact action="insert">{"".join(texts)}</contact>'


def account_insert() -> bytes:
    """One account, answered with its key, its name and when it was entered."""
    fields = "<name>Harbour Works</name><url>http://harbour.example</url><notes>Quay 4</notes>"
    account = f'<account action="insert">{fields}</account>'
    return _packet(_user(), _meta("orgId", "name", "entered") + account)


def account_select(key: int) -> bytes:
    """One account by its key."""
    account = f'<account action="select"><orgId>{key}</orgId></account>'
    return _packet(_user(), _meta("orgId", "name", "url", "notes", "entered", "owner") + account)


def account_updates(*keys: int) -> bytes:
    """Accounts that are changed one after the other, in one transaction."""
    item = '<account action="update"><orgId>{}</orgId><notes>Quay 5</notes></account>'
    return _packet(_user(), _meta("orgId") + "".join(item.format(key) for key in keys))


def contact_inserts(access_type: int, count: int) -> bytes:
    """Many contacts in one transaction; the answer shows the first."""
    return _packet(_user(), _meta("id", "nameLast") + _contact(access_type) * count)


def contact_list() -> bytes:
    """All contacts of the user, ten fields each."""
    return _packet(_user(), _meta(*LISTED_FIELDS) + '<contactList action="select"/>')


def client_insert(client_id: int, access_type: int) -> bytes:
    """A contact that a sync client has numbered; the number is left to be filled in."""
    contact = _contact(access_type, guid=NUMBER.decode())
    return _packet(_client(client_id), _meta("guid", "id") + contact)


def client_sync(client_id: int) -> bytes:
    """A client's session that finds nothing new among many records."""
    start = '<syncClient action="syncStart"/>'
    contacts = _meta("guid", *LISTED_FIELDS) + '<contactList action="sync"/>'
    return _packet(_client(client_id), start, contacts)


def client_first_sync() -> bytes:
    """The first session of a client that has nothing, up to its end."""
    start = '<syncClient action="syncStart"/>'
    contacts = _meta("guid", *LISTED_FIELDS) + '<contactList action="sync"/>'
    anchors = (LAST_ANCHOR, NEXT_ANCHOR)
    packet = _packet(_client(UNMAPPED), start, contacts)
    return packet.replace(f"<lastAnchor>{anchors[0]}</lastAnchor>".encode(), b"")
