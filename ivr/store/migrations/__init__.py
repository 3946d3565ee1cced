"""Alembic's migrations, run when a store is opened."""
