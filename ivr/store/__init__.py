"""What outlives a process: calls, callers, the queue, agents, tickets, and who did what.

SQLAlchemy on SQLite (the default, a file in the data folder) or PostgreSQL; every call runs in a thread, so the loop
never waits for a disk. What could not be written is kept in a spool folder and written later.
"""
