"""How the bot listens."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ivr.dialog.schema.base import Node
from ivr.dialog.schema.values import Duration, Flag, Key, Text, Whole


class Listen(Node):
    """How the bot listens. Settings merge key by key: built-in < hotline < flow < slot < step < ladder rung; None here
    means "not written"."""

    what: ClassVar[str] = "`listen`"

    barge_in: Flag | None = Field(default=None, description="May the caller cut the prompt? Built-in: true.")
    barge_in_type: Literal["speech", "hotword", "dtmf"] | None = Field(
        default=None,
        description="What cuts: any speech, only what the step accepts, or only keys (what is said meanwhile counts "
        "after the prompt). Built-in: speech.",
    )
    no_barge_in_ms: Duration | None = Field(
        default=None, alias="no_barge_in", description="The prompt's beginning that cannot be cut. Built-in: 0s."
    )
    min_words: Whole | None = Field(
        default=None,
        ge=0,
        le=20,
        description="Words that must be heard to cut (two Chinese characters count as one). Built-in: 1.",
    )
    modes: tuple[Literal["speech", "dtmf"], ...] | None = Field(
        default=None, min_length=1, description="What is taken: speech, keys or both. Built-in: both."
    )
    start_timeout_ms: Duration | None = Field(
        default=None, alias="start_timeout", description="Silence after the prompt until `noinput`. Built-in: 5s."
    )
    end_silence_ms: Duration | None = Field(
        default=None, alias="end_silence", description="Silence that ends the caller's turn. Built-in: 700ms."
    )
    max_speech_ms: Duration | None = Field(
        default=None, alias="max_speech", description="Longest turn of the caller. Built-in: 15s."
    )
    interdigit_ms: Duration | None = Field(
        default=None, alias="interdigit", description="Wait between keys until they count as complete. Built-in: 3s."
    )
    end_key: Key | None = Field(default=None, description='Key that ends keyed digits. Built-in: "#".')
    asr: Text | None = Field(default=None, description="Recogniser profile (`digits`, say). Built-in: default.")
    hotwords: tuple[Text, ...] | None = Field(default=None, description="Words the recogniser should expect here.")
