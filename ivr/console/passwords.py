"""Passwords: argon2id (RFC 9106), hashed in a thread so that no call waits for it."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ivr.errors import InputError

MIN_LENGTH = 10
MAX_LENGTH = 200
AT_ONCE = 2
"""Hashes in progress: each takes 19 MiB and some 30 ms of a core that calls need too."""


def check_password(password: str, name: str) -> None:
    """Raises InputError that says what is wanted."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InputError(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters, not {len(password)}")
    if len(set(password)) < 4 or password.casefold() == name.casefold():
        raise InputError("this password is too easy to guess")


def hash_password(password: str) -> str:
    """The argon2id string to store."""
    return _hasher().hash(password)


def _hasher() -> PasswordHasher:
    # The second choice of the OWASP cheat sheet: little memory, since the machine's is for models.
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Passwords:
    """Hashing and checking on the loop."""

    def __init__(self) -> None:
        self._hasher = _hasher()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._nobody = ""

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, stored: str, password: str) -> bool:
        """An empty `stored` (no such user, or no password yet) takes as long as a wrong password."""
        if len(password) > MAX_LENGTH:
            return False
        if not self._nobody:
            self._nobody = await self.hash("nobody has this password")
        async with self._slots:
            return await asyncio.to_thread(self._verify, stored or self._nobody, password) and bool(stored)

    def outdated(self, stored: str) -> bool:
        """Made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
