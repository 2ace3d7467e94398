from pathlib import Path

from packetserver.catalogue.loader import load_catalogue
from packetserver.cli import catalogue, catalogue_words
from packetserver.cli.catalogue import pages
from packetserver.errors import CatalogueError
from packetserver.records.opening import load_schema

CATALOGUE = load_catalogue()


def test_a_catalogue_without_mistakes(run):
    result = run("catalogue", "check")
    assert result.exit_code == 0
    count = len(load_schema().catalogue.tables)
    assert result.output == f"{len(CATALOGUE.objects)} objects, {count} tables: no mistakes\n"


def test_a_mistake_is_told_with_its_place(run, monkeypatch):
    def broken() -> None:
        raise CatalogueError("accounts.toml", "account", "name has an unknown type 'txt'")

    monkeypatch.setattr(catalogue, "load_schema", broken)
    result = run("catalogue", "check")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: accounts.toml: account: name has an unknown type 'txt'\n"


def test_a_function_without_a_phrase_is_told(run, monkeypatch):
    phrases = {name: each for name, each in catalogue_words.RULES.items() if name != "required"}
    monkeypatch.setattr(catalogue_words, "RULES", phrases)
    result = run("catalogue", "show", "account")
    assert (result.exit_code, result.stdout) == (1, "")
    needed = "required needs a phrase in packetserver/cli/catalogue_words.py"
    assert result.stderr == f"Error: accounts.toml: account: {needed}\n"


def test_what_a_client_may_send_of_an_account(run):
    lines = run("catalogue", "show", "account").output.splitlines()
    assert lines[0] == "# account"
    assert any(line.startswith("* Permission: `accounts-accounts`, `-view`") for line in lines)
    fields = lines[lines.index("## Fields") : lines.index("## Inputs that are not stored")]
    rows = [[cell.strip() for cell in line.split("|")] for line in fields if "|" in line]
    notes = {cells[1]: cells[-2] for cells in rows}
    assert notes["`orgId`"] == "key, given by the server"
    assert notes["`ownerName`"] == "read only: `Last, First` of the user in `owner`"
    assert notes["`enteredBy`"].startswith("the user when not sent; id of [user](user.md)")
    assert notes["`ownerId`"] == "another name of `owner`"


def test_a_list_shows_its_object(run):
    shown = run("catalogue", "show", "accountList").output
    assert shown == run("catalogue", "show", "account").output


def test_an_unknown_element_is_refused_with_a_suggestion(run):
    result = run("catalogue", "show", "acount")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no element acount; did you mean account or " in result.stderr
    assert "did you mean" not in run("catalogue", "show", "§§§§§§§§").stderr


def test_the_reference_is_written_in_place_of_an_older_one(run, tmp_path: Path):
    folder = tmp_path / "new" / "objects"
    result = run("catalogue", "docs", "--into", str(folder))
    written = dict(pages(load_schema()))
    assert result.output == f"{len(written)} pages in {folder}\n"

    (folder / "account.md").rename(folder / "gone.md")
    (folder / "notes.md").write_text("Somebody's own.", encoding="utf-8")
    run("catalogue", "docs", "--into", str(folder))
    found = {each.name: each.read_text(encoding="utf-8") for each in folder.iterdir()}
    assert found == {**written, "notes.md": "Somebody's own."}
