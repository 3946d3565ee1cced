"""What every page and endpoint of the console may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from aiohttp import web

from ivr.console.hub import Hub
from ivr.console.limits import LoginLimiter
from ivr.console.passwords import Passwords
from ivr.console.peaks import PeakCache
from ivr.console.routing import ASKED
from ivr.console.talk_views import Assist, NoAssist
from ivr.console.views import Desk, RunningCall
from ivr.console.visitors import Visitors
from ivr.store import records
from ivr.store.store import Store
from ivr.store.tickets import Tickets
from ivr.store.users import Signed, Users

INVITED_FOR: Final = timedelta(days=7)


@dataclass
class Console:
    """One for a process. `clock` is the floor's, in POSIX seconds."""

    store: Store
    tickets: Tickets
    desk: Desk
    running: Mapping[str, RunningCall]
    data: Path
    """Recordings and journals outside this folder are never shown."""
    clock: Callable[[], float]
    secure_cookies: bool = False
    """Set behind a proxy that speaks TLS."""
    visitors: Visitors | None = None
    """Calls and chats from web pages, where they are taken."""
    assist: Assist = field(default_factory=NoAssist)
    """What may help in talks."""
    users: Users = field(init=False)
    hub: Hub = field(init=False)
    passwords: Passwords = field(init=False, default_factory=Passwords)
    limiter: LoginLimiter = field(init=False, default_factory=LoginLimiter)
    peaks: PeakCache = field(init=False, default_factory=PeakCache)

    def __post_init__(self) -> None:
        self.users = Users(self.store)
        self.hub = Hub(self.running, self.desk, self.clock, self._handed, self.assist, self._ended)

    async def _handed(self, call_id: str, agent: str, queue: str) -> None:
        """The call's row says who took it: that is whose call it is."""
        await self.store.write(records.call_handled(call_id, agent, queue))

    async def _ended(self, call_id: str, transcript: str) -> None:
        """What was said can be searched from now on."""
        if transcript and await self.store.call(call_id) is not None:
            await self.store.write(records.put("call", {"id": call_id, "transcript": transcript.replace("\0", "")}))

    async def first_run(self) -> str:
        """The path at which the first admin is set up, or nothing once there is a user. Raises StoreError."""
        if await self.users.count():
            return ""
        return "/setup/" + await self.users.invite("", "admin", INVITED_FOR)


CONSOLE: Final = web.AppKey("console", Console)


def console_of(request: web.Request) -> Console:
    return request.app[CONSOLE]


def signed_of(request: web.Request) -> Signed:
    """Whose session it is. For routes that ask for a role."""
    signed = request[ASKED].signed
    assert signed is not None
    return signed
