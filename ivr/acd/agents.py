"""Agents and their states.

                 offer              accept             finish            time is up
    AVAILABLE ----------> RINGING ----------> BUSY ----------> WRAP_UP ----------> AVAILABLE
        ^                    | refuse, withdrawn                  (or PAUSED, OFFLINE when asked for meanwhile)
        '---- resume ---- PAUSED                           OFFLINE: signed out; sign in makes AVAILABLE
        '---- give back -- ELSEWHERE: another node of the cluster has them
    AVAILABLE -- engage (asked to a colleague's call) --> BUSY -- disengage --> WRAP_UP, or as before

A pause or sign-out asked for in a call takes force at its end. A pause after a call let ring ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ivr.acd.config import AgentConfig


class AgentState(Enum):
    OFFLINE = "offline"
    AVAILABLE = "available"
    RINGING = "ringing"
    BUSY = "busy"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"
    ELSEWHERE = "elsewhere"


MOVES: dict[AgentState, frozenset[AgentState]] = {
    AgentState.OFFLINE: frozenset({AgentState.AVAILABLE, AgentState.PAUSED}),
    AgentState.AVAILABLE: frozenset(
        {AgentState.RINGING, AgentState.BUSY, AgentState.PAUSED, AgentState.OFFLINE, AgentState.ELSEWHERE}
    ),
    AgentState.RINGING: frozenset(
        {AgentState.AVAILABLE, AgentState.BUSY, AgentState.PAUSED, AgentState.OFFLINE, AgentState.ELSEWHERE}
    ),
    AgentState.BUSY: frozenset({AgentState.WRAP_UP}),
    AgentState.WRAP_UP: frozenset({AgentState.AVAILABLE, AgentState.PAUSED, AgentState.OFFLINE}),
    AgentState.PAUSED: frozenset({AgentState.AVAILABLE, AgentState.PAUSED, AgentState.OFFLINE}),
    AgentState.ELSEWHERE: frozenset({AgentState.AVAILABLE, AgentState.PAUSED, AgentState.OFFLINE}),
}
"""Which state may follow which."""

IN_CALL = frozenset({AgentState.BUSY, AgentState.WRAP_UP})
NO_CALL = frozenset({AgentState.AVAILABLE, AgentState.PAUSED, AgentState.OFFLINE, AgentState.ELSEWHERE})


@dataclass(slots=True)
class Agent:
    """An agent on the floor."""

    config: AgentConfig
    order: int
    """Place in the list of agents, for `linear`."""
    state: AgentState = AgentState.OFFLINE
    reason: str = ""
    """Why paused."""
    since: float = 0.0
    """When the state began."""
    idle_since: float = 0.0
    """When the last call ended, or they signed in; pauses do not count as idle."""
    call_id: str = ""
    """The call that rings, is talked or was the last one (wrap-up)."""
    until: float | None = None
    """When wrap-up or a pause ends by itself."""
    missed: int = 0
    """Unanswered calls in a row."""
    then: tuple[AgentState, str] | None = None
    """Asked for in a call: PAUSED with a reason, or OFFLINE."""
    offers: int = 0
    """Calls offered so far, for `round_robin`."""
    offered_at: float = 0.0
    seconds: dict[AgentState, float] = field(default_factory=dict)
    """Time spent in each state before the present one."""

    @property
    def name(self) -> str:
        return self.config.name

    def move(self, state: AgentState, now: float, reason: str = "", until: float | None = None) -> None:
        assert state in MOVES[self.state], f"{self.name}: {self.state.value} -> {state.value}"
        self.seconds[self.state] = self.seconds.get(self.state, 0.0) + now - self.since
        self.state, self.reason, self.since, self.until = state, reason, now, until
        if state in NO_CALL:
            self.call_id = ""

    def occupancy(self, now: float) -> float | None:
        """Share of the time ready for calls that was spent with calls; None before there was any."""
        spent = {**self.seconds, self.state: self.seconds.get(self.state, 0.0) + now - self.since}
        busy = sum(spent.get(state, 0.0) for state in IN_CALL)
        ready = busy + spent.get(AgentState.AVAILABLE, 0.0) + spent.get(AgentState.RINGING, 0.0)
        return busy / ready if ready else None
