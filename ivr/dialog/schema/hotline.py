"""hotline.yaml: what all flows share."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, WithJsonSchema

from ivr.dialog.schema.base import Node
from ivr.dialog.schema.handler import Catch
from ivr.dialog.schema.listen import Listen
from ivr.dialog.schema.prompt import PHRASES_SCHEMA, Command
from ivr.dialog.schema.slot import ConfirmMode, Slot
from ivr.dialog.schema.values import (
    Duration,
    Hours,
    Identifier,
    Language,
    Number,
    Probability,
    Text,
    Texts,
    Whole,
    Zone,
)


class Entry(Node):
    """Where calls begin."""

    what: ClassVar[str] = "`entry`"

    inbound: Identifier | None = Field(default=None, description="Flow for calls that come in.")
    outbound: Identifier | None = Field(default=None, description="Flow for calls the hotline makes.")


class Confidence(Node):
    """What to do with how sure an answer is (p = calibrated probability that the reading is right)."""

    what: ClassVar[str] = "`confidence`"

    accept: Probability = Field(default=0.85, description="From here on it is taken.")
    confirm: Probability = Field(default=0.50, description="From here on it is asked back; below, it is a failure.")
    choices: Whole = Field(default=2, ge=2, le=4, description="Up to so many candidates are offered as `A or B?`.")


class Limits(Node):
    """How long a call may go on."""

    what: ClassVar[str] = "`limits`"

    turns: Whole = Field(default=25, ge=1, description="Turns of the caller, then `limit.turns`.")
    failures: Whole = Field(default=8, ge=1, description="Failures in the call, then `limit.failures`.")
    depth: Whole = Field(default=3, ge=0, description="Digressions inside each other, then `limit.depth`.")
    call_ms: Duration = Field(default=600_000, alias="call", description="Length of the call (10m), then `limit.call`.")


class Defaults(Node):
    """Settings of all flows."""

    what: ClassVar[str] = "`defaults`"

    listen: Listen | None = Field(default=None, description="How the bot listens.")
    confirm: ConfirmMode = Field(default="auto", description="How slots are confirmed where they say nothing.")
    confidence: Confidence = Field(default=Confidence(), description="Thresholds.")
    limits: Limits = Field(default=Limits(), description="Limits of a call.")
    voice: dict[Language, Text] = Field(default_factory=dict, description="Voice by language.")
    detect_language: Literal["first_turn", "always", "never"] = Field(
        default="first_turn", description="When the caller's language is found from what is said."
    )


class Queue(Node):
    """A queue of human agents."""

    what: ClassVar[str] = "a queue"

    skills: tuple[Text, ...] = Field(description="Skills its agents have.")
    hours: Hours = Field(description='Opening hours: "Mo-Fr 09:00-18:00; Sa 10:00-14:00" or "24/7".')
    timezone: Zone = Field(description="Zone of the hours: Asia/Shanghai.")


_SAY_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}


class Term(Node):
    """A word of the domain, for the ears, the understanding and the mouth."""

    what: ClassVar[str] = "a word of the lexicon"

    term: Text = Field(description="As it is written.")
    sounds_like: Annotated[Texts, WithJsonSchema(PHRASES_SCHEMA)] = Field(
        default=(), description="How recognisers mishear it."
    )
    say: Annotated[Text | dict[Language, Text], WithJsonSchema(_SAY_SCHEMA)] = Field(
        default="", description="How it is pronounced, as text; one for all languages or {language: text}."
    )
    boost: Number = Field(default=1.0, ge=0, le=10, description="Weight in recognition.")


class Anger(Node):
    """When an angry caller is noticed."""

    what: ClassVar[str] = "`anger`"

    on: Probability = Field(default=0.7, description="Score from which the `anger` event comes, once a call.")


class Retention(Node):
    """How long calls are kept."""

    what: ClassVar[str] = "`retention`"

    audio_ms: Duration = Field(default=90 * 86_400_000, alias="audio", description="Recordings (90d).")
    text_ms: Duration = Field(default=180 * 86_400_000, alias="text", description="Transcripts and journals (180d).")


class Hotline(Node):
    """The hotline: its languages, its settings, what callers may always say, and what happens when things go wrong."""

    what: ClassVar[str] = "hotline.yaml"

    hotline: Identifier = Field(description="Name of the hotline.")
    version: Literal[1] = Field(alias="schema", description="Version of the dialog language: 1.")
    languages: tuple[Language, ...] = Field(min_length=1, description="Languages; the first is the fall-back.")
    entry: Entry = Field(description="Where calls begin: {inbound, outbound: flow}.")
    defaults: Defaults = Field(default=Defaults(), description="Settings of all flows.")
    commands: dict[Identifier, Command] = Field(
        default_factory=dict, description="What callers may always say; added to the built-in phrases."
    )
    queues: dict[Identifier, Queue] = Field(default_factory=dict, description="Queues of human agents.")
    catch: Catch = Field(default_factory=dict, description="Handlers for events anywhere.")
    slots: dict[Identifier, Slot] = Field(default_factory=dict, description="Slots of the whole call.")
    lexicon: tuple[Term, ...] = Field(default=(), description="Words of the domain.")
    anger: Anger = Field(default=Anger(), description="When an angry caller is noticed.")
    retention: Retention = Field(
        default=Retention(),
        description="How long calls should be kept. A service deletes by its own settings; it warns if they keep more.",
    )
