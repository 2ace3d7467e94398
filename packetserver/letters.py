"""When two texts differ in letter case alone (docs/operation.md).

Case is that of Unicode: each letter is taken for its small one, İ for i with a dot above it, which is
no i, and both small sigmas are one. A name of a person or a role is compared without the blanks around
it, too.
"""

from __future__ import annotations

BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""Unicode's white space."""

FINAL_SIGMA, SIGMA = "ς", "σ"
"""The one letter whose small form depends on what stands around it."""

LATER = {
    0x1C89: 0x1C8A,
    0xA7CB: 0x0264,
    0xA7CC: 0xA7CD,
    0xA7DA: 0xA7DB,
    0xA7DC: 0x019B,
    **{0x10D50 + place: 0x10D70 + place for place in range(22)},
    ord(FINAL_SIGMA): ord(SIGMA),
}
"""Small letters of those that came with Unicode 16, which older versions of Python do not know."""


def fold_case(text: str) -> str:
    """A text with every letter as its small one."""
    return text.lower() if text.isascii() else text.lower().translate(LATER)


def fold_name(text: str) -> str:
    """A name as it is compared: in small letters, and without blanks around it."""
    return fold_case(text.strip(BLANKS))


def is_same_name(one: str, other: str) -> bool:
    """Whether two texts are one name."""
    return fold_name(one) == fold_name(other)
