"""`packetserver check`: where a fault lies, and what was meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from packetserver.cli import main
from packetserver.cli.examples import example_packets
from packetserver.protocols.packet.check import Checked, check_document
from packetserver.records.opening import load_schema

SCHEMA = load_schema()
BRACES = re.compile(r"(?<!\$C)\{[^{}]*\}")
OBJECTS = [pytest.param(each, id=each.element) for each in SCHEMA.catalogue.objects.values()]
CREDENTIALS = "<authentication><systemId>4</systemId></authentication>"
HERE = Path(__file__).parent
REPORTS = HERE.parents[1] / "reports" / "packets"


def check(text: str | bytes) -> Checked:
    return check_document(text.encode() if isinstance(text, str) else text, SCHEMA)


def packet(*items: str, meta: str = "") -> str:
    """A packet whose items begin on the third line."""
    inner = "\n".join(items)
    return f"<app>{CREDENTIALS}\n<transaction id='1'><meta>{meta}</meta>\n{inner}\n</transaction></app>"


def told(found: Checked) -> list[tuple[int, int, str, str]]:
    return [(each.line, each.column, each.element, each.text) for each in found.faults]


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        (
            packet("<account action='insert'><nmae>x</nmae></account>"),
            [(3, 26, "nmae", "the field nmae is unknown, did you mean name?")],
        ),
        (
            packet("<accountList action='select'><acountName>x</acountName></accountList>"),
            [(3, 30, "acountName", "the filter acountName is unknown, did you mean accountName?")],
        ),
        (
            packet("<accountList action='select'/>", meta="<property>orgld</property>"),
            [(2, 27, "property", "the meta property orgld is unknown, did you mean orgId?")],
        ),
        (
            packet("<acount action='insert'/>"),
            [(3, 1, "acount", "the object acount is unknown, did you mean account?")],
        ),
        (
            packet("<account action='insrt'/>"),
            [(3, 1, "account", "the action insrt is unknown, did you mean insert?")],
        ),
        (
            packet("<account action='insert'><owner>Ann</owner></account>"),
            [(3, 26, "owner", "not an integer")],
        ),
        (
            packet("<account action='insert'><name>a<b/></name></account>"),
            [(3, 33, "b", "Element name has extra content: b")],
        ),
        (packet("<account action='insert'><owner>$C{user.id}</owner></account>"), []),
        (packet("<account action='insert'><Name>x</Name></account>"), []),
        ("\n\n " + packet("<acount action='insert'/>"), [(5, 1, "acount", "the object acount is unknown, did you mean account?")]),
    ],
)  # fmt: skip
def test_a_packet(document: str, faults: list[tuple[int, int, str, str]]) -> None:
    found = check(document)
    assert (found.shape, told(found)) == ("packet", faults)


def test_what_is_missing_is_said() -> None:
    found = check("<app><authentication/><transaction><account/></transaction></app>")
    texts = [each.text for each in found.faults]
    assert "systemId is missing: 4 names the objects of the CRM" in texts
    assert "no attribute action says what to do with it" in texts


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "utf-16-le"])
def test_every_encoding_that_the_server_reads(encoding: str) -> None:
    declared = "" if encoding == "utf-16-le" else f"<?xml version='1.0' encoding='{encoding}'?>\n"
    text = declared + packet("<account action='insert'><name>Grün</name><nmae>x</nmae></account>")
    (fault,) = check(text.encode(encoding)).faults
    assert (fault.element, fault.column) == ("nmae", 43)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (b"", "Document is empty"),
        (b"<app>", "Premature end"),
        (b"<app></aap>", "Opening and ending tag mismatch"),
        (b"<?xml version='1.0' encoding='nonsense'?><app/>", "unknown encoding: nonsense"),
        (b"<?xml version='1.0' encoding='utf-8'?><app>\xff</app>", "bytes that are not UTF-8"),
    ],
)
def test_what_is_no_document(document: bytes, text: str) -> None:
    (fault,) = check(document).faults
    assert text in fault.text


def test_a_document_type_is_refused_and_nothing_of_it_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("geheim")
    named = f"<!DOCTYPE app [<!ENTITY e SYSTEM '{secret.as_uri()}'>]>"
    found = check(named + packet("<account action='insert'><name>&e;</name></account>"))
    assert "A packet may not have a document type" in [each.text for each in found.faults]
    assert "geheim" not in str(found)


@pytest.mark.parametrize("described", OBJECTS)
def test_every_example_of_the_reference_has_no_fault(described) -> None:
    for _, lines in example_packets(described):
        # What stands in braces is the reader's to fill in.
        filled = BRACES.sub("1", "\n".join(lines))
        assert told(check(filled)) == []


@pytest.mark.parametrize("described", OBJECTS)
def test_the_nearest_name_of_every_object_is_found(described) -> None:
    for name in described.fields:
        if len(name) < 5:
            continue
        wrong = f"{name[:2]}q{name[2:]}"
        (fault,) = check(
            packet(
                f"<{described.element} action='insert'><{wrong}>1</{wrong}></{described.element}>"
            )
        ).faults
        assert "did you mean " in fault.text


def test_packages_and_answers() -> None:
    stored = check((REPORTS / "package" / "records-under-the-root.xml").read_bytes())
    assert (stored.shape, stored.faults) == ("package", ())
    nothing = check((REPORTS / "package" / "nothing-in-it.xml").read_bytes())
    assert "The package holds no record" in [each.text for each in nothing.faults]
    wrong = check(
        '<aspcfs><cfsdata>\n<dataRecord name="account" action="insert">'
        '<dataField name="nmae">x</dataField></dataRecord></cfsdata></aspcfs>'
    )
    assert told(wrong) == [(2, 44, "dataField", "the field nmae is unknown, did you mean name?")]
    answer = check('<aspcfs><response id="1"><status>0</status><errorText/></response></aspcfs>')
    assert (answer.shape, answer.faults) == ("answer", ())
    odd = check('<aspcfs><response id="1"><status>2</status><errorText/></response></aspcfs>')
    assert odd.faults


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: f"<a>{text}</a>".encode("utf-8", "ignore"))
)
def test_whatever_comes_is_told(content: bytes) -> None:
    found = check_document(content, SCHEMA)
    assert found.faults
    for each in found.faults:
        assert each.line >= 1
        assert each.text


def run(*arguments: str, sent: str | None = None) -> Result:
    return CliRunner().invoke(main, ["check", *arguments], input=sent)


def test_the_command(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.xml", tmp_path / "bad.xml"
    good.write_text(packet("<account action='insert'><name>x</name></account>"))
    bad.write_text(packet("<account action='insert'><nmae>x</nmae></account>"))
    found = run(str(good))
    assert (found.exit_code, found.output) == (0, f"{good}: no fault in the packet\n")
    found = run(str(good), str(bad))
    assert found.exit_code == 1
    assert f"{bad}:3:26: nmae: the field nmae is unknown, did you mean name?" in found.output
    assert run("-", sent=packet()).exit_code == 0
    missing = run(str(tmp_path / "none.xml"))
    assert missing.exit_code == 2
    assert "does not exist" in missing.output
