"""Nodes that share the floor, agents' claims, kept places, calls back, webhook messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_nodes"),
    )
    with op.batch_alter_table("agents") as table:
        table.add_column(sa.Column("claimed_by", sa.String(length=100), nullable=False, server_default=""))
        table.add_column(sa.Column("claimed_call", sa.String(length=200), nullable=False, server_default=""))
        table.add_column(sa.Column("idle_since", sa.Double(), nullable=True))
        table.create_index("ix_agents_claimed_by", ["claimed_by"], unique=False)
    with op.batch_alter_table("queue_entries") as table:
        table.add_column(sa.Column("rank", sa.Double(), nullable=False, server_default="0"))
        table.add_column(sa.Column("kept_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "callbacks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("phone", sa.String(length=100), nullable=False),
        sa.Column("queue", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("node", sa.String(length=100), nullable=False),
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rank", sa.Double(), nullable=False),
        sa.Column("skills", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("flow", sa.String(length=100), nullable=False),
        sa.Column("call_id", sa.String(length=200), nullable=False),
        sa.Column("ticket", sa.String(length=20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("packet", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_callbacks"),
    )
    op.create_index("ix_callbacks_state", "callbacks", ["state"], unique=False)
    op.create_index("ix_callbacks_caller", "callbacks", ["caller"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("endpoint", sa.String(length=100), nullable=False),
        sa.Column("call_id", sa.String(length=200), nullable=False),
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("node", sa.String(length=100), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    for name, columns in (
        ("due", ["state", "next_at"]), ("call_id", ["call_id"]), ("caller", ["caller"]), ("created_at", ["created_at"]),
    ):  # fmt: skip
        op.create_index(f"ix_deliveries_{name}", "deliveries", columns, unique=False)


def downgrade() -> None:
    op.drop_table("deliveries")
    op.drop_table("callbacks")
    with op.batch_alter_table("queue_entries") as table:
        table.drop_column("kept_until")
        table.drop_column("rank")
    with op.batch_alter_table("agents") as table:
        table.drop_index("ix_agents_claimed_by")
        table.drop_column("idle_since")
        table.drop_column("claimed_call")
        table.drop_column("claimed_by")
    op.drop_table("nodes")
