"""Users of the console, their sessions and invitations. Tokens are stored as their SHA-256 only."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ivr.errors import InputError
from ivr.store.models import InvitationRow, SessionRow, UserRow
from ivr.store.store import Store

ROLES: Final = ("admin", "ops", "agent", "designer")
MAX_NAME: Final = 100
TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lasts."""

    whole: timedelta = timedelta(hours=12)
    """From the login on, whatever happens."""
    idle: timedelta = timedelta(hours=2)
    """Without a request."""
    touch: timedelta = timedelta(minutes=1)
    """`seen_at` is written at most so often."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Who a session belongs to."""

    user: str
    role: str
    csrf: str
    session: str
    """Id of its row."""


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Users:
    """All methods raise StoreError when the database is away."""

    def __init__(self, store: Store, limits: SessionLimits | None = None) -> None:
        self._store = store
        self._limits = limits or SessionLimits()

    # -- people

    async def list(self) -> list[UserRow]:
        query = select(UserRow).order_by(UserRow.name)
        return await self._store.read(lambda session: [*session.scalars(query)])

    async def get(self, name: str) -> UserRow | None:
        return await self._store.read(lambda session: session.get(UserRow, name))

    async def count(self) -> int:
        query = select(func.count()).select_from(UserRow)
        return await self._store.read(lambda session: session.scalar(query) or 0)

    async def add(self, name: str, role: str, password_hash: str = "") -> None:
        """Raises InputError for a name that is taken or no name, and for a role that is none."""
        check_user(name, role)
        await self._store.read(lambda session: self._add(session, name, role, password_hash))

    def _add(self, session: Session, name: str, role: str, password_hash: str) -> None:
        if session.get(UserRow, name) is not None:
            raise InputError(f"a user {name!r} exists already")
        now = self._store.clock()
        session.add(UserRow(name=name, role=role, password_hash=password_hash, created_at=now, last_login_at=None))

    async def set_password(self, name: str, password_hash: str, keep_session: str = "") -> None:
        """All sessions end but `keep_session`, and so do open invitations. Raises InputError for nobody's name."""

        def work(session: Session) -> None:
            _existing(session, name).password_hash = password_hash
            session.execute(delete(SessionRow).where(SessionRow.user == name, SessionRow.id != keep_session))
            session.execute(delete(InvitationRow).where(InvitationRow.user == name))

        await self._store.read(work)

    async def renew_hash(self, name: str, password_hash: str) -> None:
        """The same password with newer parameters: sessions stay."""

        def work(session: Session) -> None:
            _existing(session, name).password_hash = password_hash

        await self._store.read(work)

    async def remove(self, name: str) -> None:
        """With sessions and invitations. Raises InputError for nobody's name and for the last admin."""

        def work(session: Session) -> None:
            row = _existing(session, name)
            admins = session.scalar(select(func.count()).select_from(UserRow).where(UserRow.role == "admin")) or 0
            if row.role == "admin" and admins == 1:
                raise InputError(f"{name!r} is the last admin: add another one first")
            session.execute(delete(SessionRow).where(SessionRow.user == name))
            session.execute(delete(InvitationRow).where(InvitationRow.user == name))
            session.delete(row)

        await self._store.read(work)

    # -- invitations

    async def invite(self, name: str, role: str, valid: timedelta) -> str:
        """A token to set the password with; it replaces the user's earlier ones. An empty name is the first run's."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        expires = self._store.clock() + valid

        def work(session: Session) -> None:
            session.execute(delete(InvitationRow).where(InvitationRow.user == name))
            session.add(InvitationRow(id=digest(token), user=name, role=role, expires_at=expires))

        await self._store.read(work)
        return token

    async def invitation(self, token: str) -> InvitationRow | None:
        """None for a token that was never given, is used up or too old."""
        row = await self._store.read(lambda session: session.get(InvitationRow, digest(token)))
        return row if row is not None and row.expires_at > self._store.clock() else None

    async def accept(self, token: str, name: str, password_hash: str) -> UserRow:
        """Use the token up. Raises InputError for a bad token; the first run's is worth nothing once there are
        users."""
        return await self._store.read(lambda session: self._accept(session, token, name, password_hash))

    def _accept(self, session: Session, token: str, name: str, password_hash: str) -> UserRow:
        row = session.get(InvitationRow, digest(token))
        if row is None or row.expires_at <= self._store.clock():
            raise InputError("this invitation is used up or too old")
        if not row.user:
            if session.scalar(select(func.count()).select_from(UserRow)):
                raise InputError("the first user exists already")
            check_user(name, row.role)
            self._add(session, name, row.role, "")
        user = _existing(session, row.user or name)
        user.password_hash = password_hash
        session.execute(delete(SessionRow).where(SessionRow.user == user.name))
        session.delete(row)
        return user

    # -- sessions

    async def open_session(self, name: str, browser: str) -> tuple[str, str]:
        """Cookie and CSRF token of a new session. Raises InputError for nobody's name."""
        token, csrf = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)
        now = self._store.clock()

        def work(session: Session) -> None:
            _existing(session, name).last_login_at = now
            session.execute(delete(SessionRow).where(SessionRow.created_at <= now - self._limits.whole))
            row = SessionRow(
                id=digest(token), user=name, csrf=csrf, browser=digest(browser), created_at=now, seen_at=now
            )
            session.add(row)

        await self._store.read(work)
        return token, csrf

    async def session(self, token: str, browser: str, *, touch: bool = True) -> Signed | str:
        """Who it is, or why not: `unknown`, `expired` or `stolen` (the cookie came from another browser than the one
        that signed in; the session is ended). Without `touch` it does not count as a request."""
        return await self._store.read(lambda session: self._session(session, token, browser, touch))

    def _session(self, session: Session, token: str, browser: str, touch: bool) -> Signed | str:
        row, now = session.get(SessionRow, digest(token)), self._store.clock()
        if row is None:
            return "unknown"
        user = session.get_one(UserRow, row.user)
        problem = "stolen" if row.browser != digest(browser) else ""
        if now - row.created_at >= self._limits.whole or now - row.seen_at >= self._limits.idle:
            problem = "expired"
        if problem:
            session.delete(row)
            return problem
        if touch and now - row.seen_at >= self._limits.touch:
            row.seen_at = now
        return Signed(row.user, user.role, row.csrf, row.id)

    async def close_session(self, session_id: str) -> None:
        await self._store.read(lambda session: session.execute(delete(SessionRow).where(SessionRow.id == session_id)))


def check_user(name: str, role: str) -> None:
    """Raises InputError."""
    if not name or len(name) > MAX_NAME or name != name.strip() or not name.isprintable():
        raise InputError(f"a user's name is 1 to {MAX_NAME} printable characters, not {name[:40]!r}")
    if role not in ROLES:
        raise InputError(f"no such role: {role[:40]!r} (one of {', '.join(ROLES)})")


def _existing(session: Session, name: str) -> UserRow:
    row = session.get(UserRow, name)
    if row is None:
        raise InputError(f"no user has the name {name[:40]!r}")
    return row
