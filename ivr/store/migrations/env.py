"""Run by Alembic. `ivr.store.database` hands the connection over; by hand: `alembic -x url=sqlite:///... upgrade head`
with `script_location = ivr:store/migrations`."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine

from ivr.store.models import Base


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _migrate(given)
else:
    engine = create_engine(context.get_x_argument(as_dictionary=True)["url"])
    with engine.connect() as opened:
        _migrate(opened)
    engine.dispose()
