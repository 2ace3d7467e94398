"""What PostgreSQL does not allow the server's user, and the statements that would."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from packetserver.errors import ProvisionError

OF_USER = text(
    "SELECT quote_ident(current_user), current_schema(),"
    " coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),"
    " has_database_privilege(current_database(), 'CREATE')"
)
FOREIGN = text(
    "SELECT count(*), min(quote_ident(pg_get_userbyid(c.relowner))) FROM pg_class c"
    " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')"
    " AND NOT pg_has_role(c.relowner, 'USAGE')"
)
LACKING = text(
    "SELECT c.relname, c.relkind FROM pg_class c"
    " WHERE c.relnamespace = current_schema()::regnamespace AND (c.relkind IN ('r', 'p') AND NOT ("
    " has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')"
    " AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))"
    " OR c.relkind = 'S' AND NOT (has_sequence_privilege(c.oid, 'USAGE')"
    " AND has_sequence_privilege(c.oid, 'SELECT')))"
)
PUBLIC = "public"
NAMED = 3


@dataclass(frozen=True, slots=True)
class Lack:
    """What is not allowed, as a sentence without its end, and the SQL that allows it."""

    text: str
    statement: str

    def __str__(self) -> str:
        return f"{self.text}: {self.statement}"


def lack_for_preparing(connection: Connection) -> Lack | None:
    """What keeps the user from making tables, or from changing those that are there."""
    if connection.dialect.name != "postgresql":
        return None
    user, schema, creates, _ = connection.execute(OF_USER).one()
    if schema is None or not creates:
        name = schema or PUBLIC
        return Lack(
            f"the database's user {user} may not make tables in the schema {name}",
            f"as its owner, run GRANT USAGE, CREATE ON SCHEMA {name} TO {user};",
        )
    count, owner = connection.execute(FOREIGN).one()
    if count:
        return Lack(
            f"the database's user {user} does not own {count} of its tables, and so cannot upgrade them",
            f"let PACKETSERVER_DATABASE_URL name {owner}, or run GRANT {owner} TO {user};",
        )
    return None


def lack_for_looking(connection: Connection) -> Lack | None:
    """What keeps the user from seeing whether there are tables at all."""
    if connection.dialect.name != "postgresql":
        return None
    user, schema, *_ = connection.execute(OF_USER).one()
    if schema is not None:
        return None
    return Lack(
        f"the database's user {user} may not use the schema {PUBLIC}",
        f"as its owner, run GRANT USAGE ON SCHEMA {PUBLIC} TO {user};",
    )


def lack_for_serving(connection: Connection, tables: Iterable[str]) -> Lack | None:
    """What keeps the user from reading and writing the tables of the server."""
    if connection.dialect.name != "postgresql":
        return None
    lack = lack_for_looking(connection)
    if lack is not None:
        return lack
    user, schema, *_ = connection.execute(OF_USER).one()
    ours = set(tables)
    lacking = [
        name for name, kind in connection.execute(LACKING).all() if kind == "S" or name in ours
    ]
    if not lacking:
        return None
    some = ", ".join(sorted(lacking)[:NAMED]) + (", …" if len(lacking) > NAMED else "")
    return Lack(
        f"the database's user {user} may not read and write {some}",
        f"as its owner, run GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}"
        f" TO {user}; GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO {user};",
    )


def require(lack: Lack | None) -> None:
    """Raises ProvisionError where something is not allowed."""
    if lack is not None:
        raise ProvisionError(str(lack))
