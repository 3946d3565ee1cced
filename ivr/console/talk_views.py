"""Talks and what helps in them, as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Protocol

from ivr.acd.agents import AgentState
from ivr.console.models import (
    AssistView,
    Choice,
    FilledView,
    Line,
    NextView,
    Person,
    SuggestionView,
    TalkView,
    Targets,
)
from ivr.console.views import Desk
from ivr.desk.talks import Talk
from ivr.dialog.assist import Advice
from ivr.dialog.bundle import Bundle


class Helped(Protocol):
    """`ivr.service.assist.Helped`, as far as it is shown."""

    partial: dict[str, str]

    @property
    def advice(self) -> Advice: ...
    @property
    def bundle(self) -> Bundle: ...


class Assist(Protocol):
    """`ivr.service.assist.LiveAssist`."""

    def of(self, call_id: str) -> Helped | None: ...

    def lines(self, call_id: str) -> Sequence[tuple[str, str, int]]: ...


class NoAssist:
    """Where nobody reads along."""

    def of(self, call_id: str) -> Helped | None:
        return None

    def lines(self, call_id: str) -> Sequence[tuple[str, str, int]]:
        return ()


def talk_view(talk: Talk) -> TalkView:
    people = [
        Person(name=party.name, role=party.role.value, joined=True, muted=party.muted)
        for party in talk.conference
        if "~" not in party.name  # who listens along from a page is not shown
    ]
    known = {person.name for person in people}
    people += [
        Person(name=guest.name, role=guest.role.value, joined=False, muted=False)
        for guest in talk.guests.values()
        if guest.name not in known
    ]
    return TalkView(
        call_id=talk.driver.info.call_id, holder=talk.holder, on_hold=talk.conference.on_hold, lent=talk.lent,
        notice=talk.notice, transferring=talk.transferring, people=people,
    )  # fmt: skip


def for_agent(view: TalkView) -> TalkView:
    """Agents do not see who listens to them silently."""
    people = [person for person in view.people if person.role != "listen"]
    return view.model_copy(update={"people": people})


def assist_view(call_id: str, assist: Assist) -> AssistView | None:
    helped = assist.of(call_id)
    if helped is None:
        return None
    advice = helped.advice
    return AssistView(
        call_id=call_id,
        lines=[Line(speaker=speaker, text=text) for speaker, text, _ in assist.lines(call_id)[-60:]],
        partial=dict(helped.partial),
        title=advice.title,
        suggestions=[SuggestionView(**asdict(one)) for one in advice.suggestions],
        slots=[FilledView(**asdict(one)) for one in advice.slots],
        next=NextView(**asdict(advice.next)) if advice.next is not None else None,
    )


def targets(desk: Desk, user: str, helped: Helped | None, language: str) -> Targets:
    """What an agent can do with the caller now."""
    agents = desk.floor.roster.agents.values()
    scenes: list[Choice] = []
    if helped is not None:
        for name, flow in helped.bundle.program.flows.items():
            if flow.trigger is not None and not flow.answers:
                titles = flow.trigger.title
                scenes.append(Choice(id=name, title=titles.get(language) or next(iter(titles.values()), name)))
    snippets = []
    for name, texts in desk.config.snippets.items():
        text = texts.get(language) or next(iter(texts.values()), "")
        if text:
            snippets.append(Choice(id=name, title=text))
    return Targets(
        agents=[agent.name for agent in agents if agent.state is AgentState.AVAILABLE and agent.name != user],
        queues=[name for name in desk.floor.roster.queues if desk.status(name).open],
        contacts=list(desk.config.contacts),
        numbers=bool(desk.config.number_uri),
        scenes=scenes,
        snippets=snippets,
    )
