"""What files and custom fields change (catalogue, documents and files, custom fields)."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Named
from packetserver.records.effects import after, before
from packetserver.records.effects.beside import add_record
from packetserver.records.rules import is_given
from packetserver.records.writing import Writing

FILES = "project_files"
LENGTH_PARAMETER = "maxlength"

VERSION = (
    "subject",
    "clientFilename",
    "filename",
    "version",
    "size",
    "downloads",
    "enabled",
    "allowPortalAccess",
    "enteredBy",
    "modifiedBy",
)
"""Fields that a file and its versions have in common."""


@after("only_default_file")
def only_default_file(writing: Writing, named: Named, key: Any) -> None:
    """Of the files of one item only one is the default."""
    if not writing.value("defaultFile"):
        return
    item = (writing.value("linkModuleId"), writing.value("linkItemId"))
    link = dict(zip(("link_module_id", "link_item_id"), item, strict=True))
    writing.rows.update_rows(FILES, link, {"default_file": False})
    writing.rows.update_rows(FILES, {"item_id": key}, {"default_file": True})


@after("first_file_version")
def first_file_version(writing: Writing, named: Named, key: Any) -> None:
    """A new file is its own first version, unless `doVersionInsert` says no."""
    if writing.control("doVersionInsert"):
        add_version(writing, key)


def add_version(writing: Writing, file: Any) -> Any:
    """Keep a file as it is being stored as one of its versions; returns the version's key."""
    values = {name: writing.value(name) for name in VERSION}
    return add_record(writing.records, "fileItemVersion", {**values, "itemId": file})


@before("custom_field_parameters")
def custom_field_parameters(writing: Writing, named: Named) -> None:
    """The length of a custom field is kept among its parameters."""
    length = writing.control("maxLength")
    if length is not None and not is_given(writing.given.values.get("parameterData")):
        writing.set("parameterData", f"{LENGTH_PARAMETER}={length}")
