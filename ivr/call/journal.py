"""The journal: what entered the core and what it decided, one JSON object a line.

    {"at": 48000, "kind": "in.FinalTranscript", "data": {...}}

`at` counts samples at 16 kHz since the call was answered. Kinds:

    call.start            who calls, which hotline and bundle, settings
    activity              one second of blocks: two hex digits each, bit 7 = voice, the rest = level (-dBFS)
    in.<Name>             an event of `ivr.call.events` as it came in (sound replaced by its length)
    out.<Name>            a command that leaves the core
    state                 the call's state changed
    speech.start, speech.end, turn.*, barge_in.*, key    what turn-taking decided, and why
    prompt.start, prompt.end, prompt.cut                 what the caller heard, to the word
    dialog.decision       rule, step, file:line, scores
    call.end              outcome

Sound is not here: it lies beside the journal in the stereo recording. Equal input gives equal lines.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, cast, get_type_hints

import numpy as np

from ivr.audio.frame import Samples
from ivr.call import events as call_events
from ivr.call.events import CallEvent, EngineEvent
from ivr.dialog.codec import decode, encode
from ivr.dialog.events import JsonValue
from ivr.errors import InputError

_INPUTS: dict[str, type[Any]] = {
    name: getattr(call_events, name)
    for name in (
        "PartialTranscript", "FinalTranscript", "RecognitionFailed", "UtteranceUnderstood", "TurnJudged", "PromptAudio",
        "PromptFailed", "DigitPressed", "BackendReplied", "BackendFailed", "QueueChanged", "OverlayChanged",
        "MediaLost", "CallerGone",
    )
}  # fmt: skip


def to_json(value: object) -> JsonValue:
    """A dataclass of the contracts as JSON data; sound becomes the count of its samples."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return encode(value)
    fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    return {name: len(item) if isinstance(item, np.ndarray) else encode(item) for name, item in fields.items()}


_SAID = frozenset({"fill", "correct", "choose", "other"})
"""Readings whose value is what the caller said; the value of others is a name of the hotline's own."""


def mask(data: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """An input with what the caller said made unreadable, of the same shape: words become dots, figures become ones (a
    value of four digits stays one of four digits), so that the flow takes the same way when the journal is replayed."""
    said = data.get("kind") in _SAID or "kind" not in data
    return {key: _mask_value(key, value, said) for key, value in data.items()}


def _mask_value(key: str, value: JsonValue, said: bool) -> JsonValue:
    if isinstance(value, dict):
        return mask(value)
    if isinstance(value, list):
        return [mask(item) if isinstance(item, dict) else item for item in value]
    if key == "text":
        return "".join(" " if char.isspace() else "•" for char in str(value))
    if key == "digit" or (key == "value" and said):
        return _hide(value)
    return value


def _hide(value: JsonValue) -> JsonValue:
    if isinstance(value, bool) or value is None:
        return value
    ones = "".join("1" if char.isdigit() else char for char in str(value))
    if isinstance(value, int):
        return int(ones)
    if isinstance(value, float):
        return float(ones) if "e" not in ones else 1.0
    return ones if ones != value else "".join("•" if char.isalpha() else char for char in ones)


def dumps(event: CallEvent) -> str:
    """One journal line, without its line end; equal events give equal text."""
    record = {"at": event.at, "kind": event.kind, "data": event.data}
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def loads(lines: Iterable[str], name: str = "journal") -> Iterator[CallEvent]:
    """Read a journal back. A last line cut off by a crash is left out; any other bad line raises InputError."""
    pending: tuple[int, str] | None = None
    for number, line in enumerate(lines, start=1):
        if pending is not None:
            raise InputError(f"{name}:{pending[0]}: not a journal line: {pending[1][:80]!r}")
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            yield CallEvent(int(record["at"]), str(record["kind"]), record["data"])
        except (ValueError, KeyError, TypeError):
            pending = (number, line)


def parse_input(event: CallEvent) -> EngineEvent:
    """The engine event that an `in.*` line holds; its sound is silence of the same length. Raises InputError."""
    kind = _INPUTS.get(event.kind.removeprefix("in."))
    if kind is None:
        raise InputError(f"unknown journal event {event.kind!r} at sample {event.at}")
    hints = _hints(event.kind.removeprefix("in."))
    try:
        fields = {
            name: _silence(item) if name == "samples" else decode(hints[name], item)
            for name, item in event.data.items()
        }
        return cast("EngineEvent", kind(**fields))
    except (TypeError, KeyError, ValueError, InputError) as error:
        raise InputError(f"journal event {event.kind!r} at sample {event.at} is damaged: {error}") from error


@cache
def _hints(name: str) -> dict[str, Any]:
    return get_type_hints(_INPUTS[name])


def _silence(length: JsonValue) -> Samples:
    if not isinstance(length, int) or not 0 <= length <= 1 << 31:
        raise ValueError(f"{length!r} is no count of samples")
    return np.broadcast_to(np.int16(0), (length,))
