"""Example packets, made from what the catalogue says of an object.

What is the reader's to fill in stands in braces: `{account}` is the id of an account.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from packetserver.catalogue.model import (
    USER_CODE,
    Catalogue,
    Control,
    Field,
    Filter,
    ObjectType,
)
from packetserver.engine.permissions import STANDARD
from packetserver.engine.stamps import CREATION
