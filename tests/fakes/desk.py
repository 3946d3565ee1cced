"""Phones in memory: each address answers as it was told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ivr.audio.frame import SILENCE, AudioFrame
from ivr.call.events import AgentSays, EngineEvent, QueueChanged
from ivr.transport.base import CallInfo, Digit
from ivr.transport.sip.call import CallFailed
from ivr.transport.sip.events import CallEvent, EndCause, Ended, ReferOutcome
from ivr.transport.sip.sdp import PCMU, AgreedMedia, Direction, LocalMedia

MEDIA = AgreedMedia("192.0.2.9", 4000, 4001, PCMU, ((0, "PCMU"),), None, 20, Direction.SENDRECV)


class FakeLeg:
    def read(self) -> AudioFrame:
        return AudioFrame(SILENCE)

    def write(self, frame: AudioFrame) -> None: ...

    def take_digits(self) -> list[Digit]:
        return []

    def send_digits(self, digits: str) -> None: ...


@dataclass
class FakeMedia:
    on_lost: Callable[[], None]
    leg: FakeLeg = field(default_factory=FakeLeg)
    local: LocalMedia = field(default_factory=lambda: LocalMedia("192.0.2.1", 20_000))
    agreed: list[AgreedMedia] = field(default_factory=list)
    closed: bool = False

    def connect(self, media: AgreedMedia) -> None:
        self.agreed.append(media)

    def close(self) -> None:
        self.closed = True


class FakeLegs:
    def __init__(self) -> None:
        self.opened: list[FakeMedia] = []

    def open(self, on_lost: Callable[[], None]) -> FakeMedia:
        self.opened.append(FakeMedia(on_lost))
        return self.opened[-1]


class FakeCall:
    def __init__(self, media: AgreedMedia | None = MEDIA) -> None:
        self.media = media
        self.events: asyncio.Queue[CallEvent] = asyncio.Queue()
        self.ended = False

    async def next_event(self) -> CallEvent:
        return await self.events.get()

    async def bye(self, reason: str = "") -> None:
        if not self.ended:
            self.ended = True
            self.events.put_nowait(Ended(EndCause.LOCAL_BYE, 0, reason))

    def hang_up(self) -> None:
        self.ended = True
        self.events.put_nowait(Ended(EndCause.REMOTE_BYE))


@dataclass
class Phone:
    """What happens when it is rung: a SIP code, or an answer when `pick_up` is set."""

    code: int = 0
    pick_up: asyncio.Event = field(default_factory=asyncio.Event)
    rung: int = 0
    cancelled: int = 0
    calls: list[FakeCall] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    from_uri: str = ""


class FakeSip:
    def __init__(self) -> None:
        self.phones: dict[str, Phone] = {}

    def phone(self, uri: str, code: int = 0, answers: bool = False) -> Phone:
        phone = self.phones[uri] = Phone(code)
        if answers:
            phone.pick_up.set()
        return phone

    async def dial(
        self, target: str, local: LocalMedia, *, from_uri: str = "", headers: Sequence[tuple[str, str]] = (),
        timeout_s: float = 60.0, credentials: Any = None,
    ) -> FakeCall:  # fmt: skip
        phone = self.phones[target]
        phone.rung += 1
        phone.headers, phone.from_uri = list(headers), from_uri
        if phone.code:
            raise CallFailed(f"{target}: {phone.code}", phone.code)
        try:
            await phone.pick_up.wait()
        except asyncio.CancelledError:
            phone.cancelled += 1
            raise
        phone.calls.append(FakeCall())
        return phone.calls[-1]


class FakeLine:
    """The caller's own line: transfers end as told, or never."""

    def __init__(self, outcome: ReferOutcome | Exception | None) -> None:
        self.outcome = outcome
        self.referred: list[str] = []
        self.byes: list[str] = []
        self.heard = asyncio.Event()

    async def refer(self, target: str, *, hang_up: bool) -> ReferOutcome:
        assert not hang_up
        self.referred.append(target)
        if self.outcome is None:
            await self.heard.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        assert self.outcome is not None
        return self.outcome

    async def bye(self, reason: str = "") -> None:
        self.byes.append(reason)


class FakeDriver:
    def __init__(self, call_id: str = "c1", caller: str = "100") -> None:
        self.info = CallInfo(call_id, caller, "200", "sip")
        self.room: Any = None
        self.noted: list[str] = []
        self.heard: list[QueueChanged] = []
        self.said: list[str] = []

    def deliver(self, event: EngineEvent) -> None:
        if isinstance(event, AgentSays):
            self.said.append(event.text)
            return
        assert isinstance(event, QueueChanged)
        self.heard.append(event)

    def note(self, kind: str, data: dict[str, Any]) -> None:
        self.noted.append(kind)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.heard if event.kind != "position"]
