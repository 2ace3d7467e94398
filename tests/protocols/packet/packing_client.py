"""An office with packages, reached over HTTP as the shipped clients reach it."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from driving import HOST
from flask.testing import FlaskClient
from sync.packing import Packing, open_packing
from werkzeug.test import TestResponse

from packetserver.app import create_app
from packetserver.settings import Settings
from packetserver.store.schema import Schema

DOWNLOAD = "/ProcessSyncPackageDownload.do"
UPLOAD = "/ProcessPacket.do/ProcessClientSyncPackage.do"
BOUNDARY = "---------------------------7d226f700d0"
ADMIN_CODE = "21232f297a57a5a743894a0e4a801fc3"
OWN = {"username": "admin", "clientId": "2", "code": ADMIN_CODE}
"""The shipped client: a user, by way of the client that is his."""

Record = tuple[str, str, Sequence[tuple[str, str]]]
"""Element, action, and fields: names with further attributes behind blanks, and texts."""


@dataclass
class Desk:
    packing: Packing
    client: FlaskClient

    def download(self, credentials: dict[str, str], **headers: str) -> TestResponse:
        """Ask for a package; keyword names are headers with underscores."""
        sent = "".join(f"<{name}>{text}</{name}>" for name, text in credentials.items())
        packet = (
            f"<app><authentication><id>{HOST}</id><systemId>4</systemId>{sent}</authentication>"
            '<transaction id="1"><processSyncPackageDownload action="execute"/></transaction></app>'
        )
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        given["Host"] = HOST
        return self.client.post(DOWNLOAD, data=packet.encode(), headers=given, buffered=True)

    def upload(self, content: bytes, **changed: str) -> TestResponse:
        """Send a package in the form of the shipped client."""
        fields = {**OWN, "lastAnchor": "", "nextAnchor": "", **changed}
        body = b"".join(_field(name, text) for name, text in fields.items())
        body += (
            f"--{BOUNDARY}\r\ncontent-disposition: form-data; "
            'name="clientSyncPackage"; filename="C:\\offline\\..\\sync.zip"\r\n'
            "content-type: application/octet-stream\r\n\r\n"
        ).encode()
        body += content + f"\r\n--{BOUNDARY}\r\n".encode()
        return self.client.post(
            UPLOAD,
            data=body,
            content_type=f"multipart/form-data; boundary={BOUNDARY}",
            headers={"Host": HOST},
        )


def _field(name: str, text: str) -> bytes:
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n'
    return f"{head}{text}\r\n".encode()


def package_xml(*records: Record) -> bytes:
    """The XML of a package; a name may be followed by further attributes."""
    pieces = []
    for element, action, fields in records:
        inner = "".join(_data_field(name, text) for name, text in fields)
        pieces.append(
            f"<dataRecord name={quoteattr(element)} action={quoteattr(action)}"
            f' shareKey="false">{inner}</dataRecord>'
        )
    return f"<aspcfs><cfsdata>{''.join(pieces)}</cfsdata></aspcfs>".encode()


def _data_field(name: str, text: str) -> str:
    first, _, rest = name.partition(" ")
    return f'<dataField name="{first}" {rest}>{escape(text)}</dataField>'


def zipped(*files: tuple[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return content.getvalue()


def package(*records: Record) -> bytes:
    return zipped(("../../etc/20260101-1", package_xml(*records)))


@contextlib.contextmanager
def open_desk(url: str, schema: Schema, folder: Path, **settings: object) -> Iterator[Desk]:
    with open_packing(url, schema, folder) as packing:
        given = Settings(database_url=url, file_library=folder, **settings)
        yield Desk(packing, create_app(given, packing.office.engine).test_client())
