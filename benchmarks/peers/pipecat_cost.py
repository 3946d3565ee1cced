"""Calls without engines on pipecat: what framework_cost.py compares with. Runs in the peer's own environment.

Reads one JSON object from standard input (calls, seconds, warm_up, vad: silero|energy, line and prompt: .npy files of
int16 at `rate`) and prints one. A call is the pipeline of pipecat's own examples on an in-memory transport: input,
null recogniser, user aggregator with its turn strategies, a processor in the place of the language model that says the
prompt, output, assistant aggregator. With `silero` the turn strategies are the defaults (Smart Turn); with `energy`
the cheapest there are: a level as detector, a timeout as end of turn.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import json
import resource
import sys
import time
from typing import Any

import numpy as np
from loguru import logger

logger.remove()

from pipecat.audio.vad.silero import SileroVADAnalyzer  # noqa: E402
from pipecat.audio.vad.vad_analyzer import VADAnalyzer  # noqa: E402
from pipecat.frames.frames import (  # noqa: E402
    Frame,
    InputAudioRawFrame,
    LLMContextFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline  # noqa: E402
from pipecat.pipeline.worker import PipelineParams, PipelineWorker  # noqa: E402
from pipecat.processors.aggregators.llm_context import LLMContext  # noqa: E402
from pipecat.processors.aggregators.llm_response_universal import (  # noqa: E402
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor  # noqa: E402
from pipecat.transports.base_input import BaseInputTransport  # noqa: E402
from pipecat.transports.base_output import BaseOutputTransport  # noqa: E402
from pipecat.transports.base_transport import TransportParams  # noqa: E402
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy  # noqa: E402
from pipecat.turns.user_turn_strategies import UserTurnStrategies  # noqa: E402
from pipecat.workers.runner import WorkerRunner  # noqa: E402

FRAME_S = 0.02


class EnergyVad(VADAnalyzer):
    """A level: nothing can be cheaper."""

    def num_frames_required(self) -> int:
        return int(self.sample_rate * FRAME_S)

    def voice_confidence(self, buffer: bytes) -> float:
        samples = np.frombuffer(buffer, dtype=np.int16)
        return 1.0 if int(np.abs(samples).max(initial=0)) > 500 else 0.0


class MemoryInput(BaseInputTransport):
    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)


class MemoryOutput(BaseOutputTransport):
    """Paced as pipecat's websocket transport paces itself."""

    def __init__(self, params: TransportParams, **kwargs: Any) -> None:
        super().__init__(params, **kwargs)
        self.seconds = 0.0
        self._due = 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        length = len(frame.audio) / 2 / frame.sample_rate
        self.seconds += length
        pause = max(0.0, self._due - time.monotonic())
        await asyncio.sleep(pause)
        self._due = (time.monotonic() if pause == 0 else self._due) + length
        return True


class NullRecogniser(FrameProcessor):
    """Each stretch of voice is the same sentence."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            await self.push_frame(TranscriptionFrame("i have lost my card", "caller", "now", finalized=True))


class Parrot(FrameProcessor):
    """In the place of language model and synthesiser: says the prompt after every turn of the caller."""

    def __init__(self, sound: bytes, rate: int) -> None:
        super().__init__()
        self._sound, self._rate = sound, rate
        self.turns = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        self.turns += 1
        await self.push_frame(TTSStartedFrame())
        await self.push_frame(TTSAudioRawFrame(self._sound, self._rate, 1))
        await self.push_frame(TTSStoppedFrame())


class Call:
    def __init__(self, task: dict[str, Any], sound: bytes) -> None:
        rate = int(task["rate"])
        params = TransportParams(audio_in_enabled=True, audio_out_enabled=True)
        self.input = MemoryInput(params)
        self.output = MemoryOutput(params)
        self.parrot = Parrot(sound, rate)
        vad = SileroVADAnalyzer() if task["vad"] == "silero" else EnergyVad()
        cheap = None if task["vad"] == "silero" else UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy()])
        pair = LLMContextAggregatorPair(
            LLMContext(), user_params=LLMUserAggregatorParams(vad_analyzer=vad, user_turn_strategies=cheap)
        )
        stages = [self.input, NullRecogniser(), pair.user(), self.parrot, self.output, pair.assistant()]
        self.worker = PipelineWorker(
            Pipeline(stages),
            params=PipelineParams(audio_in_sample_rate=rate, audio_out_sample_rate=rate),
            idle_timeout_secs=None,
        )


async def feed(calls: list[Call], line: Any, rate: int, until: float) -> None:
    """The callers: each 20 ms a frame to every call, at its own phase."""
    size = int(rate * FRAME_S)
    frames = [line[at : at + size].tobytes() for at in range(0, len(line) - size + 1, size)]
    begin = time.monotonic()
    tick = 0
    while time.monotonic() < until:
        for index, call in enumerate(calls):
            audio = frames[(tick + 7 * index) % len(frames)]
            await call.input.push_audio_frame(InputAudioRawFrame(audio, rate, 1))
        tick += 1
        await asyncio.sleep(max(0.0, begin + tick * FRAME_S - time.monotonic()))


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def run(task: dict[str, Any]) -> dict[str, Any]:
    rate = int(task["rate"])
    sound = np.load(task["prompt"]).tobytes()
    calls = [Call(task, sound) for _ in range(task["calls"])]
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(*(call.worker for call in calls))
    running = asyncio.create_task(runner.run(auto_end=False))
    await asyncio.sleep(2.0 + 0.02 * len(calls))
    gc.collect()
    gc.freeze()
    warm, seconds = task["warm_up"], task["seconds"]
    feeding = asyncio.create_task(feed(calls, np.load(task["line"]), rate, time.monotonic() + warm + seconds))
    await asyncio.sleep(warm)
    before, began = cpu(), time.monotonic()
    out = [call.output.seconds for call in calls]
    turns = sum(call.parrot.turns for call in calls)
    await asyncio.sleep(seconds)
    used, wall = cpu() - before, time.monotonic() - began
    written = sum(call.output.seconds - was for call, was in zip(calls, out, strict=True))
    said = sum(call.parrot.turns for call in calls) - turns
    feeding.cancel()
    running.cancel()
    return {
        "version": importlib.metadata.version("pipecat-ai"),
        "cpu_s_per_call_s": used / wall / len(calls),
        "busy": used / wall,
        "turns_per_call_minute": said / len(calls) / wall * 60,
        "audio_out_share": written / wall / len(calls),
    }


def main() -> None:
    task = json.loads(sys.stdin.readline())

    async def bounded() -> None:
        print(json.dumps(await run(task)), flush=True)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(bounded())
    sys.stdout.flush()
    import os

    os._exit(0)  # the pipelines' own shutdown is not what is measured


if __name__ == "__main__":
    main()
