"""Fields whose text is shaped out of what the record holds."""

from __future__ import annotations

import re

from sqlalchemy import case

from packetserver.catalogue.model import Field, Named
from packetserver.store.derivations.reading import joined, of_value, value_column
from packetserver.store.derived import Derived, derivation
from packetserver.store.scope import Scope, reference_path

DISABLED = " (X)"
"""Behind the text of a lookup that can no longer be chosen."""

DOTS = "..."
SCHEME = "://"
DEFAULT_SCHEME = "http://"
PHONE_NUMBER = re.compile(r"(\d{3})-(\d{3})-(\d{4})", re.ASCII)


@derivation("constant", shaped=True)
def _constant(scope: Scope, field: Field, named: Named) -> Derived:
    """The same `value` in every record."""
    value = named.arguments["value"]
    return Derived((), lambda: value)


@derivation("joined_text", shaped=True)
def _joined_text(scope: Scope, field: Field, named: Named) -> Derived:
    """The fields `of`, or the `columns` reached, with `separator` between those that are filled."""
    separator = named.text("separator", ", ")
    own = (value_column(scope, name) for name in named.texts("of"))
    reached = (reference_path(scope, path) for path in named.texts("columns"))
    return Derived((*own, *reached), lambda *texts: joined(separator, *texts))


@derivation("cut_text", shaped=True)
def _cut_text(scope: Scope, field: Field, named: Named) -> Derived:
    """The field `of`, cut after `length` characters with dots behind when it is longer."""
    length = int(named.arguments["length"])

    def show(text: str) -> str:
        return text if len(text) <= length else text[:length] + DOTS

    return of_value(scope, named, show)


@derivation("url_with_scheme", shaped=True)
def _url_with_scheme(scope: Scope, field: Field, named: Named) -> Derived:
    """The field `of`, with http:// in front when it has no scheme."""

    def show(url: str) -> str | None:
        return joined("", url if SCHEME in url or not url.strip() else DEFAULT_SCHEME + url)

    return of_value(scope, named, show)


@derivation("code_text", shaped=True)
def _code_text(scope: Scope, field: Field, named: Named) -> Derived:
    """The text that `texts` has for the code in the field `of`."""
    texts = dict(named.arguments["texts"])
    return of_value(scope, named, lambda code: texts.get(str(code)))


@derivation("with_suffix", shaped=True)
def _with_suffix(scope: Scope, field: Field, named: Named) -> Derived:
    """The field `of`, with the text `suffix` behind it."""
    suffix = named.text("suffix")
    return of_value(scope, named, lambda value: f"{value}{suffix}")


@derivation("phone_number", shaped=True)
def _phone_number(scope: Scope, field: Field, named: Named) -> Derived:
    """The number, with x and the extension behind when there is one."""

    def show(number: str | None, extension: str | None) -> str | None:
        extended = joined("", extension)
        return joined(" ", number, None if extended is None else f"x{extended}")

    return Derived((scope.column("number"), scope.column("extension")), show)


@derivation("phone_part", shaped=True)
def _phone_part(scope: Scope, field: Field, named: Named) -> Derived:
    """Group `part` (1 to 3) of a number that is written 999-999-9999."""
    part = int(named.arguments["part"])

    def show(number: str | None) -> str | None:
        found = PHONE_NUMBER.fullmatch((number or "").strip())
        return None if found is None else found.group(part)

    return Derived((scope.column("number"),), show)


@derivation("disabled_mark")
def _disabled_mark(scope: Scope, field: Field, named: Named) -> Derived:
    """The stored text, marked when the row is no longer enabled."""
    text = scope.column(field.column or "")
    return Derived((case((scope.column("enabled").is_(False), text.concat(DISABLED)), else_=text),))
