"""`ivr replay`: recordings and stored calls through the core, faster than real time."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivr.errors import ConfigError, IvrError

if TYPE_CHECKING:
    from ivr.replay.engines import ReplayEngines
    from ivr.replay.runner import Replayed, ReplayOptions

_SOUND = {".wav", ".flac", ".ogg", ".mp3", ".ulaw", ".alaw", ".ul", ".al", ".aiff", ".au"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "replay",
        help="run recorded calls through a hotline, faster than real time",
        description="Run recordings (WAV, FLAC, ...; of two channels the left is the caller) or stored calls (folders "
        "with journal.jsonl) through the same core as live calls. A stored call replays from its journal; with "
        "--engines it is heard again.",
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a sound file, a stored call's folder, or a folder of these"
    )
    parser.add_argument("--hotline", required=True, metavar="DIR", help="the hotline's folder")
    parser.add_argument("--json", action="store_true", help="one JSON object a line for each call")
    parser.add_argument(
        "--engines", action="store_true", help="hear stored calls again instead of reading their journal"
    )
    parser.add_argument("--lang", default="", help="language the call begins in (default: the hotline's first)")
    parser.add_argument(
        "--from", dest="caller", default="", metavar="NUMBER", help="the caller's number, for recordings"
    )
    parser.add_argument("--now", default="", metavar="ISO", help="when the call took place, for recordings")
    parser.add_argument("--by-turns", action="store_true", help="give each utterance when the bot listens for it")
    parser.add_argument("--queue", choices=("open", "closed"), default="open", help="whether humans are there")
    parser.add_argument("--record", metavar="DIR", help="keep each replay's stereo recording and journal there")
    parser.add_argument("--vad", default="auto", help="voice detector (auto, hybrid, webrtc, silero, energy)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ivr.replay.runner import ReplayOptions

    options = ReplayOptions(
        language=args.lang, caller=args.caller, by_turns=args.by_turns, detector=args.vad,
        record=Path(args.record) if args.record else None, queues_open=args.queue == "open",
        **({"started_at": args.now} if args.now else {}),
    )  # fmt: skip
    paths = list(_expand([Path(path) for path in args.paths]))
    if not paths:
        raise ConfigError(f"nothing to replay in {', '.join(args.paths)}: no sound file and no stored call")
    failed = 0
    with _session(args, options) as replay:
        for path in _with_progress(paths, quiet=args.json):
            try:
                _print(replay(path), as_json=args.json)
            except IvrError as error:
                failed += 1
                if args.json:
                    print(json.dumps({"file": str(path), "error": str(error)}, ensure_ascii=False), flush=True)
                print(f"ivr replay: {error}", file=sys.stderr)
    return 1 if failed else 0


def _expand(paths: list[Path]) -> Iterator[Path]:
    """Sound files, stored calls, and folders of either, in order of name."""
    for path in paths:
        if not path.is_dir() or (path / "journal.jsonl").exists():
            yield path
            continue
        for found in sorted(path.rglob("*")):
            if found.name == "journal.jsonl":
                yield found.parent
            elif found.suffix.lower() in _SOUND and not (found.parent / "journal.jsonl").exists():
                yield found


def _with_progress(paths: list[Path], *, quiet: bool) -> Iterator[Path]:
    if len(paths) < 2 or not sys.stderr.isatty():
        yield from paths
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(paths, description="replaying", console=Console(stderr=True), transient=quiet)


@contextmanager
def _session(args: argparse.Namespace, options: ReplayOptions) -> Iterator[Any]:
    """A function that replays one path; engines are loaded when a path first needs them."""
    from ivr.app.offline import build_bundle, replay_engines
    from ivr.replay.runner import open_stored, replay_events, replay_recording
    from ivr.service.recorder import RECORDING

    bundle = build_bundle(Path(args.hotline))
    engines: list[ReplayEngines] = []

    def listening() -> ReplayEngines:
        if not engines:
            engines.append(replay_engines(bundle, Path(args.hotline), people=options.queues_open))
        return engines[0]

    def replay(path: Path) -> Replayed:
        if not path.is_dir():
            return replay_recording(path, bundle, listening(), options)
        stored = open_stored(path)
        if args.engines:
            return replay_recording(path / RECORDING, bundle, listening(), options, stored.head)
        return replay_events(stored, bundle, options)

    try:
        yield replay
    finally:
        for engine in engines:
            engine.close()


def _print(replayed: Replayed, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(replayed.to_json(), ensure_ascii=False), flush=True)
        return
    report = replayed.report
    times = replayed.audio_s / replayed.wall_s if replayed.wall_s else 0.0
    why = f" ({report.handover_reason})" if report.handover_reason else ""
    print(f"{replayed.source}: {report.outcome}{why}, {replayed.audio_s:.1f} s at {times:.0f} times real time")
    for turn in report.turns:
        sure = f"  [{turn.confidence:.2f}]" if turn.confidence is not None else ""
        print(f"  {turn.start_ms / 1000:7.2f} {turn.speaker:>6}: {turn.text}{sure}")
    for name, value in report.slots.items():
        print(f"          {name} = {value}")
    if replayed.divergence:
        print(f"  differs from the stored call {replayed.divergence}")
