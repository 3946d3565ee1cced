"""What streaming recognition costs a call, beside a server that decodes everything: CPU a second of call, by count of
work and not by the clock, so that it holds on a busy machine, too.

    python benchmarks/recognition_cost.py [--seconds 120] [--repeat 3] [--json FILE]

The caller speaks recorded sentences for 35 % of the time. Ours: the session on the sample clock; what it gives the
recogniser is gated by voice. vosk-server: the same model, one recogniser a call, all audio in chunks of 200 ms with a
partial after each (what its protocol does; the sockets are left out). Both in this process, in turns; the first 20 s of
each are not counted.

    ms/call-s   CPU of the recogniser, ms a second of call (1000 = a core)
    read        seconds of sound that the recogniser reads a second of call
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import vosk
from null_calls import LINE_S, SPEECH_SHARE, TalkingDialog, caller_line, load, prompt
from turn_calls import BenchEngines, streaming_only

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, Samples
from ivr.call import events as call
from ivr.call.session import CallSession
from ivr.call.settings import CallSettings
from ivr.call.words import SpokenWords
from ivr.dialog.events import CallContext
from ivr.models.manifest import models_root
from ivr.replay.shell import HeldUtterance, SyncShell
from ivr.service.detectors import detector_maker

WARM_UP_S = LINE_S
CHUNK = SAMPLE_RATE // 5


@dataclass(frozen=True, slots=True)
class Cost:
    """One run."""

    who: str
    cpu_ms_per_call_s: float
    read: float


class _Counted:
    """An utterance whose work is counted."""

    def __init__(self, engines: Engines, inner: HeldUtterance) -> None:
        self._engines, self._inner = engines, inner

    def feed(self, samples: Samples) -> call.PartialTranscript | None:
        self._engines.read += len(samples)
        began = time.process_time()
        result = self._inner.feed(samples)
        self._engines.cpu_s += time.process_time() - began
        return result

    def finish(self) -> call.FinalTranscript | call.RecognitionFailed:
        began = time.process_time()
        result = self._inner.finish()
        self._engines.cpu_s += time.process_time() - began
        return result

    def cancel(self) -> None:
        began = time.process_time()
        self._inner.cancel()
        self._engines.cpu_s += time.process_time() - began


class Engines(BenchEngines):
    """The real recogniser, its work counted (samples, s)."""

    def __init__(self, voice: Samples) -> None:
        super().__init__(streaming_only(), voice)
        self.cpu_s = 0.0
        self.read = 0

    def recognise(self, command: call.StartRecognition) -> HeldUtterance:
        return _Counted(self, super().recognise(command))


def ours(line: Samples, seconds: float) -> Cost:
    engines = Engines(prompt())
    context = CallContext("bench", "100", "200", "en", "2026-01-05T10:00:00+08:00")
    settings = CallSettings(call_limit_ms=10**8, streams=frozenset({"en"}))
    session = CallSession(TalkingDialog(), context, detector_maker()(), SpokenWords(), settings)
    session.start()
    shell = SyncShell(session, engines)
    shell.settle()
    before = (0.0, 0)
    for index in range(int((WARM_UP_S + seconds) * SAMPLE_RATE / FRAME_SAMPLES)):
        at = index * FRAME_SAMPLES % (len(line) - FRAME_SAMPLES + 1)
        if index == int(WARM_UP_S * SAMPLE_RATE / FRAME_SAMPLES):
            before = (engines.cpu_s, engines.read)
        shell.frame(AudioFrame(line[at : at + FRAME_SAMPLES]))
    engines.close()
    cpu, read = engines.cpu_s - before[0], engines.read - before[1]
    return Cost("ivr", 1000 * cpu / seconds, read / SAMPLE_RATE / seconds)


def server(line: Samples, seconds: float, model: vosk.Model) -> Cost:
    """vosk-server's work on a connection."""
    recogniser = vosk.KaldiRecognizer(model, SAMPLE_RATE)
    cpu = 0.0
    for index in range(int((WARM_UP_S + seconds) * SAMPLE_RATE / CHUNK)):
        at = index * CHUNK % (len(line) - CHUNK + 1)
        chunk, began = line[at : at + CHUNK].tobytes(), time.process_time()
        recogniser.Result() if recogniser.AcceptWaveform(chunk) else recogniser.PartialResult()
        if index * CHUNK >= WARM_UP_S * SAMPLE_RATE:
            cpu += time.process_time() - began
    return Cost("vosk-server", 1000 * cpu / seconds, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="of call, a multiple of 20")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    line, before = caller_line(), load()
    vosk.SetLogLevel(-1)
    model = vosk.Model(str(models_root() / "vosk-en"))
    runs: dict[str, list[Cost]] = {}
    for _ in range(options.repeat):
        for cost in (ours(line, options.seconds), server(line, options.seconds, model)):
            runs.setdefault(cost.who, []).append(cost)
    print(f"{options.seconds:.0f} s of call, {100 * SPEECH_SHARE:.0f} % speech, median of {options.repeat}; {before}")
    print(f"{'':20} ms/call-s    from     to   read")
    rows = []
    for who, costs in runs.items():
        times = [cost.cpu_ms_per_call_s for cost in costs]
        row = Cost(who, round(statistics.median(times), 1), round(costs[0].read, 3))
        rows.append(asdict(row) | {"least_ms": round(min(times), 1), "most_ms": round(max(times), 1)})
        print(f"{who:20} {row.cpu_ms_per_call_s:9.1f} {min(times):7.1f} {max(times):6.1f} {row.read:6.2f}")
    if options.json:
        result = {"when": time.strftime("%Y-%m-%d"), "before": before, "after": load(), "rows": rows}
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
