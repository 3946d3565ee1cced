"""The state of a call's dialog: plain data, a value.

`step` clones it, works on the clone and gives the clone back, so that a shell may keep an earlier state and go on from
there (speculation, a turn that is opened again). JSON values inside are never changed in place, only replaced: a clone
is therefore shallow below the frames, and cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from ivr.dialog.events import CallContext, DialogEvent, JsonValue, QueueStatus, Say

Phase: TypeAlias = Literal["running", "listening", "acting", "queued", "bridged", "ended"]
"""Who owns the wait: the caller, the backend, the queue, a human, nobody (ended). `running` is never seen outside."""

FrameKind: TypeAlias = Literal[
    "entry", "run", "route", "digression", "handler", "after_handover", "done", "hangup", "lent"
]
"""Who pushed the frame, which decides where it returns to (rule 15)."""

Mode: TypeAlias = Literal["ask", "route", "guess", "confirm", "choose", "more"]
Subject: TypeAlias = Literal["slot", "form", "which", "intent", "leave"]


@dataclass(slots=True)
class SlotValue:
    value: JsonValue
    p: float = 1.0
    confirmed: bool = False
    alternatives: list[JsonValue] = field(default_factory=list)
    heard_at_ms: int = 0


@dataclass(slots=True)
class Candidate:
    """Something the caller may have meant: an intent (slot empty) or a value for a slot."""

    value: JsonValue
    p: float
    slot: str = ""
    alternatives: list[JsonValue] = field(default_factory=list)


@dataclass(slots=True)
class Question:
    """What is open in a frame's `ask` or `route` step."""

    step: str
    mode: Mode
    asked: str = ""
    subject: Subject = "slot"
    """What a confirm or choose is about."""
    candidates: list[Candidate] = field(default_factory=list)
    rejected: list[JsonValue] = field(default_factory=list)
    """Values and intents the caller has said no to: not offered again in this visit."""
    offered: bool = False
    """The value to confirm is a default, which the caller has not been asked for yet."""
    guesses: int = 0
    """How many guesses were offered."""
    failures: int = 0
    """The one failure count of this visit (rule 9)."""
    menu: bool = False
    """The question has become a key menu."""
    listen: dict[str, JsonValue] = field(default_factory=dict)
    """`listen` of the ladder's rung in force."""
    heard: list[str] = field(default_factory=list)
    """What the caller has said to an open question: values in it need not be asked for again."""
    parent: Question | None = None
    """leave: the question that is left, to come back to."""


@dataclass(slots=True)
class Frame:
    flow: str
    kind: FrameKind
    step: str = ""
    """Where it stands; empty = past its last step."""
    args: dict[str, JsonValue] = field(default_factory=dict)
    slots: dict[str, SlotValue] = field(default_factory=dict)
    mentioned: list[str] = field(default_factory=list)
    """Slots in the order in which they were last said."""
    question: Question | None = None
    history: list[str] = field(default_factory=list)
    """Steps done, for going back to what a correction touches."""
    reads: dict[str, list[str]] = field(default_factory=dict)
    """call step -> the slots its arguments were made of."""
    said: list[str] = field(default_factory=list)
    """The words that led into this flow."""
    carried: list[str] = field(default_factory=list)
    """Slots that were filled from such words."""
    repeated: list[str] = field(default_factory=list)
    """Those of them that were said back."""
    committed: bool = False
    leaving: bool = False
    """The step has done its work and only its `next` is left."""


@dataclass(slots=True)
class PendingAction:
    """A backend call in flight."""

    name: str
    flow: str
    step: str
    wait: bool
    saves: list[str]
    filler_said: bool = False


@dataclass(slots=True)
class HandoverState:
    queue: str
    reason: str
    step: str
    """Step whose `next` follows; empty when a handler handed over."""
    position: int = 0
    announced_at_ms: int = -1
    minutes: int = 0
    """The wait that was told with `position`."""


@dataclass(slots=True)
class DialogState:
    call: CallContext
    language: str
    phase: Phase = "running"
    now_ms: int = 0
    frames: list[Frame] = field(default_factory=list)
    values: dict[str, JsonValue] = field(default_factory=dict)
    """What `save` and `set` gave: one scope for the call."""
    slots: dict[str, SlotValue] = field(default_factory=dict)
    """Slots of scope `call`."""
    pending: dict[str, PendingAction] = field(default_factory=dict)
    acting: str = ""
    """The action that is waited for."""
    deferred: DialogEvent | None = None
    """An event that could not be handled before a background call gives its result."""
    handover: HandoverState | None = None
    lent: HandoverState | None = None
    """A human has lent the call to the bot for one flow (a frame of kind `lent`) and waits for it."""
    handover_over: bool = False
    """The hand-over has ended: its step's `next`, else `done`, comes now."""
    queues: dict[str, QueueStatus] = field(default_factory=dict)
    overlay: dict[str, JsonValue] = field(default_factory=dict)
    turns: int = 0
    failures: int = 0
    anger: float = 0.0
    raised: list[str] = field(default_factory=list)
    """Events that come once a call and have come: anger, done, limit.*, hangup, filler."""
    topic: str = ""
    outcome: str = ""
    cause: str = ""
    rate: float = 1.0
    repeats: int = 0
    last_prompts: list[Say] = field(default_factory=list)
    """The prompts of the last question, for `repeat`."""
    typeahead: str = ""
    prompt_count: int = 0
    action_count: int = 0
    transcript: list[str] = field(default_factory=list)
    """The last lines of the talk, sensitive values masked."""
    tried: dict[str, int] = field(default_factory=dict)
    hung_up: bool = False

    def clone(self) -> DialogState:
        copy = _copy(self)
        copy.frames = [_clone_frame(frame) for frame in self.frames]
        copy.values = dict(self.values)
        copy.slots = dict(self.slots)
        copy.pending = {key: _copy(item) for key, item in self.pending.items()}
        copy.handover = _copy(self.handover) if self.handover else None
        copy.lent = _copy(self.lent) if self.lent else None
        copy.queues = dict(self.queues)
        copy.raised = list(self.raised)
        copy.last_prompts = list(self.last_prompts)
        copy.transcript = list(self.transcript)
        copy.tried = dict(self.tried)
        return copy

    @property
    def top(self) -> Frame:
        return self.frames[-1]


T = TypeVar("T")


def _copy(value: T) -> T:
    """A shallow copy: an event makes dozens, and `dataclasses.replace` would check and name each field again."""
    kind: Any = type(value)
    new: T = object.__new__(kind)
    for name in kind.__slots__:
        setattr(new, name, getattr(value, name))
    return new


def _clone_frame(frame: Frame) -> Frame:
    copy = _copy(frame)
    copy.slots = dict(frame.slots)
    copy.mentioned = list(frame.mentioned)
    copy.history = list(frame.history)
    copy.reads = dict(frame.reads)
    copy.said, copy.carried, copy.repeated = list(frame.said), list(frame.carried), list(frame.repeated)
    copy.question = _clone_question(frame.question)
    return copy


def _clone_question(question: Question | None) -> Question | None:
    if question is None:
        return None
    copy = _copy(question)
    copy.candidates = list(question.candidates)
    copy.rejected = list(question.rejected)
    copy.heard = list(question.heard)
    copy.parent = _clone_question(question.parent)
    return copy
