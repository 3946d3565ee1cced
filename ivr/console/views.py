"""The running service as the API shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ivr.acd.agents import Agent
from ivr.acd.floor import Floor
from ivr.acd.waiting import Call as FloorCall
from ivr.call.events import CallEvent
from ivr.console.models import AgentView, FloorView, Line, LiveCall, QueueView, WaitingView
from ivr.desk.browser_phones import BrowserPhones
from ivr.desk.config import AgentSettings, DeskConfig
from ivr.desk.lines import CallerLine
from ivr.desk.packet import Packet
from ivr.desk.talks import TalkDriver, Talks
from ivr.dialog.events import QueueStatus
from ivr.transport.base import CallInfo


class Session(Protocol):
    """`ivr.call.session.CallSession`, as far as it is shown."""

    @property
    def state(self) -> object: ...

    def transcript(self) -> Sequence[tuple[str, str]]: ...


class RunningCall(TalkDriver, Protocol):
    """`ivr.call.driver.CallDriver`, as far as it is shown."""

    info: CallInfo
    listeners: list[Callable[[list[CallEvent]], None]]

    @property
    def session(self) -> Session: ...

    @property
    def duration_ms(self) -> int: ...


class Desk(Protocol):
    """`ivr.desk.desk.HumanDesk`, as far as the console uses it."""

    floor: Floor
    browsers: BrowserPhones
    config: DeskConfig
    talks: Talks
    line_of: Callable[[str], CallerLine | None]

    def packet(self, call_id: str) -> Packet | None: ...
    def status(self, queue: str) -> QueueStatus: ...
    def move(self, call_id: str, queue: str, priority: str) -> None: ...
    def settings_of(self, agent: str) -> AgentSettings | None: ...
    def add_agent(self, agent: AgentSettings, *, remember: bool = False) -> None: ...
    def forget_agent(self, name: str) -> None: ...
    def sign_in(self, agent: str) -> None: ...
    def sign_out(self, agent: str) -> None: ...
    def pause(self, agent: str, reason: str) -> None: ...
    def resume(self, agent: str) -> None: ...


def call_id_of(entry_id: str) -> str:
    """The floor numbers those who queue twice: `CALL#2` is call `CALL`."""
    return entry_id.rpartition("#")[0] or entry_id


Talked = Sequence[tuple[str, str, int]]
"""Speaker, text, and after how many lines of the bot's transcript."""


def all_lines(transcript: Sequence[tuple[str, str]], talked: Talked) -> list[Line]:
    """What was said to the bot and between humans, in order."""
    lines: list[Line] = []
    rest = list(talked)
    for index, (speaker, text) in enumerate(transcript):
        while rest and rest[0][2] <= index:
            lines.append(Line(speaker=rest[0][0], text=rest.pop(0)[1]))
        lines.append(Line(speaker=speaker, text=text))
    return lines + [Line(speaker=speaker, text=text) for speaker, text, _ in rest]


def live_call(call: RunningCall, agent: str = "", partial: str = "", talked: Talked = ()) -> LiveCall:
    lines = all_lines(call.session.transcript(), talked)
    return LiveCall(
        id=call.info.call_id, caller=call.info.caller, called=call.info.called,
        state=state_of(call), duration_ms=call.duration_ms,
        agent=agent, partial=partial, lines=lines,
    )  # fmt: skip


def state_of(call: RunningCall) -> str:
    return str(getattr(call.session.state, "value", call.session.state))


def floor_view(desk: Desk, now: float) -> FloorView:
    floor = desk.floor
    calls = sorted(floor.calls.values(), key=lambda call: (not call.waits, call.rank))
    return FloorView(
        queues=[_queue(floor, name, now) for name in floor.roster.queues],
        callers=[_caller(floor, call, desk.packet(call_id_of(call.arrival.call_id)), now) for call in calls],
        agents=[agent_view(agent, now) for agent in floor.roster.agents.values()],
    )


def agent_view(agent: Agent, now: float) -> AgentView:
    return AgentView(
        name=agent.name, state=agent.state.value, reason=agent.reason,
        since_s=round(max(0.0, now - agent.since), 1) if agent.since else None,
        until_s=None if agent.until is None else round(max(0.0, agent.until - now), 1),
        call_id=call_id_of(agent.call_id), then=agent.then[0].value if agent.then else "",
        occupancy=agent.occupancy(now), skills=dict(agent.config.skills), queues=dict(agent.config.queues),
    )  # fmt: skip


def talking_to(desk: Desk) -> dict[str, str]:
    """Call id -> who has the caller, of those who talk."""
    agents = {call_id_of(call.arrival.call_id): call.agent for call in desk.floor.calls.values() if call.agent}
    return agents | desk.talks.holders()


def _queue(floor: Floor, name: str, now: float) -> QueueView:
    state, figures = floor.status(name, now), floor.figures[name]
    return QueueView(
        name=name, open=state.open, waiting=state.waiting, agents=state.agents, expected_wait_s=state.expected_wait_s,
        offered=figures.offered, answered=figures.answered, abandoned=figures.abandoned,
        service_level=figures.service_level,
    )  # fmt: skip


def _caller(floor: Floor, call: FloorCall, packet: Packet | None, now: float) -> WaitingView:
    arrival = call.arrival
    return WaitingView(
        call_id=call_id_of(arrival.call_id), caller=arrival.caller, queue=arrival.queue, state=call.state.value,
        position=floor.position(arrival.call_id), agent=call.agent or ", ".join(call.offered),
        waited_s=round(max(0.0, (now if call.waits else call.answered_at) - call.entered_at), 1),
        reason=packet.reason if packet else "", intent=packet.intent if packet else "",
        summary=packet.summary if packet else "", priority=packet.priority if packet else "",
        skills=list(arrival.skills), anger=packet.anger if packet else 0.0,
    )  # fmt: skip
