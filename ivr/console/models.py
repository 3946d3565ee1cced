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


class FloorView(Model):
    queues: list[QueueView]
    callers: list[WaitingView]
    agents: list[AgentView]


class StateChange(Model):
    state: Literal["available", "paused", "offline"]
    reason: str = Field(default="", max_length=200)


class DeskView(Model):
    """What an agent has in front of them."""

    agent: AgentView | None = Field(description="null: no agent of the floor has the user's name.")
    packet: Packet | None
    notes: str = ""
    disposition: str = ""


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


class TicketDraft(Model):
    topic: str = Field(min_length=1, max_length=2000)
    phone: str = Field(default="", max_length=100)
    caller: str = Field(default="", max_length=100)
    language: str = Field(default="", max_length=20)
    priority: Priority = "normal"
    call_id: str = Field(default="", max_length=200)
    due_at: datetime | None = None


class TicketChange(Model):
    """Only what is given is changed."""

    state: TicketState | None = None
    assignee: str | None = Field(default=None, max_length=100)
    priority: Priority | None = None
    topic: str | None = Field(default=None, min_length=1, max_length=2000)
    phone: str | None = Field(default=None, max_length=100)
    due_at: datetime | None = Field(default=None, description="null removes it.")
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
