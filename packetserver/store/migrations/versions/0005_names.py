"""What keeps the names of users and of roles unique.

Revision ID: 0005
"""

from alembic import op

from packetserver.errors import ProvisionError
from packetserver.store.names import NameColumn, all_of, find_twins, hold, how_to_part, is_held

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NAMES = (NameColumn("access", "user_id", "username"), NameColumn("role", "role_id", "role"))


def upgrade() -> None:
    connection = op.get_bind()
    twins = [each for names in NAMES for each in find_twins(connection, names)]
    if twins:
        raise ProvisionError(
            f"{all_of(twins)} have the same name, letter case and blanks around it left aside, and"
            " nothing was changed: give all but one of each another name, as by"
            f" {how_to_part(twins[0])}, and run packetserver init-db again"
        )
    for names in NAMES:
        # A database that was adopted, or that a server beside this one upgrades, may have it already.
        if not is_held(connection, names):
            hold(connection, names)


def downgrade() -> None:
    """Nothing: an installation goes back by restoring the backup of before."""
