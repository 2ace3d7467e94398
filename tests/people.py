"""Users whose roles hold all permissions, or some variant of them, or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from driving import Driver, item

from packetserver.security.credentials import Credentials

VERBS = ("view", "add", "edit", "delete")
CODE = "900150983cd24fb0d6963f7d28e17f72"


@dataclass(frozen=True)
class People:
    """Users by what their role holds of every permission there is."""

    nothing: Credentials
    everything: Credentials
    all_but_administration: Credentials
    by_verb: dict[str, Credentials]


ADMINISTRATION = "admin"
"""What the names of the permissions of the module begin with."""


def make_user(
    driver: Driver, name: str, verbs: Iterable[str], *, administers: bool = True
) -> Credentials:
    """A user whose role holds these variants of every permission, or of those of other modules."""
    (role,) = driver.one("role", "insert", {"role": name, "description": name}, ["id"]).records
    permissions = driver.one("permissionList", "select", {}, ["id", "name"]).records
    held = dict.fromkeys(verbs, "true")
    values = [
        {"roleId": role["id"], "permissionId": each["id"], **held}
        for each in permissions
        if administers or not each["name"].startswith(ADMINISTRATION)
    ]
    (granted,) = driver.send([[item("rolePermission", "insert", each) for each in values]])
    user = {"username": name, "password": CODE, "roleId": role["id"], "addContact": "false"}
    made = driver.one("user", "insert", user, validate=False)
    assert granted.errors == made.errors == ()
    return Credentials(username=name, code=CODE, system_id=4)


def make_people(driver: Driver) -> People:
    """The users of a database; ``driver`` may do everything there."""
    return People(
        nothing=make_user(driver, "nobody", ()),
        everything=make_user(driver, "everybody", VERBS),
        all_but_administration=make_user(driver, "all others", VERBS, administers=False),
        by_verb={verb: make_user(driver, f"only {verb}", [verb]) for verb in VERBS},
    )
