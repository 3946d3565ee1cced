"""`ivr tune`: what other settings of turn-taking would have done to recorded callers, and which to take."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivr.errors import ConfigError, IvrError

if TYPE_CHECKING:
    from ivr.audio.vad import VoiceDetector
    from ivr.call.settings import CallSettings
    from ivr.dialog.bundle import Bundle
    from ivr.replay.engines import ReplayEngines
    from ivr.replay.tuning.advice import Outcome, Target
    from ivr.replay.tuning.corpus import TunedCall
    from ivr.replay.tuning.curves import Grid

_SOUND = {".wav", ".flac", ".ogg", ".mp3", ".ulaw", ".alaw", ".ul", ".al", ".aiff", ".au"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "tune",
        help="find settings of barge-in and endpointing on recorded calls",
        description="Run the turn-taking of recorded calls again under many settings and show, a state each, how many "
        "callers would have been cut off against the silence added to the others, and how many prompts would have been "
        "wrongly interrupted against the reaction time. Stored calls (folders with journal.jsonl) are read as they "
        "are; other sound files are first heard by the recogniser as callers of the hotline, once.",
    )
    parser.add_argument("recordings", nargs="+", metavar="RECORDINGS", help="stored calls, sound files, or folders")
    parser.add_argument("--hotline", required=True, metavar="DIR", help="the hotline's folder")
    parser.add_argument("--config", metavar="FILE", help="the service's configuration, whose [call] is the start")
    parser.add_argument("--out", metavar="FILE", help="keep the curves: .html holds everything, .svg the picture")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument(
        "--cut-offs", type=_percent, default=0.05, metavar="PERCENT", help="turn ends that may be premature (default 5)"
    )
    parser.add_argument(
        "--false-barge-ins", type=_percent, default=0.05, metavar="PERCENT",
        help="prompts that may be wrongly stopped (default 5); lowered: four times as many",
    )  # fmt: skip
    parser.add_argument(
        "--held-out", type=_percent, default=1 / 3, metavar="PERCENT", help="calls kept aside as a check (default 33)"
    )
    parser.add_argument("--vad", action="append", default=[], metavar="NAME", help="compare this voice detector too")
    parser.add_argument("--cache", metavar="DIR", help="where heard sound files are kept (default ~/.cache/ivr/tune)")
    parser.set_defaults(run=run)


def _percent(text: str) -> float:
    try:
        value = float(text.rstrip("%"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage") from None
    if not 0 < value < 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 100")
    return value / 100


def run(args: argparse.Namespace) -> int:
    from ivr.replay.tuning.advice import Target, conclude
    from ivr.replay.tuning.chart import page, picture
    from ivr.replay.tuning.curves import Grid, split

    out = Path(args.out) if args.out else None
    if out is not None and out.suffix.lower() not in {".html", ".svg"}:
        raise ConfigError(f"--out {out}: .html or .svg is needed")
    stored, sounds = _found([Path(path) for path in args.recordings])
    bundle, settings = _hotline(args)
    calls, failed = _read(stored, sounds, bundle, settings, args)
    if not calls:
        raise ConfigError(f"none of the {len(stored) + len(sounds)} recordings could be read")
    defaults = bundle.definition.hotline.defaults.listen
    silence = defaults.end_silence_ms if defaults is not None and defaults.end_silence_ms is not None else 700
    order = {call.id: hashlib.sha256(call.id.encode()).hexdigest() for call in calls}
    grid = Grid(*split(calls, order, args.held_out), settings, silence)
    with _progress("settings", grid.steps()) as step:
        panels = [*grid.end_panels(step), *grid.prompt_panels(step)]
    target = Target(args.cut_offs, args.false_barge_ins)
    outcome = conclude(grid, panels, target)
    notes = _notes(calls, failed)
    if out is not None:
        title = f"Turn-taking of {bundle.definition.hotline.hotline}"
        text = picture(outcome, target) if out.suffix.lower() == ".svg" else page(
            title, _summary(grid), notes, outcome, target
        )  # fmt: skip
        _write(out, text)
    if args.json:
        print(json.dumps(_json(grid, outcome, target, notes), ensure_ascii=False))
    else:
        _print(grid, outcome, notes)
    return 0


def _hotline(args: argparse.Namespace) -> tuple[Bundle, CallSettings]:
    from ivr.app.live import call_settings
    from ivr.app.offline import build_bundle
    from ivr.config import load_config

    settings = call_settings(load_config(Path(args.config) if args.config else None))
    return build_bundle(Path(args.hotline)), settings


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--out {path}: {error.strerror}") from None


# ------------------------------------------------------------------------------------------------------- recordings


def _found(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Folders of stored calls, and sound files that belong to none. Raises ConfigError where there is nothing."""
    stored: list[Path] = []
    sounds: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{path}: no such file or folder")
        for found in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if found.name == "journal.jsonl":
                stored.append(found.parent)
            elif found.suffix.lower() in _SOUND and not (found.parent / "journal.jsonl").exists():
                sounds.append(found)
    if not stored and not sounds:
        raise ConfigError(f"no recordings in {', '.join(map(str, paths))}: no stored call and no sound file")
    return list(dict.fromkeys(stored)), list(dict.fromkeys(sounds))


def _read(
    stored: Sequence[Path], sounds: Sequence[Path], bundle: Bundle, settings: CallSettings, args: argparse.Namespace
) -> tuple[list[TunedCall], list[str]]:
    """Every recording that can be read, and what is wrong with the others."""
    from ivr.replay.runner import open_stored
    from ivr.replay.tuning.corpus import read_call

    detectors, calls, failed = _detectors(args.vad), [], list[str]()
    with _heard_once(bundle, settings, args) as hear, _progress("calls", len(stored) + len(sounds)) as step:
        for path in (*stored, *sounds):
            try:
                folder = path if path.is_dir() else hear(path)
                calls.append(read_call(open_stored(folder), bundle, settings, detectors))
            except (IvrError, KeyError, TypeError, ValueError) as error:
                failed.append(str(error) if isinstance(error, IvrError) else f"{path}: damaged: {error!r}")
                print(f"ivr tune: {failed[-1]}", file=sys.stderr)
            step()
    return calls, failed


def _detectors(names: Sequence[str]) -> Mapping[str, VoiceDetector]:
    from ivr.service.detectors import detector_maker

    return {name: detector_maker(name)() for name in names}


@contextmanager
def _heard_once(
    bundle: Bundle, settings: CallSettings, args: argparse.Namespace
) -> Iterator[Callable[[Path], Path]]:  # fmt: skip
    """A function that makes a stored call of a sound file, by the engines; one that was heard before is kept."""
    from ivr.app.offline import replay_engines
    from ivr.dialog.bundle import default_cache
    from ivr.replay.runner import ReplayOptions, replay_recording

    root = Path(args.cache) if args.cache else default_cache() / "tune"
    engines: list[ReplayEngines] = []

    def hear(path: Path) -> Path:
        sound = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        key = hashlib.sha256(f"{bundle.hash} {settings!r}".encode()).hexdigest()[:16]
        folder = root / f"{sound}-{key}"
        kept = folder / path.stem
        if not (folder / "whole").exists():
            if not engines:
                engines.append(replay_engines(bundle, Path(args.hotline)))
            replay_recording(path, bundle, engines[0], ReplayOptions(settings=settings, record=folder))
            (folder / "whole").touch()
        return next((found.parent for found in folder.rglob("journal.jsonl")), kept)

    try:
        yield hear
    finally:
        for one in engines:
            one.close()


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


# ----------------------------------------------------------------------------------------------------------- output


def _summary(grid: Grid) -> str:
    calls = (*grid.tuned, *grid.held_out)
    turns, prompts = sum(len(call.turns) for call in calls), sum(len(call.prompts) for call in calls)
    cut = sum(bool(turn.cuts) for call in calls for turn in call.turns)
    return (
        f"{len(calls)} calls ({len(grid.held_out)} kept aside), {turns} turns, {cut} of them cut off when they were "
        f"recorded, {prompts} prompts that could be interrupted"
    )


def _notes(calls: Sequence[TunedCall], failed: Sequence[str]) -> list[str]:
    """What makes the figures less than they seem."""
    notes = []
    diverged = [call for call in calls if call.diverged]
    if diverged:
        notes.append(
            f"{len(diverged)} of {len(calls)} calls would go another way on this hotline (the first: {diverged[0].id} "
            f"{diverged[0].diverged}): what their words meant may be judged by another question"
        )
    if failed:
        notes.append(f"{len(failed)} recordings could not be read")
    return notes


def _json(grid: Grid, outcome: Outcome, target: Target, notes: Sequence[str]) -> dict[str, Any]:
    return {
        "calls": len(grid.tuned) + len(grid.held_out), "held_out": [call.id for call in grid.held_out],
        "turns": sum(len(call.turns) for call in (*grid.tuned, *grid.held_out)),
        "prompts": sum(len(call.prompts) for call in (*grid.tuned, *grid.held_out)),
        "target": {"cut_offs": target.cut_offs, "false_barge_ins": target.false_barge_ins},
        "states": [advice.to_json() for advice in outcome.advice], "suggested": outcome.suggested,
        "joint": [{"which": name, **point.to_json()} for name, _, point in outcome.joint],
        "yaml": outcome.yaml(), "toml": outcome.toml(), "notes": list(notes),
    }  # fmt: skip


def _print(grid: Grid, outcome: Outcome, notes: Sequence[str]) -> None:
    print(_summary(grid))
    for note in notes:
        print(f"note: {note}")
    for advice in outcome.advice:
        panel = advice.panel
        what = "false" if panel.state.startswith("prompt") else "cut off"
        print(f"\n{panel.state} ({panel.setting}, now {panel.now})")
        points = [point for point in panel.points if point.share.n]
        if points:
            print(f"  {'':14} {what:>8}  {'80 % interval':>13}  {'of':>5}  {'median':>8}  {'p95':>8}")
        for point in points:
            low, high = point.share.interval
            times = [f"{ms} ms" if ms is not None else "-" for ms in (point.median_ms, point.p95_ms)]
            mark = "*" if point.value == panel.now and not point.group else " "
            name = f"{point.group} {point.label}".strip()
            print(
                f" {mark}{name:14} {100 * point.share.rate:6.1f} %  {100 * low:5.1f}-{100 * high:5.1f} %"
                f"  {point.share.n:5}  {times[0]:>8}  {times[1]:>8}"
            )
        print(f"  -> {advice.why}" if advice.value is None else f"  -> {advice.value}: {advice.why}")
        if advice.held_out:
            print(f"     calls kept aside: {advice.held_out}")
    print("\nall settings together")
    for name, share, point in outcome.joint:
        if share.n:
            print(f"  {name:22} cut off {share}; added silence median {point.median_ms} ms, p95 {point.p95_ms} ms")
    for where, text in (("hotline.yaml", outcome.yaml()), ("the service's configuration", outcome.toml())):
        if text:
            print(f"\nfor {where}:\n{text.rstrip()}")
    if not outcome.suggested:
        print("\nnothing to change: no setting is shown to be better")
