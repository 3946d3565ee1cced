"""What changes while people watch, told to their browsers four times a second.

A call's tick only notes that something happened; the texts are made here, once for all who watch. Who is too slow to
read misses nothing that matters: the connection is closed, and the page connects again and gets everything anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from ivr.call.events import CallEvent
from ivr.console.models import FloorView, LiveCall
from ivr.console.views import Desk, RunningCall, floor_view, live_call, talking_to
from ivr.desk.packet import Packet

_log = logging.getLogger(__name__)
EVERY_S = 0.25
FLOOR_EVERY = 4
"""The floor is looked at in every so many rounds."""
_WAITING_MAX = 200
"""Messages a browser may be behind."""
_PACKETS_KEPT = 500
Handed = Callable[[str, str, str], Awaitable[None]]
"""Told once when a human has taken a call: call id, agent, queue."""


@dataclass(eq=False)
class Watcher:
    """One browser; `topics` are `calls` and `floor`."""

    topics: frozenset[str]
    queue: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(_WAITING_MAX))
    """None = close the connection."""

    def put(self, text: str | None) -> None:
        try:
            self.queue.put_nowait(text)
        except asyncio.QueueFull:
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None)


@dataclass
class _Followed:
    """A call as it was last told."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    state: str = ""
    agent: str = ""
    partial: str = ""
    told_partial: str = ""
    changed: bool = True

    def on_events(self, events: list[CallEvent]) -> None:
        """From the call's tick."""
        self.changed = True
        for event in events:
            if event.kind == "in.PartialTranscript":
                self.partial = str(event.data.get("text", ""))
            elif event.kind in ("turn.commit", "turn.nothing", "speech.start"):
                self.partial = ""


class Hub:
    """One for a process. `running` are the calls in progress, by id."""

    def __init__(
        self, running: Mapping[str, RunningCall], desk: Desk, clock: Callable[[], float], on_handed: Handed
    ) -> None:
        self._running, self._desk, self._clock, self._on_handed = running, desk, clock, on_handed
        self._followed: dict[str, _Followed] = {}
        self._watchers: set[Watcher] = set()
        self._packets: OrderedDict[str, Packet] = OrderedDict()
        self._floor = ""
        self._round = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="console")

    def dismiss(self) -> None:
        """The service stops: all connections are closed."""
        for watcher in self._watchers:
            watcher.put(None)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextlib.asynccontextmanager
    async def watch(self, topics: frozenset[str]) -> AsyncIterator[Watcher]:
        watcher = Watcher(topics)
        await self.flush()  # all that is older is in the first message
        if "calls" in topics:
            watcher.put(_message("calls", calls=[call.model_dump() for call in self.live()]))
        if "floor" in topics:
            watcher.put(_message("floor"))
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def live(self) -> list[LiveCall]:
        """Calls in progress, the oldest first."""
        agents = talking_to(self._desk.floor)
        followed = self._followed
        return [
            live_call(call, agents.get(call_id, ""), followed[call_id].partial if call_id in followed else "")
            for call_id, call in self._running.items()
        ]

    def floor(self) -> FloorView:
        return floor_view(self._desk, self._clock())

    def packet(self, call_id: str) -> Packet | None:
        """Of a call in progress, or of one that a human had a while ago (wrap-up)."""
        return self._desk.packet(call_id) or self._packets.get(call_id)

    async def flush(self) -> None:
        """Tell what has changed."""
        agents = talking_to(self._desk.floor)
        for call_id in [known for known in self._followed if known not in self._running]:
            del self._followed[call_id]
            self._tell("calls", _message("ended", id=call_id))
        for call_id, call in tuple(self._running.items()):
            followed = self._followed.get(call_id)
            if followed is None:
                followed = self._followed[call_id] = _Followed()
                call.listeners.append(followed.on_events)
            await self._hand_over(call_id, followed, agents.get(call_id, ""))
            if followed.changed:
                followed.changed = False
                self._tell_call(call, followed)
        self._round += 1
        if self._round % FLOOR_EVERY == 0:
            self._tell_floor()

    async def _hand_over(self, call_id: str, followed: _Followed, agent: str) -> None:
        if agent == followed.agent:
            return
        followed.agent, followed.changed = agent, True
        packet = self._desk.packet(call_id)
        if not agent or packet is None:
            return
        self._packets[call_id] = packet
        while len(self._packets) > _PACKETS_KEPT:
            self._packets.popitem(last=False)
        await self._on_handed(call_id, agent, packet.queue)

    def _tell_call(self, call: RunningCall, followed: _Followed) -> None:
        """Only the lines that are new: a transcript may be long. A withdrawn turn shortens it."""
        now = live_call(call, followed.agent, followed.partial)
        lines = [(line.speaker, line.text) for line in now.lines]
        same = next((i for i, pair in enumerate(zip(lines, followed.lines, strict=False)) if pair[0] != pair[1]), None)
        since = min(len(lines), len(followed.lines)) if same is None else same
        if (lines, now.state, now.partial) == (followed.lines, followed.state, followed.told_partial) and lines:
            return
        followed.lines, followed.state, followed.told_partial = lines, now.state, now.partial
        if any("calls" in watcher.topics for watcher in self._watchers):
            fields = now.model_dump()
            fields["lines"] = fields["lines"][since:]
            self._tell("calls", _message("call", call=fields, since=since))

    def _tell_floor(self) -> None:
        """That it has changed: each page asks for the part that it may see."""
        if not any("floor" in watcher.topics for watcher in self._watchers):
            return
        view = self.floor()
        callers = [(c.call_id, c.state, c.position, c.agent) for c in view.callers]
        agents = [(a.name, a.state, a.reason, a.call_id, a.then) for a in view.agents]
        queues = [(q.name, q.open, q.waiting, q.agents, q.answered, q.abandoned) for q in view.queues]
        floor = json.dumps([callers, agents, queues])
        if floor != self._floor:
            self._floor = floor
            self._tell("floor", _message("floor"))

    def _tell(self, topic: str, text: str) -> None:
        for watcher in self._watchers:
            if topic in watcher.topics:
                watcher.put(text)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.flush()
            except Exception:
                _log.exception("console: what is on cannot be told")


def _message(kind: str, **fields: JsonValue) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False)
