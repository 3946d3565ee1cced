"""What changes while people watch, told to their browsers four times a second.

A call's tick only notes that something happened; the texts are made here, once for all who watch, and what changed in a
round leaves as one message. Watchers are served a few at a time, with the media loop's ticks in between: two hundred of
them on a busy service cost it no packet. Who is too slow to read misses nothing that matters: the connection is closed,
and the page connects again and gets everything anew.
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
from ivr.console.talk_views import Assist, assist_view
from ivr.console.views import Desk, RunningCall, all_lines, floor_view, live_call, state_of, talking_to
from ivr.desk.packet import Packet

_log = logging.getLogger(__name__)
EVERY_S = 0.25
FLOOR_EVERY = 4
"""The floor is looked at in every so many rounds."""
SLICE = 8
"""Watchers who are served before the loop's other work has its turn."""
SLICE_PAUSE_S = 0.002
_WAITING_MAX = 50
"""Messages a browser may be behind: ten seconds."""
_PACKETS_KEPT = 500
Ended = Callable[[str, str], Awaitable[None]]
"""Told once when a call is over: call id, and what was said, a line each."""
TRANSCRIPT_MAX = 200_000
"""Characters of a call's transcript that are kept for searching."""
Handed = Callable[[str, str, str], Awaitable[None]]
"""Told once when a human has taken a call: call id, agent, queue."""


@dataclass(eq=False)
class Watcher:
    """One browser; `topics` are `calls`, `floor` and `desk` (of `user`'s own call)."""

    topics: frozenset[str]
    user: str = ""
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

    call: RunningCall
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
        self, running: Mapping[str, RunningCall], desk: Desk, clock: Callable[[], float], on_handed: Handed,
        assist: Assist, on_ended: Ended,
    ) -> None:  # fmt: skip
        self._running, self._desk, self._clock, self._on_handed = running, desk, clock, on_handed
        self._assist, self._on_ended = assist, on_ended
        self._followed: dict[str, _Followed] = {}
        self._watchers: set[Watcher] = set()
        self._packets: OrderedDict[str, Packet] = OrderedDict()
        self._floor = ""
        self._round = 0
        self._task: asyncio.Task[None] | None = None
        self._talks: set[str] = set()
        """Calls in whose talk something has changed."""
        self._helped: set[str] = set()
        """Calls for which there is new help."""
        self._news: dict[str, list[str]] = {}
        """Topic -> messages of this round."""

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
    async def watch(self, topics: frozenset[str], user: str = "") -> AsyncIterator[Watcher]:
        watcher = Watcher(topics, user)
        await self.flush(anew=True)  # all that is older is in the first message
        if "calls" in topics:
            watcher.put(_message("calls", calls=[call.model_dump() for call in self.live()]))
        if "floor" in topics:
            watcher.put(_message("floor"))
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def talk_changed(self, call_id: str) -> None:
        """Somebody joined, left, or did something with the call."""
        self._talks.add(call_id)

    def help_changed(self, call_id: str) -> None:
        self._helped.add(call_id)

    def language(self, call_id: str) -> str:
        """The caller's; empty when it is not known."""
        call = self._running.get(call_id)
        state = getattr(call.session, "dialog_state", None) if call is not None else None
        packet = self.packet(call_id)
        return str(getattr(state, "language", "")) or (packet.language if packet is not None else "")

    def live(self) -> list[LiveCall]:
        """Calls in progress, the oldest first."""
        agents = talking_to(self._desk)
        return [self._live(call, agents.get(call_id, "")) for call_id, call in self._running.items()]

    def _live(self, call: RunningCall, agent: str) -> LiveCall:
        call_id = call.info.call_id
        followed = self._followed.get(call_id)
        return live_call(call, agent, followed.partial if followed else "", self._assist.lines(call_id))

    def floor(self) -> FloorView:
        return floor_view(self._desk, self._clock())

    def packet(self, call_id: str) -> Packet | None:
        """Of a call in progress, or of one that a human had a while ago (wrap-up)."""
        return self._desk.packet(call_id) or self._packets.get(call_id)

    async def flush(self, anew: bool = False) -> None:
        """Tell what has changed. `anew`: somebody is about to be told everything."""
        agents = talking_to(self._desk)
        for call_id in [known for known in self._followed if known not in self._running]:
            gone = self._followed.pop(call_id)
            self._tell("calls", _message("ended", id=call_id))
            await self._on_ended(call_id, self._said(gone.call))
        watched = anew or self._watched("calls")
        for call_id, call in tuple(self._running.items()):
            followed = self._followed.get(call_id)
            if followed is None:
                followed = self._followed[call_id] = _Followed(call)
                call.listeners.append(followed.on_events)
            await self._hand_over(call_id, followed, agents.get(call_id, ""))
            if followed.changed and watched:
                followed.changed = False
                self._tell_call(call, followed)
        self._round += 1
        if self._round % FLOOR_EVERY == 0:
            self._tell_floor()
        await self._send_out()

    async def _hand_over(self, call_id: str, followed: _Followed, agent: str) -> None:
        if agent == followed.agent:
            return
        followed.agent, followed.changed = agent, True
        self._talks.add(call_id)
        packet = self._desk.packet(call_id)
        if not agent:
            return
        if packet is not None:
            self._packets[call_id] = packet
            while len(self._packets) > _PACKETS_KEPT:
                self._packets.popitem(last=False)
        await self._on_handed(call_id, agent, packet.queue if packet is not None else "")

    def _tell_call(self, call: RunningCall, followed: _Followed) -> None:
        """Only the lines that are new: a transcript may be long. A withdrawn turn shortens it."""
        talked = self._assist.lines(call.info.call_id)
        lines = [(line.speaker, line.text) for line in all_lines(call.session.transcript(), talked)]
        state, partial = state_of(call), followed.partial
        same = next((i for i, pair in enumerate(zip(lines, followed.lines, strict=False)) if pair[0] != pair[1]), None)
        since = min(len(lines), len(followed.lines)) if same is None else same
        if (lines, state, partial) == (followed.lines, followed.state, followed.told_partial) and lines:
            return
        followed.lines, followed.state, followed.told_partial = lines, state, partial
        fields: dict[str, JsonValue] = {
            "id": call.info.call_id, "caller": call.info.caller, "called": call.info.called, "state": state,
            "duration_ms": call.duration_ms, "agent": followed.agent, "partial": partial,
            "lines": [{"speaker": speaker, "text": text} for speaker, text in lines[since:]],
        }  # fmt: skip
        self._tell("calls", _message("call", call=fields, since=since))

    def _said(self, call: RunningCall) -> str:
        lines = all_lines(call.session.transcript(), self._assist.lines(call.info.call_id))
        return "\n".join(f"{line.speaker}: {line.text}" for line in lines)[:TRANSCRIPT_MAX]

    def _tell_floor(self) -> None:
        """That it has changed: each page asks for the part that it may see."""
        if not self._watched("floor"):
            return
        view = self.floor()
        callers = [(c.call_id, c.state, c.position, c.agent, c.queue) for c in view.callers]
        agents = [(a.name, a.state, a.reason, a.call_id, a.then, a.skills, a.queues) for a in view.agents]
        queues = [(q.name, q.open, q.waiting, q.agents, q.answered, q.abandoned) for q in view.queues]
        floor = json.dumps([callers, agents, queues])
        if floor != self._floor:
            self._floor = floor
            self._tell("floor", _message("floor"))

    def _watched(self, topic: str) -> bool:
        return any(topic in watcher.topics for watcher in self._watchers)

    def _tell(self, topic: str, text: str) -> None:
        self._news.setdefault(topic, []).append(text)

    async def _send_out(self) -> None:
        """Each watcher what is for them, a few at a time."""
        news, self._news = self._news, {}
        talks, self._talks = self._talks, set()
        helped, self._helped = self._helped, set()
        if not (news or talks or helped):
            return
        texts: dict[frozenset[str], str] = {}
        for number, watcher in enumerate(tuple(self._watchers), 1):
            if watcher.topics not in texts:
                texts[watcher.topics] = _joined(
                    [text for topic in sorted(watcher.topics) for text in news.get(topic, ())]
                )
            text = texts[watcher.topics]
            if text:
                watcher.put(text)
            if "desk" in watcher.topics and (talks or helped):
                self._tell_desk(watcher, talks, helped)
            if number % SLICE == 0:
                await asyncio.sleep(SLICE_PAUSE_S)

    def _tell_desk(self, watcher: Watcher, talks: set[str], helped: set[str]) -> None:
        """What concerns this user's own call."""
        call_id = self._desk.talks.call_of(watcher.user)
        if talks and (call_id in talks or not call_id):
            watcher.put(_message("desk"))
        if call_id in helped:
            view = assist_view(call_id, self._assist)
            if view is not None:
                watcher.put(_message("assist", assist=view.model_dump(mode="json")))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.flush()
            except Exception:
                _log.exception("console: what is on cannot be told")


def _message(kind: str, **fields: JsonValue) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False)


def _joined(texts: list[str]) -> str:
    """One message for all that a round has brought."""
    if len(texts) <= 1:
        return texts[0] if texts else ""
    return f'{{"type": "batch", "messages": [{", ".join(texts)}]}}'
