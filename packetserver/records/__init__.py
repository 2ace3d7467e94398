"""The engine: what can be done with the records of the catalogue's objects, for any protocol.

`Records` is what a protocol works with: it is made for one principal and one unit of work. What
schemas refer to by name, rules, effects, additions and permission rules, is registered when this
package is imported.
"""

from packetserver.records import additions, effects, filters, permission_rules, rules
from packetserver.records.effects import (
    communications,
    files,
    history,
    people,
    projects,
    removal,
    sales,
    work,
)
from packetserver.records.preferences import Preferences
from packetserver.records.records import Records
from packetserver.records.rules import belonging, values
from packetserver.records.writing import ALL, Given, How, Rules, Written

__all__ = [
    "ALL",
    "Given",
    "How",
    "Preferences",
    "Records",
    "Rules",
    "Written",
    "additions",
    "belonging",
    "communications",
    "effects",
    "files",
    "filters",
    "history",
    "people",
    "permission_rules",
    "projects",
    "removal",
    "rules",
    "sales",
    "values",
    "work",
]
