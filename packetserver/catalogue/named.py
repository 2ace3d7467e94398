"""The names of functions of other rooms, as schemas give them, with their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Texts(tuple[str, ...]):
    """An argument that is known to be a list of texts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Named:
    """The name of a function that another room provides, with its arguments."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=lambda: NOTHING)

    def text(self, argument: str, default: str = "") -> str:
        """An argument as text; a missing one is the default."""
        value = self.arguments.get(argument)
        return default if value is None else str(value)

    def texts(self, argument: str) -> tuple[str, ...]:
        """An argument that is a list of texts, or one text; a missing one is empty."""
        value = self.arguments.get(argument, ())
        if isinstance(value, Texts):
            return value
        return (value,) if isinstance(value, str) else tuple(str(each) for each in value)
