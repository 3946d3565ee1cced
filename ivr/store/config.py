"""Where things are kept, and for how long."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreConfig(_Section):
    """The database."""

    url: str = Field(
        default="",
        repr=False,
        description="`postgresql://user:password@host/name`; empty = an SQLite file in the data folder.",
    )
    node: str = Field(
        default="",
        max_length=100,
        description="Name of this process among those that share the floor; empty = host.",
    )
    shared: bool | None = Field(
        default=None, description="Several nodes share the agents by this database; empty = yes on PostgreSQL."
    )
    lease_s: float = Field(
        default=3.0, ge=0.5, le=60, description="A node that shows no sign of life for so long is given up (s)."
    )


class RetentionConfig(_Section):
    """How many days what is kept; 0 = for ever. Looked at once a day."""

    recordings_days: int = Field(default=0, ge=0, description="Sound of calls.")
    calls_days: int = Field(default=0, ge=0, description="Calls with journal and sound, and their entry in the list.")
    callers_days: int = Field(default=0, ge=0, description="What is known of callers who have not called since.")
    tickets_days: int = Field(default=0, ge=0, description="Tickets that are done.")
    messages_days: int = Field(default=30, ge=0, description="Webhook messages that are over, and calls back.")
    audit_days: int = Field(default=0, ge=0, description="The audit log.")
