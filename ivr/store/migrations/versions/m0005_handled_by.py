"""All humans who had a call's caller, for those who may see the call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("calls") as table:
        table.add_column(sa.Column("handled_by", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE calls SET handled_by = '\n' || agent || '\n' WHERE agent <> ''")


def downgrade() -> None:
    with op.batch_alter_table("calls") as table:
        table.drop_column("handled_by")
