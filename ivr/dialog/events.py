"""What goes into the dialog interpreter and what comes out.

    step(bundle, state, event) -> Step(state, commands, decisions)

No clock, no I/O, no randomness: times, transcripts with their readings, action results and variant choices arrive in
events, so a stored call replays exactly. All classes here are JSON data (see `ivr.dialog.codec`).

The caller of `step` (the call session, the text chat, the test runner) keeps these promises:

- One event at a time, in order. The first is CallStarted; after End is given nothing more is sent but CallerHungUp.
- Prompts given by Say play in the order given. When the last one has been played (or cut) PromptsDone is sent.
- A Listen stays in force until the next Listen, End, Handover or CallAction that does not go on; while prompts play the
  shell already listens as `barge_in` allows (full duplex), and timers start when the prompts are done.
- What the caller said is understood outside of `step` (it costs milliseconds): the shell calls
  `bundle.understanding.read(hypotheses, expectation)` and puts the readings into Heard.
- For speculation the shell may run `step` on the same state more than once and drop the results; states are values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

# ---------------------------------------------------------------------------------------------------------------- in


@dataclass(frozen=True, slots=True)
class CallContext:
    """Who calls, when. `call.*` in expressions."""

    id: str
    caller: str
    called: str
    language: str
    """A language of the hotline; empty = the hotline's first."""
    started_at: str
    """ISO 8601 with offset; the only source of `now`, which is this plus the event's `at_ms`."""
    direction: Literal["inbound", "outbound"] = "inbound"
    entry: str = ""
    """Flow to enter; empty = the hotline's `entry` for the direction."""
    channel: Literal["voice", "text"] = "voice"
    """text: prompts are read by eye (chat), so values are written: `$40.00`, not `forty dollars`."""


@dataclass(frozen=True, slots=True)
class CallStarted:
    at_ms: int
    call: CallContext
    queues: Mapping[str, QueueStatus] = field(default_factory=dict)
    overlay: Mapping[str, JsonValue] = field(default_factory=dict)
    """The ops overlay in force: `{"off": [flow...], "announcement": {lang: text}, "threshold_shift": 0.05}`;
    `"rollout": "open"` opens every flow, whatever its share (tests)."""


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """What is known of a queue before a hand-over: `queues.<name>` in expressions."""

    open: bool
    waiting: int = 0
    agents: int = 0
    expected_wait_s: int = 0


@dataclass(frozen=True, slots=True)
class Spoken:
    """One line of the n-best list."""

    text: str
    confidence: float


ReadingKind: TypeAlias = Literal["command", "yes", "no", "fill", "correct", "choose", "intent", "anger", "other"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to take what was said. `p` is the calibrated probability that this reading is right."""

    kind: ReadingKind
    value: JsonValue
    """command: its name (`agent`, `repeat`, `language`...); fill, correct: the slot's value as JSON (dates ISO, money a
    number); choose: index or option value; intent: flow id; anger: score; yes, no, other: null."""
    p: float
    slot: str = ""
    """fill, correct: which slot."""
    text: str = ""
    """The hypothesis it was read from."""
    span: tuple[int, int] = (0, 0)
    """Where in `text`, in characters; (0, 0) = all of it."""
    detail: Mapping[str, JsonValue] = field(default_factory=dict)
    """For the journal: scores of the branches, the rule that matched, `error` of an invalid fill, which `language`."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What `read` makes of an n-best list."""

    readings: tuple[Reading, ...]
    candidates: tuple[str, ...] = ()
    """Intents in the 90 % conformal set, best first."""
    in_scope: float = 1.0
    """Probability that some intent of this hotline was meant."""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """A finished utterance of the caller."""

    at_ms: int
    hypotheses: tuple[Spoken, ...]
    understood: Understood
    language: str = ""
    prompt_heard: float = 1.0
    """Share of the prompts that had been played when the caller began (1.0 = all)."""
    loudness_dbfs: float = -30.0


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys pressed, closed by length, end key or the interdigit timer. The end key is not part of `digits`."""

    at_ms: int
    digits: str


@dataclass(frozen=True, slots=True)
class NoInput:
    at_ms: int


@dataclass(frozen=True, slots=True)
class MaxSpeech:
    """The caller spoke longer than `max_speech`; nothing usable came of it."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class PromptsDone:
    """All prompts given so far were played or cut. `heard` is the text of the last Say that the caller heard."""

    at_ms: int
    heard: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ActionSucceeded:
    at_ms: int
    action_id: str
    result: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class ActionFailed:
    at_ms: int
    action_id: str
    kind: Literal["timeout", "http", "data"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FillerDue:
    """A `call` that waits has taken 1.2 s."""

    at_ms: int
    action_id: str


@dataclass(frozen=True, slots=True)
class QueueEvent:
    """News while the caller waits for a human. `closed`, `full`, `timeout`, `failed` end the wait and become `queue.*`
    events; `position` may be announced; `answered` = a human is on the line; `left` = the human has hung up or given
    the call back; `lent` = the human waits while the bot runs the flow `detail`; `recalled` = waits no longer; `taken`
    = a human has taken a call that did not ask for one."""

    at_ms: int
    kind: Literal["closed", "full", "timeout", "failed", "position", "answered", "left", "taken", "lent", "recalled"]
    position: int = 0
    expected_wait_s: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LimitReached:
    """`call`: the call has lasted as long as it may. (turns, failures, depth are counted inside.)"""

    at_ms: int
    limit: Literal["call"]


@dataclass(frozen=True, slots=True)
class EngineLost:
    """An engine the call needs has failed for good (recogniser or synthesiser): becomes `error.engine`."""

    at_ms: int
    engine: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class OverlayChanged:
    """The ops overlay was changed during the call: flows are entered, or not, by the new one."""

    at_ms: int
    overlay: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    at_ms: int


DialogEvent: TypeAlias = (
    CallStarted
    | Heard
    | Keys
    | NoInput
    | MaxSpeech
    | PromptsDone
    | ActionSucceeded
    | ActionFailed
    | FillerDue
    | QueueEvent
    | LimitReached
    | EngineLost
    | OverlayChanged
    | CallerHungUp
)

# --------------------------------------------------------------------------------------------------------------- out


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """`listen` after all scopes are merged (built-in < hotline < flow < slot < step < rung). Times in ms."""

    barge_in: bool = True
    barge_in_type: Literal["speech", "hotword", "dtmf"] = "speech"
    no_barge_in_ms: int = 0
    min_words: int = 1
    modes: tuple[Literal["speech", "dtmf"], ...] = ("speech", "dtmf")
    start_timeout_ms: int = 5000
    end_silence_ms: int = 700
    max_speech_ms: int = 15000
    interdigit_ms: int = 3000
    end_key: str = "#"
    asr: str = "default"
    hotwords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SlotExpectation:
    """What a slot takes, as far as ears and understanding need to know."""

    name: str
    type: str
    """yes_no, digits, number, money, date, time, phone, choice, text, or a plug-in's name."""
    length: tuple[int, int] | None = None
    """digits: shortest and longest."""
    options: tuple[str, ...] = ()
    """choice: option values."""
    filled: bool = False
    sensitive: bool = False
    """The caller's side of the recording is silenced while this is asked."""
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    """range, currency and the like, resolved to JSON values."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the dialog waits for: the context that understanding and recognition are given."""

    step: str
    """`flow/step` or `flow/step:mode`."""
    mode: Literal["ask", "route", "guess", "confirm", "choose", "more", "command"]
    language: str
    flow: str
    asked: str = ""
    """Slot asked for now."""
    slots: tuple[SlotExpectation, ...] = ()
    """All slots that may be filled or corrected here, the asked one first."""
    intents: tuple[str, ...] | None = None
    """Flows that may be meant; None = all triggers."""
    choices: tuple[str, ...] = ()
    """choose: what A or B stand for (flow ids or option values)."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Key -> meaning (option value, command name, flow id), for a key menu and for type-ahead."""
    key_length: tuple[int, int] | None = None
    """How many keys make an answer: (1, 1) for a menu, a slot's length for digits, None when keys mean nothing."""
    now: str = ""
    """ISO 8601: what `today` means."""
    languages: tuple[str, ...] = ()
    """Languages the caller may answer in, while his own is not known (`detect_language`); empty = `language`."""
    phrases: tuple[str, ...] = ()
    """Ways to say what a closed question offers (the asked slot's options, the things to choose between), as phrase
    templates in `language`, in the order offered: for the recogniser, which hears them better when it knows them."""
    open: bool = False
    """An open question (route, text slot): wait longer, use the second recognition pass."""


@dataclass(frozen=True, slots=True)
class Say:
    """One prompt, rendered: verbalised text of the turn's language, or a recorded file, or both (file with text as its
    transcript and fall-back)."""

    prompt_id: str
    """Unique within the call."""
    text: str
    language: str
    audio: str = ""
    """Name of a recording in the hotline's folder; empty = synthesise."""
    ssml: str = ""
    voice: str = ""
    rate: float = 1.0
    barge_in: bool = True
    source: str = ""
    """`file:line` it comes from."""
    masked: str = ""
    """The text with sensitive slots masked, for journal and screen; empty = same as text."""
    variant: int = 0
    """Which of the prompt's wordings this is, from 0."""


@dataclass(frozen=True, slots=True)
class Listen:
    settings: ListenSettings
    expectation: Expectation


@dataclass(frozen=True, slots=True)
class CallAction:
    """Ask the backend. The shell answers with ActionSucceeded or ActionFailed for `action_id`."""

    action_id: str
    name: str
    args: Mapping[str, JsonValue]
    timeout_ms: int
    wait: bool
    """False: the flow has gone on; the result is awaited where it is first read."""
    commit: bool = False
    idempotency_key: str = ""
    filler: Say | None = None
    """Played by the interpreter on FillerDue; here so that a shell may synthesise it ahead."""


@dataclass(frozen=True, slots=True)
class HandoverSlot:
    """A slot as the human sees it."""

    name: str
    value: JsonValue
    confidence: float
    confirmed: bool
    alternatives: tuple[JsonValue, ...] = ()
    heard_at_ms: int = 0
    """Position in the call where the caller said it: the clip to play."""
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Handover:
    """Give the call to a human. Answered by QueueEvents."""

    queue: str
    reason: str
    skills: tuple[str, ...] = ()
    priority: str = "normal"
    max_wait_ms: int = 180_000
    music: str = ""
    summary: str = ""
    intent: str = ""
    language: str = ""
    slots: tuple[HandoverSlot, ...] = ()
    share: tuple[str, ...] = ()
    """Names of the slots for the screen pop."""
    tried: tuple[str, ...] = ()
    """What the bot tried: steps with their failures, e.g. `dispute/details nomatch x3`."""
    anger: float = 0.0
    source: str = ""


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """The caller no longer waits for a human."""

    reason: str


@dataclass(frozen=True, slots=True)
class StopPrompts:
    """Cut what is playing and what is queued (a hand-over that cannot wait, a queue that opened)."""


@dataclass(frozen=True, slots=True)
class End:
    """The dialog is over: when the queued prompts are played, hang up."""

    outcome: str
    """resolved, ticket, abandoned, refused, handed_over or failed."""
    cause: str = ""


DialogCommand: TypeAlias = Say | Listen | CallAction | Handover | LeaveQueue | StopPrompts | End


@dataclass(frozen=True, slots=True)
class Decision:
    """Why the dialog did what it did: one journal line."""

    rule: str
    """Number and name, e.g. `5 pick: correction`, `6 band: confirm`, `9 fail: nomatch 2`."""
    step: str
    source: str
    """`file:line` of the step or handler that decided."""
    detail: Mapping[str, JsonValue] = field(default_factory=dict)
