"""Run a recording, or a stored call, through the call core: what would the bot have done?

A recording is heard by the engines at the offsets it has. A stored call replays from its journal, thousands of times
faster, since everything the engines said is in there; with the same hotline its decisions are the same to the byte.
When a changed hotline makes the bot say something else, the recorded caller goes on as he did: from the first
divergence on he answers questions he was not asked. So that point is reported; `by_turns` feeds each utterance when
the bot is ready for it instead.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, Samples
from ivr.audio.vad import create_detector
from ivr.audio.wav import StereoWriter, iter_frames
from ivr.call import events as call
from ivr.call.events import CallEvent
from ivr.call.journal import dumps, loads, parse_input
from ivr.call.session import CallSession
from ivr.call.settings import CallSettings
from ivr.call.states import CallState
from ivr.call.vocabulary import Vocabulary
from ivr.call.words import SpokenWords
from ivr.dialog.bundle import Bundle
from ivr.dialog.codec import encode
from ivr.dialog.events import CallContext, QueueStatus
from ivr.errors import InputError
from ivr.replay.engines import ReplayEngines
from ivr.replay.report import CallReport, report_of
from ivr.replay.shell import Latencies, SyncShell
from ivr.service.detectors import AUTO, detector_maker
from ivr.service.recorder import CALL, JOURNAL, RECORDING

_TAIL_MS = 12_000
"""Silence after a recording's end in which the bot may finish what it began."""
_QUIET_TAIL_MS = 1_500
"""The caller hangs up when the bot has waited for him so long after the recording's end."""
_STARTED = "2026-01-05T10:00:00+08:00"
"""Time of day of a recording that says nothing of its own: a Monday morning."""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    language: str = ""
    caller: str = ""
    started_at: str = _STARTED
    detector: str = AUTO
    by_turns: bool = False
    record: Path | None = None
    """Folder for each replay as a stored call of its own: stereo recording, journal, head."""
    queues_open: bool = True
    settings: CallSettings = field(default_factory=CallSettings)
    latencies: Latencies = field(default_factory=Latencies)


@dataclass(frozen=True, slots=True)
class Replayed:
    """One replayed call."""

    id: str
    source: str
    report: CallReport
    journal: tuple[CallEvent, ...]
    audio_s: float
    wall_s: float
    mode: str
    """`engines` or `events`."""
    divergence: str = ""
    """Where the decisions first differ from the stored ones; empty = nowhere, or nothing was stored."""

    def to_json(self) -> dict[str, Any]:
        report = self.report
        return {
            "id": self.id, "file": self.source, "outcome": report.outcome, "dialog_outcome": report.dialog_outcome,
            "handover_reason": report.handover_reason, "slots": dict(report.slots),
            "turns": [
                {"speaker": t.speaker, "text": t.text, "confidence": t.confidence, "start_ms": t.start_ms,
                 "end_ms": t.end_ms}
                for t in report.turns
            ],
            "decisions": list(report.decisions), "latency": report.latency.to_json(),
            "speculation": report.speculation.to_json(), "audio_s": round(self.audio_s, 3),
            "wall_s": round(self.wall_s, 3), "mode": self.mode, "divergence": self.divergence,
        }  # fmt: skip


def settings_for(bundle: Bundle, settings: CallSettings) -> CallSettings:
    """The operator's settings with the hotline's own limits and vocabulary."""
    return replace(settings, call_limit_ms=bundle.definition.hotline.defaults.limits.call_ms, hints=bundle.hints)


def queue_statuses(bundle: Bundle, *, is_open: bool) -> dict[str, QueueStatus]:
    """All queues of the hotline in one state, for replay and simulation."""
    return {name: QueueStatus(is_open, agents=int(is_open)) for name in bundle.definition.hotline.queues}


# ------------------------------------------------------------------------------------------------------ from recordings


def replay_recording(
    path: Path, bundle: Bundle, engines: ReplayEngines, options: ReplayOptions,
    head: dict[str, Any] | None = None, progress: Callable[[float], None] | None = None,
) -> Replayed:  # fmt: skip
    """A sound file as the caller (its left channel if it has two). Raises AudioFileError."""
    began = time.perf_counter()
    frames = iter_frames(path, channel=_caller_channel(path))
    head = head or {}
    context = CallContext(
        str(head.get("id") or path.stem), str(head.get("caller") or options.caller), str(head.get("called") or ""),
        str(head.get("language") or options.language), str(head.get("started_at") or options.started_at),
    )  # fmt: skip
    run = _Run(bundle, engines, options, context)
    feed = run.by_turns if options.by_turns else run.straight
    feed(_reported(frames, progress))
    run.hang_up()
    journal = tuple(run.shell.journal)
    wall = time.perf_counter() - began
    report = report_of(journal)
    return Replayed(context.id, str(path), report, journal, run.session.now / SAMPLE_RATE, wall, "engines")


def _reported(frames: Iterator[Samples], progress: Callable[[float], None] | None) -> Iterator[Samples]:
    for index, frame in enumerate(frames):
        if progress is not None and index % 50 == 0:
            progress(index / 50)
        yield frame


def _caller_channel(path: Path) -> int | None:
    try:
        return 0 if soundfile.info(str(path)).channels == 2 else None
    except (soundfile.LibsndfileError, OSError):
        return None  # reading it says what is wrong


class _Run:
    """One replay through engines."""

    def __init__(self, bundle: Bundle, engines: ReplayEngines, options: ReplayOptions, context: CallContext) -> None:
        self.session = CallSession(
            bundle, context, detector_maker(options.detector)(), SpokenWords(),
            replace(
                settings_for(bundle, options.settings), end_of_turn=engines.end_of_turn is not None,
                streams=engines.streams,
            ),
        )  # fmt: skip
        self.shell = SyncShell(self.session, engines, options.latencies, engines.end_of_turn)
        queues = queue_statuses(bundle, is_open=options.queues_open)
        self._writer = _writer(options.record, context, bundle, queues, engines.streams)
        self.session.start(queues)
        self.shell.settle()

    def frame(self, samples: Samples) -> None:
        said = self.shell.frame(AudioFrame(samples))
        if self._writer is not None:
            self._writer.write(samples, said.samples)

    def straight(self, frames: Iterator[Samples]) -> None:
        """Each utterance at the offset it has in the recording."""
        for samples in frames:
            if self.shell.over():
                return
            self.frame(samples)

    def by_turns(self, frames: Iterator[Samples]) -> None:
        """Each utterance when the bot listens for it: the recording's pauses are passed over while the bot speaks."""
        for utterance in utterances(frames):
            if self.shell.over():
                return
            waited = 0
            while self.session.state is not CallState.LISTENING and waited < 60_000 and not self.shell.over():
                self.frame(_SILENT)
                waited += 20
            self.straight(iter(utterance))

    def hang_up(self) -> None:
        """Let the bot finish what it says, then the caller hangs up."""
        quiet = passed = 0
        while not self.shell.over() and passed < _TAIL_MS and quiet < _QUIET_TAIL_MS:
            self.frame(_SILENT)
            passed += 20
            idle = self.session.state in {CallState.LISTENING, CallState.BRIDGED}
            quiet = quiet + 20 if idle else 0
        if not self.shell.over():
            self.session.receive_event(call.CallerGone("end of the recording"))
            self.shell.settle()
            for _ in range(1000):
                if self.shell.over():
                    break
                self.frame(_SILENT)
        if self._writer is not None:
            self._writer.close()
            lines = "".join(f"{dumps(event)}\n" for event in self.shell.journal)
            (self._writer.path.parent / JOURNAL).write_text(lines, encoding="utf-8")


_SILENT: Samples = np.zeros(FRAME_SAMPLES, dtype=np.int16)


def _writer(
    folder: Path | None,
    context: CallContext,
    bundle: Bundle,
    queues: dict[str, QueueStatus],
    streams: frozenset[str],
) -> StereoWriter | None:
    """The recording of a replay; its head is written beside it, so that it can be replayed as a stored call."""
    if folder is None:
        return None
    place = folder / context.id
    place.mkdir(parents=True, exist_ok=True)
    head = {
        "id": context.id, "caller": context.caller, "called": context.called, "started_at": context.started_at,
        "language": context.language, "hotline": bundle.definition.hotline.hotline, "bundle": bundle.hash,
        "context": encode(context), "queues": {name: encode(status) for name, status in queues.items()}, "overlay": {},
        "streams": sorted(streams),
    }  # fmt: skip
    (place / CALL).write_text(json.dumps(head, ensure_ascii=False, indent=1), encoding="utf-8")
    return StereoWriter(place / RECORDING)


def utterances(frames: Iterator[Samples], gap_ms: int = 900) -> Iterator[list[Samples]]:
    """Cut a recording at its longer silences: each piece is one utterance with 300 ms of silence around it."""
    detector = create_detector("webrtc")
    keep = 15
    recent: list[Samples] = []
    current: list[Samples] = []
    silent = 0
    for samples in frames:
        voiced = detector.detect(samples) >= 0.5 and int(np.abs(samples).max(initial=0)) > 200
        if current:
            current.append(samples)
            silent = 0 if voiced else silent + 1
            if silent * 20 >= gap_ms:
                yield current
                current, recent, silent = [], [], 0
        else:
            recent = [*recent[-keep:], samples]
            if voiced:
                current = recent
    if current:
        yield current


# -------------------------------------------------------------------------------------------------- from stored events


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call's folder as the recorder left it."""

    folder: Path
    head: dict[str, Any]
    journal: tuple[CallEvent, ...]


def open_stored(folder: Path) -> StoredCall:
    """Raises InputError that names what is missing or damaged."""
    try:
        head = json.loads((folder / CALL).read_text(encoding="utf-8"))
        with (folder / JOURNAL).open(encoding="utf-8") as lines:
            journal = tuple(loads(lines, str(folder / JOURNAL)))
    except FileNotFoundError as error:
        raise InputError(f"{folder}: not a stored call: {error.filename} is missing") from error
    except ValueError as error:
        raise InputError(f"{folder}: {CALL} is damaged: {error}") from error
    return StoredCall(folder, head, journal)


def replay_events(
    stored: StoredCall, bundle: Bundle, options: ReplayOptions, vocabulary: Vocabulary | None = None,
    on_input: Callable[[CallEvent], None] | None = None,
) -> Replayed:  # fmt: skip
    """The core on a stored call's own events: no engine, no audio. `on_input` gets each after the core."""
    began = time.perf_counter()
    head = stored.head
    context = CallContext(**head["context"])
    settings = replace(settings_for(bundle, options.settings), streams=frozenset(head.get("streams", ())))
    session = CallSession(bundle, context, create_detector("webrtc"), vocabulary or SpokenWords(), settings)
    queues = {name: QueueStatus(**status) for name, status in head.get("queues", {}).items()}
    session.start(queues, head.get("overlay"))
    journal = session.take_events()
    session.take_commands()
    inputs = [event for event in stored.journal if event.kind.startswith("in.")]
    activities = [str(event.data["blocks"]) for event in stored.journal if event.kind == "activity"]
    position = 0
    for index, blocks in enumerate(activities):
        at = 0
        while at < len(blocks):
            while position < len(inputs) and inputs[position].at <= session.now:
                session.receive_event(parse_input(inputs[position]))
                if on_input is not None:
                    on_input(inputs[position])
                position += 1
            ahead = inputs[position].at - session.now if position < len(inputs) else len(blocks) * FRAME_SAMPLES
            count = max(1, min((len(blocks) - at) // 2, -(-ahead // FRAME_SAMPLES)))
            session.receive_activity(blocks[at : at + 2 * count])
            at += 2 * count
        session.take_commands()
        journal += session.take_events()
        if session.ended and index < len(activities) - 1:
            break
    for event in inputs[position:]:
        session.receive_event(parse_input(event))
    journal += session.take_events()
    wall = time.perf_counter() - began
    report = report_of(journal)
    audio_s = max((event.at for event in stored.journal), default=0) / SAMPLE_RATE
    divergence = first_divergence(stored.journal, journal)
    name = str(head.get("id") or stored.folder.name)
    return Replayed(name, str(stored.folder), report, tuple(journal), audio_s, wall, "events", divergence)


def first_divergence(before: tuple[CallEvent, ...] | list[CallEvent], after: list[CallEvent]) -> str:
    """Where the second journal's decisions leave the first's; empty if nowhere."""
    old = [event for event in before if event.kind == "dialog.decision"]
    new = [event for event in after if event.kind == "dialog.decision"]
    for was, now in zip(old, new, strict=False):
        if dumps(was) != dumps(now):
            return f"at {was.at * 1000 // SAMPLE_RATE} ms: {_shown(was)} became {_shown(now)}"
    if len(old) != len(new):
        longer = (old if len(old) > len(new) else new)[min(len(old), len(new))]
        what = "is missing" if len(old) > len(new) else "is new"
        return f"at {longer.at * 1000 // SAMPLE_RATE} ms: {_shown(longer)} {what}"
    return ""


def _shown(event: CallEvent) -> str:
    return f"`{event.data['rule']}` ({event.data['source']})"
