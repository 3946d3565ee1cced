"""What was said in a call, for searching."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("calls") as table:
        table.add_column(sa.Column("transcript", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("calls") as table:
        table.drop_column("transcript")
