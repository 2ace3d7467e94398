"""Packed bodies: what is read of them at every address, and what is refused before it is large."""

from __future__ import annotations

import gzip
import io
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from driving import HOST
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from protocols.packet.exchanges import (
    PATH,
    UTF_8_PACKET,
    EchoEngine,
    client_of,
    error_of,
    name_in,
    post,
)
from protocols.packet.packing_client import BOUNDARY, Desk, open_desk, package_xml, zipped
from werkzeug.test import TestResponse

from databases import Databases
from packetserver.errors import PacketCodingUnknown, PacketError, PacketPackedTooTightly
from packetserver.protocols.front.content_coding import (
    CHUNK_BYTES,
    LARGEST_RATIO,
    MOST_MEMBERS,
    unpacker_of,
)
from packetserver.records.opening import load_schema

ONE_NAME = "Zoë & Łódź"
NAMES = ("gzip", "GZip", "x-gzip", " gzip ", "gzip, identity", "identity,gzip", "gzip,")


def raw_deflate(content: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(content) + packing.flush()


def in_members(content: bytes) -> bytes:
    half = len(content) // 2
    return gzip.compress(content[:half]) + gzip.compress(b"") + gzip.compress(content[half:])


def with_every_header_field(content: bytes) -> bytes:
    """A gzip whose header has all that it may have, and its checksum."""
    head = b"\x1f\x8b\x08\x1f" + b"\0" * 6
    head += b"\x05\0extra" + b"a file's name\0" + b"a comment\0"
    head += (zlib.crc32(head) & 0xFFFF).to_bytes(2, "little")
    return head + gzip.compress(content)[10:]


PACKINGS: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    *((name, gzip.compress) for name in NAMES),
    ("gzip", in_members),
    ("gzip", with_every_header_field),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("Deflate", lambda content: zlib.compress(content, 0)),
    ("identity", bytes),
    ("", bytes),
    (" , identity", bytes),
)


def unpacked(coding: str, chunks: list[bytes]) -> bytes:
    unpacker = unpacker_of(coding)
    return b"".join(chunks if unpacker is None else unpacker(iter(chunks)))


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


@pytest.mark.parametrize(("coding", "pack"), PACKINGS)
def test_a_packed_packet_is_read(engine: EchoEngine, coding: str, pack) -> None:
    body = pack(UTF_8_PACKET)
    response = post(client_of(engine), body, headers={"Content-Encoding": coding})
    assert name_in(response) == ONE_NAME


def test_a_packed_form_is_read(client: FlaskClient) -> None:
    body = gzip.compress(b"x=1&data=" + UTF_8_PACKET.replace(b"&", b"%26"))
    response = client.post(
        PATH,
        data=body,
        content_type="application/x-www-form-urlencoded",
        headers={"Content-Encoding": "gzip"},
    )
    assert name_in(response) == ONE_NAME


@given(
    content=st.binary(max_size=2000) | st.integers(0, 300_000).map(lambda n: b"ab" * n),
    size=st.integers(1, 5000),
    packing=st.sampled_from(PACKINGS),
)
def test_whatever_is_packed_is_unpacked_however_it_arrives(content, size, packing) -> None:
    coding, pack = packing
    packed = pack(content)
    # Bytes one by one are for short bodies.
    assert unpacked(coding, cut(packed, max(size, len(packed) // 2000 + 1))) == content


@given(
    content=st.binary(max_size=200),
    place=st.integers(0, 10_000),
    change=st.integers(0, 255),
    end=st.integers(0, 10_000),
)
def test_a_damaged_gzip_is_judged_as_another_program_judges_it(content, place, change, end) -> None:
    damaged = bytearray(gzip.compress(content))
    damaged[place % len(damaged)] ^= change
    del damaged[max(end, 1) :]
    try:
        expected = gzip.decompress(bytes(damaged))
    except (OSError, EOFError, zlib.error):
        with pytest.raises(PacketError):
            unpacked("gzip", cut(bytes(damaged), 7))
        return
    try:
        assert unpacked("gzip", cut(bytes(damaged), 7)) == expected
    except PacketError:
        # Python's reader passes over the checksum of the header, and over flags that mean nothing.
        assert damaged[3] & 0xE2


REFUSED = {
    "nothing of the kind": UTF_8_PACKET,
    "cut short": gzip.compress(UTF_8_PACKET)[:-1],
    "without its end": gzip.compress(UTF_8_PACKET)[:-8],
    "only a header": gzip.compress(b"")[:10],
    "one byte": b"\x1f",
    "something behind": gzip.compress(UTF_8_PACKET) + b"<app/>",
    "zeros behind": gzip.compress(UTF_8_PACKET) + b"\0" * 20,
    "another length": gzip.compress(UTF_8_PACKET)[:-4] + b"\0\0\0\0",
    "another checksum": gzip.compress(UTF_8_PACKET)[:-8] + b"\0" * 8,
    "an unknown method": b"\x1f\x8b\x09" + gzip.compress(UTF_8_PACKET)[3:],
    "unknown flags": b"\x1f\x8b\x08\xe0" + gzip.compress(UTF_8_PACKET)[4:],
    "a name that never ends": b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"n" * 300_000,
    "extra bytes that are not there": b"\x1f\x8b\x08\x04" + b"\0" * 6 + b"\xff\xffextra",
    "zlib instead": zlib.compress(UTF_8_PACKET),
    "a second part that is none": gzip.compress(UTF_8_PACKET[:9]) + UTF_8_PACKET[9:],
    "too many parts": gzip.compress(b"") * (MOST_MEMBERS + 1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_gzip_is_refused(engine: EchoEngine, name: str) -> None:
    response = post(client_of(engine), REFUSED[name], headers={"Content-Encoding": "gzip"})
    told = error_of(response)
    assert told == "Error: The body of the request is no whole gzip, as its header says"
    assert not engine.calls


NO_DEFLATE = {
    "nothing of the kind": UTF_8_PACKET,
    "gzip instead": gzip.compress(UTF_8_PACKET),
    "cut short": zlib.compress(UTF_8_PACKET)[:-1],
    "something behind": zlib.compress(UTF_8_PACKET) + b"x",
    "cut short, and without a header": raw_deflate(UTF_8_PACKET)[:-1],
    "twice": zlib.compress(UTF_8_PACKET) * 2,
    "a dictionary that nobody has": b"\x78\xbb" + b"\0" * 20,
    "one byte": b"x",
}


@pytest.mark.parametrize("name", NO_DEFLATE)
def test_what_is_no_deflate_is_refused(engine: EchoEngine, name: str) -> None:
    response = post(client_of(engine), NO_DEFLATE[name], headers={"Content-Encoding": "deflate"})
    told = error_of(response)
    assert told == "Error: The body of the request is no whole deflate, as its header says"
    assert not engine.calls


@pytest.mark.parametrize("coding", ["gzip", "deflate", "identity"])
def test_an_empty_body_is_an_empty_packet(client: FlaskClient, coding: str) -> None:
    response = post(client, b"", headers={"Content-Encoding": coding})
    assert error_of(response) == "Error: The packet is empty"


CODINGS = (
    "br",
    "zstd",
    "compress",
    "gzip, gzip",
    "deflate, gzip",
    "gzip;q=1",
    "g\xe4zip",
    "x" * 900,
)


@pytest.mark.parametrize("coding", CODINGS)
def test_other_codings_are_refused(engine: EchoEngine, coding: str) -> None:
    body = io.BytesIO(gzip.compress(UTF_8_PACKET))
    response = client_of(engine).post(
        PATH,
        input_stream=body,
        content_length=len(body.getvalue()),
        content_type="text/xml",
        headers={"Content-Encoding": coding},
    )
    told = error_of(response, 415)
    assert told.startswith(f"Error: The body is packed as {coding.lower()[:60]}: ")
    assert len(told) < 200
    assert body.read() == b"", "it was heard out"
    assert not engine.calls


def test_several_headers_are_several_codings(client: FlaskClient) -> None:
    headers = [("Content-Encoding", "gzip"), ("Content-Encoding", "gzip")]
    assert error_of(post(client, b"x", headers=headers), 415)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_the_limit_is_one_of_the_unpacked_packet(engine: EchoEngine, coding: str) -> None:
    pack = gzip.compress if coding == "gzip" else zlib.compress
    client = client_of(engine, max_body_bytes=100_000)
    fitting = UTF_8_PACKET + b" " * (100_000 - len(UTF_8_PACKET))
    headers = {"Content-Encoding": coding}
    assert name_in(post(client, pack(fitting), headers=headers)) == ONE_NAME
    response = post(client, pack(fitting + b" "), headers=headers)
    assert "longer than the 100000 bytes" in error_of(response, 413)
    assert response.mimetype_params["charset"] == "UTF-8"
    assert len(engine.calls) == 1
    # Noise becomes longer when it is packed.
    noise = random.Random(1).randbytes(100_001)
    assert error_of(post(client, pack(noise), headers=headers), 413)


def bomb_of(form: int) -> Iterator[bytes]:
    """Gigabytes of blanks, packed as tightly as can be, for as long as somebody reads them."""
    packing = zlib.compressobj(9, zlib.DEFLATED, form)
    block = packing.compress(b" " * 2**20) + packing.flush(zlib.Z_FULL_FLUSH)
    yield block
    second = packing.compress(b" " * 2**20) + packing.flush(zlib.Z_FULL_FLUSH)
    while True:
        yield second


@pytest.mark.parametrize(
    ("coding", "form"),
    [("gzip", 31), ("deflate", zlib.MAX_WBITS), ("deflate", -zlib.MAX_WBITS)],
)
def test_a_bomb_is_never_unpacked_beyond_the_bound(coding: str, form: int) -> None:
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for chunk in bomb_of(form):
            taken += len(chunk)
            yield chunk

    def unpack_all() -> None:
        nonlocal given_out
        for piece in unpacker(counted()):
            assert len(piece) <= CHUNK_BYTES
            given_out += len(piece)

    unpacker = unpacker_of(coding)
    assert unpacker is not None
    given_out = 0
    with pytest.raises(PacketPackedTooTightly):
        unpack_all()
    assert taken < 2 * CHUNK_BYTES
    assert given_out <= LARGEST_RATIO * CHUNK_BYTES


def test_a_bomb_in_many_parts_is_refused() -> None:
    part = gzip.compress(b" " * 2**20)
    with pytest.raises(PacketPackedTooTightly):
        unpacked("gzip", [part] * 1000)


def test_a_bomb_is_answered_like_a_body_that_is_too_long(engine: EchoEngine) -> None:
    bomb = gzip.compress(UTF_8_PACKET + b" " * 30_000_000)
    response = post(client_of(engine), bomb, headers={"Content-Encoding": "gzip"})
    told = error_of(response, 413)
    assert told == "Error: The body becomes more than 250 times as long when it is unpacked"
    assert response.mimetype_params["charset"] == "UTF-8"
    assert not engine.calls


def test_what_repeats_itself_a_lot_is_no_bomb(engine: EchoEngine) -> None:
    """A list of records that are all alike is as tight as a genuine packet can be."""
    items = b'<account action="insert"><name>Zo&#235;</name></account>' * 100_000
    packet = UTF_8_PACKET.replace(b"</transaction>", items + b"</transaction>")
    packed = gzip.compress(packet)
    assert len(packet) > 200 * len(packed)
    assert name_in(post(client_of(engine), packed, headers={"Content-Encoding": "gzip"}))


def test_unknown_codings_have_an_error_of_their_own() -> None:
    with pytest.raises(PacketCodingUnknown):
        unpacker_of("br")


@pytest.fixture(scope="module")
def desk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("files")
    with databases.prepared("sqlite") as url, open_desk(url, load_schema(), folder) as opened:
        yield opened


def form(name: str, content: bytes) -> bytes:
    """A form of a sync client with a file."""
    fields = {"username": "", "clientId": "1", "code": "secret1", "id": HOST, "subject": "s"}
    parts = [
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{each}"\r\n\r\n{text}\r\n'
        for each, text in {**fields, "systemId": "4"}.items()
    ]
    file = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"; filename="f"\r\n\r\n'
    return "".join((*parts, file)).encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def sent(desk: Desk, path: str, body: bytes, coding: str = "gzip") -> TestResponse:
    return desk.client.post(
        path,
        data=body,
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
        headers={"Host": HOST, "Content-Encoding": coding},
    )


def test_a_packed_package_is_stored(desk: Desk) -> None:
    xml = package_xml(("account", "insert", [('id alias="guid"', "1"), ("name", "Packed")]))
    body = form("clientSyncPackage", zipped(("a", xml)))
    path = "/ProcessClientSyncPackage.do"
    assert sent(desk, path, gzip.compress(body)).text == "The package is stored: 1 records.\n"
    assert desk.packing.office.rows("organization", name="Packed")
    refused = sent(desk, path, gzip.compress(body), "br")
    assert (refused.status_code, refused.text[:29]) == (415, "Error: The body is packed as ")
    bomb = sent(desk, path, gzip.compress(form("clientSyncPackage", b" " * 40_000_000)))
    assert (bomb.status_code, "250 times" in bomb.text) == (413, True)
    assert desk.packing.files() == []


def test_a_packed_document_is_stored(desk: Desk) -> None:
    path, body = "/ProcessDocument.do", form("file1", b"x" * 1000)
    # Who sends it, and what it belongs to, is looked at only once the form is read.
    plain = sent(desk, path, body, "identity").text
    assert sent(desk, path, gzip.compress(body)).text == plain
    refused = sent(desk, path, gzip.compress(body), "br")
    assert (refused.status_code, "The body is packed as br" in refused.text) == (415, True)
    bomb = sent(desk, path, gzip.compress(form("file1", b" " * 40_000_000)))
    assert (bomb.status_code, "250 times" in bomb.text) == (413, True)
    assert desk.packing.files() == []


def test_a_packed_request_for_a_package_is_read(desk: Desk) -> None:
    path = "/ProcessSyncPackageDownload.do"
    headers = {"Content-Encoding": "br", "Host": HOST}
    response = desk.client.post(path, data=b"x", content_type="text/xml", headers=headers)
    assert (response.status_code, response.data) == (415, b"")
    rows = desk.packing.office.rows
    element = {"element_name": "processSyncPackageDownload"}
    assert rows("sync_transaction_log", **element) == []
    packet = (
        f"<app><authentication><id>{HOST}</id><code>secret1</code><clientId>1</clientId>"
        "<systemId>4</systemId></authentication></app>"
    )
    headers = {**headers, "Content-Encoding": "gzip"}
    body = gzip.compress(packet.encode())
    response = desk.client.post(path, data=body, content_type="text/xml", headers=headers)
    assert (response.status_code, response.data) == (200, b"")
    assert len(rows("sync_transaction_log", **element)) == 1
