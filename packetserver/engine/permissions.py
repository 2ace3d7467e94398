"""Whether the principal may do this to that record (DECISIONS.md, Permissions; PROTOCOL.md 10).

Every object has a base permission, or a named rule that chooses among several from the record.
The names here are those of the original's permission catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Integer, MetaData, String, bindparam, select

from packetserver.catalogue.model import Catalogue, ObjectType
from packetserver.engine.context import Call, TransactionContext
from packetserver.engine.packet import Transaction
from packetserver.errors import ItemMessage
from packetserver.security.principal import VERBS, Principal
from packetserver.store.direct import Direct
from packetserver.store.records import Records

DENIED = "User denied permission to perform action on the object"
PROTECTED = frozenset({"contact", "syncClient"})
"""What the setting that leaves everything else open protects all the same."""

VIEW, ADD, EDIT, DELETE = VERBS

MOST_FORESEEN = 20
"""Items of a packet whose permissions are read with its sender: mostly all need the same."""

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: may ``principal`` do ``verb`` to a record with these ``values``?

    The values are by field name; of a list they are its filters.
    """

    object: ObjectType
    verb: str
    values: Values
    records: Records
    principal: Principal

    def value(self, name: str) -> Any:
        """A value of the record, None when it has none."""
        return self.values.get(name)

    def related(self, table: str, column: str, key: Any) -> Any:
        """A column of another record, by its key; None without one."""
        if key is None:
            return None
        name = self.records.schema.catalogue.tables[table].key or ""
        return self.records.value(table, column, {name: key})


PermissionRule = Callable[[Question], Sequence[str]]
PERMISSION_RULES: dict[str, PermissionRule] = {}
"""By name: which full permission names are sufficient, any one of them; none at all: free."""


def permission_rule(name: str) -> Callable[[PermissionRule], PermissionRule]:
    """Registers a function under the name that `permission_rule` of a schema uses."""

    def register(function: PermissionRule) -> PermissionRule:
        PERMISSION_RULES[name] = function
        return function

    return register


def demand(call: Call, verb: str, values: Values) -> None:
    """Raises ItemMessage when the principal may not do ``verb`` to a record of these values."""
    transaction = call.transaction
    principal = transaction.packet.principal
    if principal.unrestricted or _is_left_open(transaction, call.object):
        return
    question = Question(call.object, verb, values, transaction.records, principal)
    wanted = PERMISSION_RULES[call.object.permission_rule](question)
    if wanted and not any(_holds(transaction, each) for each in wanted):
        raise ItemMessage(DENIED)


def foreseen_bases(catalogue: Catalogue, transaction: Transaction) -> tuple[str, ...]:
    """The base permissions that a transaction will most likely ask about.

    They are read together with its sender; what is not foreseen is read when it is asked for.
    """
    targets = (catalogue.target(each.element) for each in transaction.items[:MOST_FORESEEN])
    bases = (each.object.permission for each in targets if each is not None)
    return tuple(dict.fromkeys(each for each in bases if each))


def _is_left_open(transaction: TransactionContext, described: ObjectType) -> bool:
    # The original checked contacts alone; a setting keeps that for clients that live on it.
    return transaction.packet.preferences.contacts_only and described.element not in PROTECTED


def _holds(transaction: TransactionContext, name: str) -> bool:
    base, _, verb = name.rpartition("-")
    if base not in transaction.permitted:
        transaction.permitted[base] = _role_verbs(transaction, base)
    return verb in transaction.permitted[base]


def _role_verbs(transaction: TransactionContext, base: str) -> frozenset[str]:
    """The verbs that the principal's role holds of a base permission; read live."""
    facts = {"base": base, "role": transaction.packet.principal.role_id}
    statement = _role_statement(transaction.records.schema.metadata)
    rows = statement.rows(transaction.records.connection, facts)
    return frozenset(verb for row in rows for verb, held in zip(VERBS, row, strict=True) if held)


@lru_cache(maxsize=4)
def _role_statement(metadata: MetaData) -> Direct:
    """What a role holds of a base permission; made once, for every packet asks it."""
    permission, role = metadata.tables["permission"], metadata.tables["role_permission"]
    return Direct(
        select(*(role.c[f"role_{verb}"] for verb in VERBS))
        .join(permission, permission.c.permission_id == role.c.permission_id)
        .where(permission.c.permission == bindparam("base", type_=String))
        .where(permission.c.enabled.is_(True))
        .where(role.c.role_id == bindparam("role", type_=Integer)),
        stands_alone=True,
    )


def full_names(verb: str, *bases: str | None) -> list[str]:
    """The base names with the verb behind each; None is left out."""
    return [f"{base}-{verb}" for base in bases if base]


@permission_rule("plain")
def _plain(question: Question) -> Sequence[str]:
    return full_names(question.verb, question.object.permission)
