"""How many times faster than real time a call replays, on one core: from stored events, and heard again by the engines.

    python benchmarks/replay_speed.py [--hotline DIR] [--minutes 10] [--engines] [--json FILE]

Events: calls of recorded speech go through the core once and are stored as the service stores them; then their
journals replay, and must come to the same decisions. Engines: recorded sentences as callers, with the default
recogniser and voice. Times are CPU, so that other programs on the machine hardly show.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import tempfile
import time
from pathlib import Path

from null_calls import FIXTURES, NullEngines, caller_line, load

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame
from ivr.audio.vad import create_detector
from ivr.call import events as call
from ivr.call.journal import dumps
from ivr.call.session import CallSession
from ivr.call.settings import CallSettings
from ivr.call.words import SpokenWords
from ivr.dialog.bundle import Bundle, build
from ivr.dialog.codec import encode
from ivr.dialog.events import CallContext
from ivr.replay.runner import (
    ReplayOptions,
    StoredCall,
    open_stored,
    queue_statuses,
    replay_events,
    replay_recording,
    settings_for,
)
from ivr.replay.shell import SyncShell
from ivr.service.recorder import CALL, JOURNAL

HOTLINE = Path(__file__).resolve().parent.parent / "dialogs" / "payments"
SENTENCES = ("what are your opening hours", "yes please", "hello", "where is your office", "i don't understand")
"""Nothing a hotline keeps secret: what is masked in the journal can't replay as it was."""
CLIPS = ("en_sentences/goforward.wav", "en_sentences/librivox_0880.wav", "en_prompts_allison/auth-incorrect.wav")


def store_call(bundle: Bundle, folder: Path, number: int, limit_s: float) -> StoredCall:
    """One call of recorded speech through the core, stored as the service does it."""
    context = CallContext(f"bench-{number}", "100", "200", "en", "2026-01-05T10:00:00+08:00")
    session = CallSession(bundle, context, create_detector(), SpokenWords(), settings_for(bundle, CallSettings()))
    shell = SyncShell(session, NullEngines(bundle, SENTENCES[number % 5 :] + SENTENCES[: number % 5]))
    queues = queue_statuses(bundle, is_open=True)
    session.start(queues)
    shell.settle()
    line = caller_line()
    at = number * 50 * FRAME_SAMPLES
    while not shell.over() and session.now < limit_s * SAMPLE_RATE:
        start = at % (len(line) - FRAME_SAMPLES + 1)
        shell.frame(AudioFrame(line[start : start + FRAME_SAMPLES]))
        at = (start + FRAME_SAMPLES) % len(line)
    if not shell.over():
        session.receive_event(call.CallerGone("the caller hung up"))
        shell.settle()
    folder.mkdir(parents=True)
    head = {
        "id": context.id, "context": encode(context), "overlay": {},
        "queues": {name: encode(status) for name, status in queues.items()},
    }  # fmt: skip
    (folder / CALL).write_text(json.dumps(head), encoding="utf-8")
    (folder / JOURNAL).write_text("".join(f"{dumps(event)}\n" for event in shell.journal), encoding="utf-8")
    return open_stored(folder)


def from_events(bundle: Bundle, minutes: float, profile: bool) -> dict[str, object]:
    """Store calls of this much audio, replay them, and compare."""
    with tempfile.TemporaryDirectory() as place:
        calls: list[StoredCall] = []
        audio_s = 0.0
        while audio_s < 60 * minutes:
            calls.append(store_call(bundle, Path(place) / f"{len(calls)}", len(calls), 180.0))
            audio_s += max(event.at for event in calls[-1].journal) / SAMPLE_RATE
        options = ReplayOptions()
        replay_events(calls[0], bundle, options)
        profiler = cProfile.Profile()
        if profile:
            profiler.enable()
        began = time.process_time()
        replayed = [replay_events(stored, bundle, options) for stored in calls]
        core = time.process_time() - began
        profiler.disable()
        began = time.process_time()
        for stored in calls:
            open_stored(stored.folder)
        read = time.process_time() - began
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
    same = sum(
        [dumps(event) for event in stored.journal] == [dumps(event) for event in again.journal]
        for stored, again in zip(calls, replayed, strict=True)
    )
    return {
        "calls": len(calls), "audio_s": round(audio_s, 1), "decisions": sum(len(r.report.decisions) for r in replayed),
        "diverged": sum(bool(r.divergence) for r in replayed), "journals_equal": same,
        "times_real_time": round(audio_s / core), "with_reading_the_files": round(audio_s / (core + read)),
        "taken_at": load(),
    }  # fmt: skip


def with_engines(hotline: Path) -> dict[str, object]:
    """Recorded sentences through recogniser, understanding, flow and voice."""
    from ivr.app.offline import build_bundle, replay_engines

    bundle = build_bundle(hotline)
    engines = replay_engines(bundle, hotline)
    try:
        replay_recording(FIXTURES / CLIPS[0], bundle, engines, ReplayOptions())  # models and prompt cache get warm
        wall = time.perf_counter()
        began = time.process_time()
        replayed = [replay_recording(FIXTURES / name, bundle, engines, ReplayOptions()) for name in CLIPS]
        cpu, wall = time.process_time() - began, time.perf_counter() - wall
    finally:
        engines.close()
    audio_s = sum(r.audio_s for r in replayed)
    return {
        "calls": len(replayed), "audio_s": round(audio_s, 1), "times_real_time": round(audio_s / cpu, 1),
        "times_real_time_wall": round(audio_s / wall, 1), "taken_at": load(),
    }  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hotline", type=Path, default=HOTLINE)
    parser.add_argument("--minutes", type=float, default=10.0, help="audio to store and replay")
    parser.add_argument("--engines", action="store_true", help="also with recogniser and voice")
    parser.add_argument("--profile", action="store_true", help="where the time of a replay from events goes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the result there too")
    options = parser.parse_args()
    bundle = build(options.hotline, {})
    result: dict[str, object] = {"when": time.strftime("%Y-%m-%d")}
    result["events"] = from_events(bundle, options.minutes, options.profile)
    print(f"from events:  {json.dumps(result['events'])}")
    if options.engines:
        result["engines"] = with_engines(options.hotline)
        print(f"with engines: {json.dumps(result['engines'])}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
