"""What `ivr doctor` looks at: can this machine, with these settings, answer calls? Each finding says what to do.

Nothing is changed: a nameless probe file and sockets are opened and closed again.
"""

from __future__ import annotations

import asyncio
import datetime
import io
import multiprocessing
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from ivr.asr.base import RecognitionRequest, Transcript
from ivr.asr.config import RecognitionConfig
from ivr.asr.pool import RecognitionService
from ivr.audio.frame import FRAME_MS, SAMPLE_RATE, Samples, to_samples
from ivr.audio.g722 import G722Decoder, G722Encoder
from ivr.config import Config
from ivr.dialog.loader import load_with_problems
from ivr.errors import IvrError, RtpError
from ivr.models.manifest import load_manifest, models_root
from ivr.models.verify import check
from ivr.transport.rtp.ports import MediaSockets, PortRange
from ivr.tts import registry
from ivr.tts.base import SpeechRequest
from ivr.tts.local import LocalSynthesis
from ivr.tts.settings import SynthesisSettings

State = Literal["ok", "warn", "fail"]

OLDEST_PYTHON = (3, 11)
LATE_WARN_MS = 5.0
"""Ticks later than this make a jitter buffer of the phone work; later than `LATE_FAIL_MS` they are heard as gaps."""
LATE_FAIL_MS = 60.0
ROOM_WARN = 5 << 30
ROOM_FAIL = 200 << 20
BYTES_AN_HOUR = 110_000_000
"""Of a stereo recording in FLAC: about half of the samples' own size."""
SAYING: Mapping[str, str] = {"en": "My card is blocked.", "zh": "我的卡被锁了。"}
START_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    check: str
    state: State
    text: str
    advice: str = ""
    """What to do about it; empty when all is well."""


def examine(
    config: Config, recognition: RecognitionConfig, synthesis: SynthesisSettings, *, deep: bool = False
) -> Iterator[Finding]:
    """All findings, in order. `deep` verifies the models' checksums, loads the engines, speaks a line and hears it."""
    yield python()
    yield processors()
    languages = hotline_languages(config)
    yield languages[0]
    yield from models(recognition, languages[1], config.call.detector, hashes=deep)
    yield from voices(synthesis, languages[1])
    yield codecs()
    yield clock()
    yield wall_clock()
    yield disk(Path(config.service.data))
    yield from ports(config)
    yield worker()
    if deep:
        yield from talking(recognition, synthesis, languages[1])


# ------------------------------------------------------------------------------------------------------- the machine


def python() -> Finding:
    version = sys.version.split()[0]
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Finding("python", "fail", f"Python {version}", "install Python 3.11 or newer")
    return Finding("python", "ok", f"Python {version}")


def processors() -> Finding:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if count < 2:
        return Finding(
            "processors", "warn", "1 processor",
            "recognition and the media clock share it: keep service.max_calls at 1 or 2, or give it more",
        )  # fmt: skip
    return Finding("processors", "ok", f"{count} processors")


def clock(seconds: float = 1.0) -> Finding:
    """Absolute deadlines every 20 ms, as the media clock keeps them; how late is this machine?"""
    started = time.monotonic()
    late = []
    for tick in range(1, int(seconds * 1000 / FRAME_MS) + 1):
        deadline = started + tick * FRAME_MS / 1000
        time.sleep(max(0.0, deadline - time.monotonic()))
        late.append((time.monotonic() - deadline) * 1000)
    p99, worst = float(np.quantile(late, 0.99)), max(late)
    text = f"ticks of {FRAME_MS} ms are {p99:.1f} ms late (99th percentile), {worst:.1f} ms at most"
    if p99 > LATE_FAIL_MS:
        return Finding("clock", "fail", text, "calls would have gaps: free the processors, or use a less busy machine")
    if p99 > LATE_WARN_MS:
        return Finding("clock", "warn", text, "something else keeps the processors busy; calls may have gaps")
    return Finding("clock", "ok", text)


def wall_clock(now: datetime.datetime | None = None) -> Finding:
    """Opening hours go by it. Whether it is right cannot be asked without a network."""
    now = now or datetime.datetime.now().astimezone()
    text = f"it is {now:%Y-%m-%d %H:%M} {now.tzname()} (UTC{now:%z}); opening hours go by each queue's own time zone"
    if now.year < 2026:
        return Finding("time", "warn", text, "this is in the past: set the clock (timedatectl set-ntp true)")
    return Finding("time", "ok", text)


def disk(data: Path) -> Finding:
    """The data folder: can be written, and has room."""
    place = next((folder for folder in (data.absolute(), *data.absolute().parents) if folder.exists()), data)
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(b"probe")
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Finding(
            "disk", "fail", f"{data} cannot be written: {error.strerror}",
            "give another folder (--data, service.data), or the right to write to this one",
        )  # fmt: skip
    text = f"{data} has {free / 1e9:.1f} GB free, about {free // BYTES_AN_HOUR} hours of recordings"
    if free < ROOM_FAIL:
        return Finding("disk", "fail", text, "make room, or give a folder on another disk (service.data)")
    if free < ROOM_WARN:
        return Finding("disk", "warn", text, "make room; when the disk is full calls go on but are not recorded")
    return Finding("disk", "ok", text)


def codecs() -> Finding:
    """G.722 and FLAC come from compiled libraries: a round trip through each."""
    tone: Samples = (np.sin(np.arange(to_samples(200)) * 2 * np.pi * 440 / SAMPLE_RATE) * 8000).astype(np.int16)
    try:
        again = G722Decoder().decode(G722Encoder().encode(tone))
        if abs(float(np.std(again)) / float(np.std(tone)) - 1) > 0.2:
            return Finding("codecs", "fail", "G.722 gives back another sound", "install the package G722 again")
        file = io.BytesIO()
        soundfile.write(file, tone, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        file.seek(0)
        if not np.array_equal(soundfile.read(file, dtype="int16")[0], tone):
            return Finding("codecs", "fail", "FLAC gives back another sound", "install the package soundfile again")
    except (OSError, RuntimeError, ValueError) as error:
        return Finding("codecs", "fail", f"a codec does not work: {error}", "run make setup again")
    return Finding("codecs", "ok", "G.711, G.722 and FLAC work")


def worker() -> Finding:
    """Engines live in processes of their own: can one be started?"""
    started = time.monotonic()
    process = multiprocessing.get_context("spawn").Process(target=_nothing, daemon=True)
    try:
        process.start()
        process.join(START_LIMIT_S)
    except OSError as error:
        return Finding("workers", "fail", f"no process can be started: {error.strerror}", "raise the process limit")
    if process.exitcode != 0:
        process.kill()
        process.join()
        return Finding("workers", "fail", "a process did not start and end", "look for a process limit (ulimit -u)")
    return Finding("workers", "ok", f"a process starts in {time.monotonic() - started:.1f} s")


def _nothing() -> None:
    """What the probe process does."""


# ------------------------------------------------------------------------------------------------ hotline and speech


def hotline_languages(config: Config) -> tuple[Finding, tuple[str, ...]]:
    """The hotline's definition and its languages; English when it cannot be read."""
    folder = config.service.hotline
    definition, problems = load_with_problems(folder)
    errors = [problem for problem in problems if problem.severity == "error"]
    if definition is None or errors:
        first = str(errors[0] if errors else "it cannot be read")
        return Finding("hotline", "fail", f"{folder}: {first}", f"see all problems: ivr lint {folder}"), ("en",)
    languages = tuple(definition.hotline.languages)
    return Finding("hotline", "ok", f"{definition.hotline.hotline} ({', '.join(languages)})"), languages


def models(
    recognition: RecognitionConfig, languages: tuple[str, ...], detector: str, *, hashes: bool
) -> Iterator[Finding]:
    """Models of the recognisers the languages use, and of the voice detector."""
    wanted: dict[str, str] = {}
    for language in languages:
        passes = recognition.languages.get(language)
        if passes is None:
            known = ", ".join(recognition.languages)
            yield Finding(
                "models", "fail", f"no recogniser hears {language}; there are: {known}",
                f"set recognition.passes.{language}",
            )  # fmt: skip
            continue
        for engine in filter(None, (passes.stream, passes.final)):
            wanted.setdefault(str(recognition.engines[engine].settings.get("model", "")), language)
    if detector == "silero":
        wanted["silero-vad"] = "any"
    for name in filter(None, wanted):
        yield _model(name, hashes=hashes)


def _model(name: str, *, hashes: bool) -> Finding:
    if "/" in name or "\\" in name:
        there = Path(name).is_dir()
        return Finding("models", "ok" if there else "fail", name, "" if there else "no such folder")
    folder = models_root() / name
    problems = check(load_manifest().get(name), folder, hashes=hashes)
    if problems:
        reason = str(problems[0]) if folder.exists() else f"not fetched ({folder})"
        return Finding("models", "fail", f"{name}: {reason}", f"run: ivr models fetch {name}")
    return Finding("models", "ok", f"{name} is {'whole, every checksum' if hashes else 'here in full size'}")


def voices(synthesis: SynthesisSettings, languages: tuple[str, ...]) -> Iterator[Finding]:
    """Who speaks each language, and whether that is the best there could be."""
    for language in languages:
        chain = synthesis.chain(language)
        missing = [reason for choice in chain if (reason := registry.missing(choice.engine, language))]
        named = ", then ".join(choice.engine for choice in chain)
        if len(missing) == len(chain):
            yield Finding("voices", "fail", f"{language}: {missing[0]}", "set synthesis.voices, or do as it says")
        elif missing:
            yield Finding("voices", "warn", f"{language}: {named}: {missing[0]}", "the next of the list speaks instead")
        elif language not in synthesis.voices and (advice := registry.advice(language)):
            yield Finding("voices", "warn", advice.partition(":")[0], advice.partition(": ")[2])
        elif language.startswith("zh") and chain[0].engine == registry.LAST_RESORT:
            yield Finding(
                "voices", "warn", f"{language}: {named}, a last resort: callers will hardly understand its Mandarin",
                "run: ivr models fetch kokoro",
            )  # fmt: skip
        else:
            yield Finding("voices", "ok", f"{language}: {named}")


def talking(
    recognition: RecognitionConfig, synthesis: SynthesisSettings, languages: tuple[str, ...]
) -> Iterator[Finding]:
    """Load the engines in workers as the service does, speak a line in each language, and hear it."""
    spoken: dict[str, Samples] = {}
    voice = LocalSynthesis(synthesis)
    for language in languages:
        started = time.monotonic()
        text = SAYING.get(language, SAYING["en"])
        try:
            audio = voice.synthesise(SpeechRequest(text, language))
        except IvrError as error:
            yield Finding("speaking", "fail", f"{language}: {error}", "see the voices above")
            continue
        spoken[language] = audio.samples
        took = time.monotonic() - started
        seconds = len(audio.samples) / SAMPLE_RATE
        yield Finding("speaking", "ok", f"{language}: {seconds:.1f} s of speech by {audio.engine} in {took:.1f} s")
    voice.close()
    yield from asyncio.run(_hear(recognition, spoken))


async def _hear(recognition: RecognitionConfig, spoken: Mapping[str, Samples]) -> list[Finding]:
    results: asyncio.Queue[Transcript | str] = asyncio.Queue()

    def heard(_: int, transcript: Transcript) -> None:
        if transcript.final:
            results.put_nowait(transcript)

    started = time.monotonic()
    try:
        service = await RecognitionService.start(recognition, heard, lambda _, reason: results.put_nowait(reason))
    except IvrError as error:
        return [Finding("hearing", "fail", str(error), "see the models above")]
    findings = [Finding("hearing", "ok", f"the recognisers are loaded in {time.monotonic() - started:.1f} s")]
    try:
        for language, samples in spoken.items():
            findings.append(await _hear_one(service, language, samples, results))
    finally:
        await service.close()
    return findings


async def _hear_one(
    service: RecognitionService, language: str, samples: Samples, results: asyncio.Queue[Transcript | str]
) -> Finding:
    started = time.monotonic()
    try:
        handle = service.open(RecognitionRequest(language))
        handle.feed(np.concatenate([samples, np.zeros(to_samples(300), dtype=np.int16)]))
        handle.finish()
        result = await asyncio.wait_for(results.get(), START_LIMIT_S)
    except (IvrError, TimeoutError) as error:
        return Finding("hearing", "fail", f"{language}: {error or 'no answer'}", "see the models above")
    if isinstance(result, str):
        return Finding("hearing", "fail", f"{language}: {result}", "see the models above")
    if not result.text:
        return Finding("hearing", "warn", f"{language}: no words in a spoken line", "try another voice or recogniser")
    took = time.monotonic() - started
    return Finding("hearing", "ok", f'{language}: "{result.text}" in {took:.1f} s by {result.engine}')


# --------------------------------------------------------------------------------------------------------- the network


def ports(config: Config) -> Iterator[Finding]:
    """Can the service bind what it needs?"""
    sip, http = config.sip, config.http
    wanted = [("sip", "UDP", sip.host, sip.port), ("sip", "TCP", sip.host, sip.port)]
    if sip.tls_certificate:
        wanted.append(("sip", "TCP", sip.host, sip.tls_port))
    for section, transport, host, port in [*wanted, ("http", "TCP", http.host, http.port)]:
        yield _port(section, transport, host, port)
    yield _media_ports(config)


def _port(section: str, transport: str, host: str, port: int) -> Finding:
    name = f"{section} {transport} {host}:{port}"
    kind = socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind) as probe:
            if transport == "TCP":  # as a server does: a port that rests after its last connection is free
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return Finding(
            "ports", "fail", f"{name}: {error.strerror or error}",
            f"end what uses it (is the service running already?) or set --{section} HOST:PORT",
        )  # fmt: skip
    return Finding("ports", "ok", f"{name} is free")


def _media_ports(config: Config) -> Finding:
    low, high, calls = config.rtp.low, config.rtp.high, config.service.max_calls
    opened: list[MediaSockets] = []
    try:
        range_ = PortRange(config.sip.host, low, high)
        pairs, wanted = range_.free, 2 * calls  # a call that is bridged to a human has two
        while len(opened) < min(pairs, wanted):
            opened.append(range_.open())
    except RtpError as error:
        if not opened:
            return Finding("ports", "fail", str(error), "set rtp.low and rtp.high to a free range")
    finally:
        for pair in opened:
            range_.close(pair)
    text = f"audio UDP {config.sip.host}:{low}-{high}: room for {len(opened)} of the {wanted} legs of {calls} calls"
    if len(opened) < wanted:
        return Finding("ports", "warn", text, "widen rtp.low to rtp.high, or lower service.max_calls")
    return Finding("ports", "ok", text)
