"""Looks over a packet, a package or an answer before it is sent: README.md, Send a packet.

lxml holds the document against the RELAX NG schemas, and the catalogue says what its names may be.
Nothing is sent and no database is asked. The server itself reads with another parser, and more
leniently (docs/decisions/parser.md).
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from xml.parsers import expat
from zoneinfo import ZoneInfo

from lxml import etree

from packetserver.catalogue.model import Field, Filter, ObjectType, Target
from packetserver.catalogue.types import FieldType
from packetserver.errors import PacketError, ValueNotOfType
from packetserver.protocols.packet.actions import ACTIONS, NAMED_INSERTS
from packetserver.protocols.packet.decoding import DecodedBody
from packetserver.protocols.packet.meta import read_meta
from packetserver.protocols.packet.names import MARKER, OWN_TABLE_INPUTS, KnownNames, known_names
from packetserver.protocols.packet.transactions import SYSTEM_ELEMENT
from packetserver.store.schema import Schema

SHAPES = {"packet": "request.rng", "package": "package.rng", "answer": "response.rng"}
"""What a document can be, and the schema of each."""

ANY_ZONE = ZoneInfo("UTC")
"""Whether a text is a time does not depend on the zone that it is read in."""

NO_TYPE = "A packet may not have a document type"

CONSEQUENCES = frozenset(
    f"RELAXNG_ERR_{name}" for name in ("CONTENTVALID", "EXTRACONTENT", "INTERSEQ", "NOELEM")
)
"""What libxml2 also says of an element, or of one beside it, where something within is wrong."""

WRITTEN_BESIDE = frozenset({"offline"})
"""Fields that the server itself writes into packages, and that no object has."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong, and where: line and column count from 1, the element is the nearest one."""

    line: int
    column: int
    element: str
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a document turned out to be, a word of SHAPES, and its faults in their order."""

    shape: str
    faults: tuple[Fault, ...]


def check_document(content: bytes, schema: Schema) -> Checked:
    """Look over a document; what cannot even be read is a fault as well."""
    body = DecodedBody([content])
    try:
        for _ in body.texts():
            pass
    except PacketError as error:
        return Checked("packet", (Fault(1, 1, "", str(error)),))
    # What stands before the packet is skipped by the server, but counts for the line.
    document = _Document(content.decode(body.encoding.codec or "utf-8"))
    if document.root is None:
        return Checked("packet", tuple(document.faults))
    shape = _shape(document.root)
    faults = {*document.faults, *_misshapen(document, shape)}
    if shape == "packet":
        faults.update(_packet_faults(document, document.root, schema))
    elif shape == "package":
        faults.update(_package_faults(document, document.root, schema))
    return Checked(shape, tuple(sorted(faults)))


class _Document:
    """A parsed document that knows where each of its elements begins."""

    def __init__(self, text: str) -> None:
        self.faults: list[Fault] = []
        begin = text.lstrip("\ufeff \t\r\n")
        self._skipped = text[: len(text) - len(begin)].count("\n")
        content = begin.encode("utf-8", "surrogatepass")
        self.root = self._parsed(content)
        found = [] if self.root is None else list(self.root.iter("*"))
        starts, has_type = _outline(content)
        self._places = dict(zip(found, starts, strict=False))
        if has_type:
            self.faults.append(Fault(1 + self._skipped, 1, "", NO_TYPE))

    def _parsed(self, content: bytes) -> etree._Element | None:
        parser = etree.XMLParser(
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            root = etree.fromstring(content, parser)
        except etree.XMLSyntaxError as error:
            line, column = error.position
            said = str(error.msg).partition(", line ")[0]
            self.faults.append(Fault(line + self._skipped, column, "", said))
            return None
        return root

    def fault(self, element: etree._Element, text: str) -> Fault:
        """A fault at the start of an element."""
        line, column = self._places.get(element, (1, 1))
        return Fault(line + self._skipped, column, _name(element), text)

    def at(self, path: str | None) -> etree._Element | None:
        """The element of a path that libxml2 has named."""
        found = self.root.xpath(path) if self.root is not None and path else []
        first = found[0] if isinstance(found, list) and found else None
        return first if isinstance(first, etree._Element) else self.root  # noqa: SLF001 - its type


def _outline(content: bytes) -> tuple[list[tuple[int, int]], bool]:
    """Line and column of every start tag in their order, and whether there is a document type.

    lxml knows no columns. Where expat stops, libxml2 has said why.
    """
    starts: list[tuple[int, int]] = []
    types: list[object] = []
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = lambda *_: starts.append(
        (parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)
    )
    parser.StartDoctypeDeclHandler = lambda *found: types.append(found)
    with contextlib.suppress(expat.ExpatError):
        parser.Parse(content, True)  # noqa: FBT003 - expat takes no keywords
    return starts, bool(types)


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname


def _shape(root: etree._Element) -> str:
    children = {_name(each) for each in root}
    if _name(root) == "aspcfs" and "response" in children:
        return "answer"
    if _name(root) == "aspcfs" and not children & {"authentication", "transaction"}:
        return "package"
    return "packet"


@cache
def _relax_ng(shape: str) -> etree.RelaxNG:
    file = resources.files("packetserver.schemas").joinpath("packet", SHAPES[shape])
    return etree.RelaxNG(etree.fromstring(file.read_bytes()))


def _misshapen(document: _Document, shape: str) -> Iterator[Fault]:
    schema = _relax_ng(shape)
    if document.root is None or schema.validate(document.root):
        return
    told: list[str] = []
    for each in schema.error_log:
        path = each.path or ""
        above = path.rpartition("/")[0]
        if each.type_name in CONSEQUENCES and any(one.startswith(above) for one in told):
            continue
        told.append(path)
        element = document.at(path)
        if element is not None:
            yield document.fault(element, each.message)


def _packet_faults(document: _Document, root: etree._Element, schema: Schema) -> Iterator[Fault]:
    for each in root:
        if _name(each) == "authentication":
            if not any(_name(child) == "systemId" for child in each):
                yield document.fault(each, "systemId is missing: 4 names the objects of the CRM")
        elif _name(each) == "transaction":
            yield from _transaction_faults(document, each, schema)


def _transaction_faults(
    document: _Document, transaction: etree._Element, schema: Schema
) -> Iterator[Fault]:
    metas = [each for each in transaction if _name(each) == "meta"]
    items = [each for each in transaction if _name(each) != "meta"]
    for each in items:
        yield from _item_faults(document, each, schema)
    first = _target(schema, _name(items[0])) if items else None
    if first is not None and first.object.table is not None:
        for meta in metas:
            yield from _meta_faults(document, meta, first.object, schema)


def _item_faults(document: _Document, item: etree._Element, schema: Schema) -> Iterator[Fault]:
    target = _target(schema, _name(item))
    if target is None:
        yield document.fault(item, _unknown("object", _name(item), schema.catalogue.targets))
        return
    action = item.get("type") or item.get("action") or ""
    actions = _actions(target.object)
    if not action:
        yield document.fault(item, "no attribute action says what to do with it")
    elif action not in actions:
        yield document.fault(item, _unknown("action", action, actions))
    known = known_names(schema, target.object.element, is_list=target.is_list)
    for each in item:
        name = _name(each)
        text = each.text if each.get("lookup") is None else None
        yield from _property_faults(document, each, (name, text), target, known)


def _property_faults(
    document: _Document,
    element: etree._Element,
    sent: tuple[str, str | None],
    target: Target,
    known: KnownNames,
) -> Iterator[Fault]:
    """What is wrong with a property: its name, or a text that is not of its type."""
    name, text = sent
    own = known.spellings.get(name)
    if own is None:
        kind = "filter" if target.is_list else "field"
        yield document.fault(element, _unknown(kind, name, known.offered))
        return
    if not text or MARKER.search(text) or own in OWN_TABLE_INPUTS:
        return
    described = target.object
    read: Filter | Field | None = described.filter(own) if target.is_list else described.field(own)
    if read is not None:
        reason = _misread(read.type, text)
        if reason is not None:
            place = "" if _name(element) == name else f"{name}: "
            yield document.fault(element, f"{place}{reason}")


def _misread(kind: FieldType, text: str) -> str | None:
    try:
        kind.read(text, ANY_ZONE)
    except ValueNotOfType as error:
        return error.reason
    return None


def _meta_faults(
    document: _Document, meta: etree._Element, described: ObjectType, schema: Schema
) -> Iterator[Fault]:
    by_name: dict[str, etree._Element] = {each.text or "": each for each in meta}
    for name in read_meta(schema, described.element, tuple(by_name)).unknown:
        if name in by_name:
            text = _unknown("meta property", name, (*described.fields, *described.aliases))
            yield document.fault(by_name[name], text)


def _package_faults(document: _Document, root: etree._Element, schema: Schema) -> Iterator[Fault]:
    records = [each for each in root.iter("*") if _name(each) == "dataRecord"]
    if not records:
        yield document.fault(root, "The package holds no record")
    for record in records:
        name = record.get("name", "")
        target = schema.catalogue.target(name)
        if target is None:
            yield document.fault(record, _unknown("object", name, schema.catalogue.targets))
            continue
        known = known_names(schema, target.object.element, is_list=target.is_list)
        for each in record:
            sent = each.get("alias") or each.get("name") or ""
            if sent in WRITTEN_BESIDE:
                continue
            text = each.text if each.get("valueLookup") is None else None
            yield from _property_faults(document, each, (sent, text), target, known)


def _target(schema: Schema, element: str) -> Target | None:
    return schema.catalogue.target("syncClient" if element == SYSTEM_ELEMENT else element)


def _actions(described: ObjectType) -> Mapping[str, object]:
    named = {name: None for element, name in NAMED_INSERTS if element == described.element}
    return {**ACTIONS, **named}


def _unknown(kind: str, name: str, known: Collection[str] | Iterable[str]) -> str:
    by_letters = {each.lower(): each for each in sorted(known)}
    found = difflib.get_close_matches(name.lower(), by_letters, n=1, cutoff=0.5)
    hint = f", did you mean {by_letters[found[0]]}?" if found else ""
    return f"the {kind} {name} is unknown{hint}"
