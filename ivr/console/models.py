"""What the JSON API takes and gives. The OpenAPI document is made from here."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ivr.desk.packet import Packet

RoleName = Literal["admin", "ops", "agent", "designer"]
TicketState = Literal["open", "assigned", "waiting", "done"]
Priority = Literal["low", "normal", "high", "urgent"]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Problem(Model):
    """Why a request was refused."""

    error: str


class Done(Model):
    ok: bool = True


# ------------------------------------------------------------------------------------------------------------ people


class Login(Model):
    name: str = Field(max_length=100)
    password: str = Field(max_length=1000)


class Me(Model):
    name: str
    role: RoleName
    csrf: str = Field(description="Send it as X-CSRF-Token with each POST, PATCH and DELETE.")


class NewUser(Model):
    name: str = Field(min_length=1, max_length=100)
    role: RoleName


class Invitation(Model):
    name: str
    path: str = Field(description="Where the user sets the password; works once, for seven days.")


class User(Model):
    name: str
    role: RoleName
    created_at: datetime
    last_login_at: datetime | None
    has_password: bool


class UserList(Model):
    users: list[User]


class AuditEntry(Model):
    at: datetime
    actor: str
    action: str
    kind: str
    subject: str
    data: dict[str, JsonValue]


class AuditLog(Model):
    entries: list[AuditEntry]


# ------------------------------------------------------------------------------------------------------------- calls


class Line(Model):
    """One turn of a transcript."""

    speaker: str = Field(description="`caller` or `bot`.")
    text: str


class LiveCall(Model):
    id: str
    caller: str
    called: str
    state: str
    duration_ms: int
    agent: str = Field(default="", description="Who talks to the caller, if a human does.")
    partial: str = Field(default="", description="What the caller is saying just now, as far as it is understood.")
    lines: list[Line] = Field(default_factory=list)


class LiveCalls(Model):
    calls: list[LiveCall]


class Call(Model):
    id: str
    state: str
    caller: str
    called: str
    hotline: str
    language: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    reason: str
    intent: str
    queue: str
    agent: str
    data: dict[str, JsonValue]


class CallPage(Model):
    calls: list[Call]
    more: bool = Field(description="There are further ones: ask with a larger `offset`.")


class Peaks(Model):
    """Loudness of both sides, for a waveform."""

    block_ms: int
    caller: str = Field(description="Base64; one byte a block, the largest absolute sample, 255 = full scale.")
    bot: str = Field(description="The same of the bot's side.")


class Span(Model):
    """Something on the call's time line."""

    start_ms: int
    end_ms: int
    text: str = ""
    kind: str = ""


class Decision(Model):
    at_ms: int
    rule: str
    step: str
    source: str
    detail: dict[str, JsonValue]


class Slot(Model):
    at_ms: int
    name: str
    value: JsonValue
    p: float | None = None


class Turn(Model):
    speaker: str
    text: str
    confidence: float | None
    start_ms: int
    end_ms: int


class Timeline(Model):
    """The journal of a call, lane by lane, on one clock."""

    duration_ms: int
    voice: list[Span] = Field(description="Where the detector heard a voice.")
    partials: list[Span]
    turns: list[Turn]
    states: list[Span]
    decisions: list[Decision]
    slots: list[Slot]
    answers: list[Span] = Field(description="Caller's end of speech to the first sound of the answer.")
    barge_ins: list[Span] = Field(description="Caller's onset to the prompt's stop.")
    events: list[Span] = Field(description="Keys, backend replies, queue news, errors.")
    latency: dict[str, JsonValue]
    outcome: str


# ------------------------------------------------------------------------------------------------------------- floor


class QueueView(Model):
    name: str
    open: bool
    waiting: int
    agents: int
    expected_wait_s: int
    offered: int
    answered: int
    abandoned: int
    service_level: float | None = Field(description="Share answered in time, 0 to 1; none yet = null.")


class WaitingView(Model):
    """A caller on the floor, waiting or talking."""

    call_id: str
    caller: str
    queue: str
    state: str
    position: int
    waited_s: float
    reason: str
    intent: str
    summary: str
    priority: str
    skills: list[str]
    anger: float
    agent: str


class AgentView(Model):
    name: str
    state: str
    reason: str
    since_s: float | None = Field(description="How long in this state; null = since the service began.")
    until_s: float | None = Field(description="Seconds until the state ends by itself.")
    call_id: str
    then: str = Field(description="State asked for, to begin when the call is over.")
    occupancy: float | None
    skills: dict[str, int] = Field(default_factory=dict, description="Skill -> level.")
    queues: dict[str, int] = Field(default_factory=dict, description="Queue -> tier; empty = by skills.")


class FloorView(Model):
    queues: list[QueueView]
    callers: list[WaitingView]
    agents: list[AgentView]


class StateChange(Model):
    state: Literal["available", "paused", "offline"]
    reason: str = Field(default="", max_length=200)


class Person(Model):
    """A human on a call."""

    name: str
    role: str = Field(description="`agent`, `consulted`, `listen`, `whisper` or `barge`.")
    joined: bool = Field(description="false: the phone rings.")
    muted: bool


class TalkView(Model):
    """How humans have a call just now."""

    call_id: str
    holder: str = Field(description="Who has the caller; empty = the bot, or nobody yet.")
    on_hold: bool
    lent: str = Field(description="Flow that the bot runs for the holder.")
    notice: str = Field(description="What last went wrong: who did not come, and why.")
    transferring: str = Field(description="Where the caller's own phone is told to call.")
    people: list[Person]


class SuggestionView(Model):
    """Something the agent may say, or may let the bot do; nothing of it is done without the agent."""

    kind: Literal["answer", "scene"]
    flow: str
    title: str
    text: str
    p: float = Field(description="Probability that the caller wants this, 0 to 1.")
    source: str = Field(description="`file:line` in the hotline.")
    because: str = Field(description="The caller's words; empty = known before.")


class FilledView(Model):
    name: str
    value: JsonValue
    p: float
    confirmed: bool
    heard: str


class NextView(Model):
    """The next best step: what to ask for."""

    flow: str
    slot: str
    text: str
    source: str


class AssistView(Model):
    """What may help the agent, from what both sides say."""

    call_id: str
    lines: list[Line]
    partial: dict[str, str] = Field(description="By speaker: the words so far.")
    title: str = Field(description="What it is about, as far as that is known.")
    suggestions: list[SuggestionView]
    slots: list[FilledView]
    next: NextView | None


class Choice(Model):
    id: str
    title: str


class Targets(Model):
    """What can be done with the caller."""

    agents: list[str] = Field(description="Free colleagues.")
    queues: list[str] = Field(description="Open queues.")
    contacts: list[str]
    numbers: bool = Field(description="Any number can be dialled.")
    scenes: list[Choice] = Field(description="Flows that the bot can run for the agent.")
    snippets: list[Choice]


class DeskView(Model):
    """What an agent has in front of them."""

    agent: AgentView | None = Field(description="null: no agent of the floor has the user's name.")
    call_id: str = Field(default="", description="The call in hand, or the one just ended (wrap-up).")
    packet: Packet | None
    heard: bool = Field(default=False, description="The call has a recording to hear what was said.")
    talk: TalkView | None = None
    assist: AssistView | None = None
    targets: Targets | None = None
    notes: str = ""
    disposition: str = ""


class TalkChange(Model):
    action: Literal["hold", "resume", "mute", "unmute", "complete", "conference", "cancel", "recall", "leave"]


class Transfer(Model):
    kind: Literal["agent", "queue", "contact", "number"]
    to: str = Field(min_length=1, max_length=100)
    how: Literal["consult", "blind", "refer"] = Field(
        default="consult", description="Ask first; hand over at the answer; or tell the caller's phone (REFER)."
    )


class Lend(Model):
    flow: str = Field(min_length=1, max_length=200, description="The bot runs it, then the agent has the caller again.")


class Say(Model):
    text: str = Field(min_length=1, max_length=1000, description="The bot says it in the caller's language.")


class Supervise(Model):
    mode: Literal["listen", "whisper", "barge", "take_over", "leave"]


class AgentChange(Model):
    """What an agent knows and serves, from now on until the service ends."""

    skills: dict[str, int] = Field(default_factory=dict, max_length=50, description="Skill -> level from 1 to 10.")
    queues: dict[str, int] = Field(default_factory=dict, max_length=50, description="Queue -> tier; empty = by skills.")


class Move(Model):
    queue: str = Field(min_length=1, max_length=100)
    priority: Priority = "normal"


class CallNotes(Model):
    call_id: str = Field(min_length=1, max_length=200)
    notes: str = Field(default="", max_length=10_000)
    disposition: str = Field(default="", max_length=100)


# ----------------------------------------------------------------------------------------------------------- tickets


class TicketEvent(Model):
    at: datetime
    actor: str
    kind: str
    data: dict[str, JsonValue]


class Ticket(Model):
    number: str
    state: TicketState
    topic: str
    caller: str
    phone: str
    language: str
    priority: str
    reason: str
    assignee: str
    call_id: str
    created_at: datetime
    due_at: datetime | None
    updated_at: datetime
    fields: dict[str, JsonValue]


class TicketDetail(Ticket):
    history: list[TicketEvent]
    packet: dict[str, JsonValue]


class TicketList(Model):
    tickets: list[Ticket]


class Callback(Model):
    """Someone who is to be called back, or was."""

    id: str
    phone: str
    queue: str
    state: str
    tries: int
    reason: str
    ticket: str
    call_id: str
    created_at: datetime
    due_at: datetime


class CallbackList(Model):
    callbacks: list[Callback]


class CallbackAsked(Model):
    id: str


class Erased(Model):
    removed: dict[str, int] = Field(description="How much was forgotten, by kind.")


class Message(Model):
    """A message to another system."""

    id: str
    event: str
    endpoint: str
    state: str
    tries: int
    status: int = Field(description="HTTP status of the last answer; 0 = none came.")
    error: str
    created_at: datetime
    done_at: datetime | None


class MessageList(Model):
    messages: list[Message]


class TicketDraft(Model):
    topic: str = Field(min_length=1, max_length=2000)
    phone: str = Field(default="", max_length=100)
    caller: str = Field(default="", max_length=100)
    language: str = Field(default="", max_length=20)
    priority: Priority = "normal"
    call_id: str = Field(default="", max_length=200)
    due_at: datetime | None = None
    fields: dict[str, JsonValue] = Field(default_factory=dict, description="The hotline's own (desk.ticket_fields).")


class TicketChange(Model):
    """Only what is given is changed."""

    state: TicketState | None = None
    assignee: str | None = Field(default=None, max_length=100)
    priority: Priority | None = None
    topic: str | None = Field(default=None, min_length=1, max_length=2000)
    phone: str | None = Field(default=None, max_length=100)
    due_at: datetime | None = Field(default=None, description="null removes it.")
    fields: dict[str, JsonValue] | None = Field(default=None, description="Those that change; null empties one.")
    note: str = Field(default="", max_length=10_000)


# ----------------------------------------------------------------------------------------------------------- visitors


class BrowserOffer(Model):
    sdp: str = Field(max_length=65_536, description="The browser's offer: audio by DTLS-SRTP, and a data channel.")
    language: str = Field(default="", max_length=20, description="One of the hotline's; empty = its first.")
    caller: str = Field(default="", max_length=40, description="The visitor's own number, if he likes.")


class BrowserAnswer(Model):
    id: str
    sdp: str


class ChatBegin(Model):
    language: str = Field(default="", max_length=20)
    caller: str = Field(default="", max_length=40)
