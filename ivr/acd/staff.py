"""What agents do next: they wrap up, come free, pause, and rest for a while after a call that they did not take."""

from __future__ import annotations

from ivr.acd.agents import Agent, AgentState
from ivr.acd.commands import RefuseKind
from ivr.acd.roster import Roster
from ivr.acd.waits import Wait, Waits


class Staff:
    """The agents' states, the times at which they end, and who is available."""

    def __init__(self, roster: Roster, waits: Waits) -> None:
        self._roster = roster
        self._waits = waits
        self._left = False

    def take_signed_out(self) -> bool:
        """Whether someone has left since this was asked last: callers may wait for whom there is nobody any more."""
        left, self._left = self._left, False
        return left

    def wrap_up(self, agent: Agent, wrap_up_s: float, now: float) -> None:
        agent.move(AgentState.WRAP_UP, now, until=now + wrap_up_s)
        if wrap_up_s:
            self._waits.set(Wait("agent", agent.name), now + wrap_up_s)
        else:
            self.ready(agent, now)

    def move(self, agent: Agent, state: AgentState, now: float, reason: str = "", until: float | None = None) -> None:
        agent.move(state, now, reason, until)
        self._waits.cancel(Wait("agent", agent.name))
        if until is not None:
            self._waits.set(Wait("agent", agent.name), until)
        if state is AgentState.AVAILABLE:
            self._roster.available.add(agent.name)
        else:
            self._roster.available.discard(agent.name)
        self._left |= state is AgentState.OFFLINE

    def ready(self, agent: Agent, now: float) -> None:
        """Wrap-up, a pause or a ring is over: available, unless something else was asked for meanwhile."""
        if agent.state is AgentState.WRAP_UP:
            agent.idle_since = now
        state, reason = agent.then or (AgentState.AVAILABLE, "")
        agent.then = None
        self.move(agent, state, now, reason)

    def punish(self, agent: Agent, kind: RefuseKind, now: float) -> None:
        """No calls for a while, so that the next caller does not meet the same silence."""
        config = agent.config
        delays = {"no_answer": config.no_answer_delay_s, "rejected": config.reject_delay_s}
        agent.missed += kind == "no_answer"
        if agent.then is not None:
            self.ready(agent, now)
        elif config.max_no_answer and agent.missed >= config.max_no_answer:
            self.move(agent, AgentState.PAUSED, now, f"{agent.missed} calls unanswered")
        elif delay := delays.get(kind, config.busy_delay_s):
            self.move(agent, AgentState.PAUSED, now, kind, now + delay)
        else:
            self.ready(agent, now)
