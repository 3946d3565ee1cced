"""One caller's line through pipecat's pipeline in real time. Runs in the peer's own environment.

Reads one JSON object from standard input (line, prompt: .npy of int16 at `rate`; model: folder of a Vosk model, or
empty; out: where the bot's side goes) and prints one. Defaults throughout: Silero, the default turn strategies (Smart
Turn), interruptions allowed. The recogniser decodes all audio of the line on a thread and gives its transcript when
the voice detector says that the user stopped; without a model each stretch of voice is the same sentence.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from loguru import logger

logger.remove()

from pipecat.audio.vad.silero import SileroVADAnalyzer  # noqa: E402
from pipecat.frames.frames import (  # noqa: E402
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
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
from pipecat.transports.base_output import BaseOutputTransport  # noqa: E402
from pipecat.transports.base_transport import TransportParams  # noqa: E402
from pipecat.workers.runner import WorkerRunner  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pipecat_cost import FRAME_S, MemoryInput, NullRecogniser, Parrot  # noqa: E402

PLAYOUT_S = 0.25
"""What comes up to so late still joins what was heard before it, as in a telephone's jitter buffer."""


class Ear(BaseOutputTransport):
    """The caller's ear: keeps each piece of sound at the time it was written, paced as a websocket transport."""

    def __init__(self, params: TransportParams, samples: int, rate: int) -> None:
        super().__init__(params)
        self.heard = np.zeros(samples, dtype=np.int16)
        self.begin = 0.0
        self._rate = rate
        self._due = 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        sound = np.frombuffer(frame.audio, dtype=np.int16)
        now = time.monotonic()
        await asyncio.sleep(max(0.0, self._due - now))
        starts = self._due if now - self._due < PLAYOUT_S else now
        if self.begin:
            at = int((starts - self.begin) * self._rate)
            room = self.heard[max(0, at) : max(0, at) + len(sound)]
            room[:] = sound[: len(room)]
        self._due = starts + len(sound) / frame.sample_rate
        return True


class Vosk(FrameProcessor):
    """All audio is decoded as it comes; the transcript is given when the voice detector hears the end."""

    def __init__(self, model: str, rate: int) -> None:
        super().__init__()
        import vosk

        vosk.SetLogLevel(-1)
        self._recogniser = vosk.KaldiRecognizer(vosk.Model(model), rate)
        self._thread = ThreadPoolExecutor(1)
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._work: asyncio.Task[None] | None = None
        self._buffer = b""
        self._partial = ""
        self._done: list[str] = []
        self.texts: list[str] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self._work = asyncio.create_task(self._run())
        elif isinstance(frame, InputAudioRawFrame):
            self._buffer += frame.audio
            if len(self._buffer) >= 3200:
                self._queue.put_nowait(self._buffer)
                self._buffer = b""
        await self.push_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self._queue.put_nowait(self._buffer)
            self._buffer = b""
            self._queue.put_nowait(None)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            item = await self._queue.get()
            if item is None:
                text = json.loads(await loop.run_in_executor(self._thread, self._recogniser.FinalResult))["text"]
                text = " ".join([*self._done, text]).strip()
                self._done = []
                if text:
                    self.texts.append(text)
                    await self.push_frame(TranscriptionFrame(text, "caller", "now", finalized=True))
            elif item:
                await self._accept(loop, item)

    async def _accept(self, loop: asyncio.AbstractEventLoop, audio: bytes) -> None:
        ended = await loop.run_in_executor(self._thread, self._recogniser.AcceptWaveform, audio)
        if ended:
            self._done.append(json.loads(self._recogniser.Result())["text"])
            return
        partial = json.loads(self._recogniser.PartialResult())["partial"]
        if partial and partial != self._partial:
            self._partial = partial
            await self.push_frame(InterimTranscriptionFrame(partial, "caller", "now"))


async def run(task: dict[str, Any]) -> dict[str, Any]:
    rate, line = int(task["rate"]), np.load(task["line"])
    params = TransportParams(audio_in_enabled=True, audio_out_enabled=True)
    source, ear = MemoryInput(params), Ear(params, len(line), rate)
    recogniser = Vosk(task["model"], rate) if task["model"] else NullRecogniser()
    parrot = Parrot(np.load(task["prompt"]).tobytes(), rate)
    pair = LLMContextAggregatorPair(LLMContext(), user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer()))
    worker = PipelineWorker(
        Pipeline([source, recogniser, pair.user(), parrot, ear, pair.assistant()]),
        params=PipelineParams(audio_in_sample_rate=rate, audio_out_sample_rate=rate),
        idle_timeout_secs=None,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run(auto_end=False))
    await asyncio.sleep(3.0)
    size = int(rate * FRAME_S)
    late = 0.0
    ear.begin = time.monotonic()
    for index in range(len(line) // size):
        due = ear.begin + (index + 1) * FRAME_S  # a frame is there when its last sample is
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        late = max(late, time.monotonic() - due)
        audio = line[index * size : (index + 1) * size].tobytes()
        await source.push_audio_frame(InputAudioRawFrame(audio, rate, 1))
    np.save(task["out"], ear.heard)
    running.cancel()
    return {
        "version": importlib.metadata.version("pipecat-ai"), "late_ms": late * 1000, "turns": parrot.turns,
        "texts": getattr(recogniser, "texts", []), "recogniser": "Vosk" if task["model"] else "null recogniser",
    }  # fmt: skip


def main() -> None:
    task = json.loads(sys.stdin.readline())

    async def bounded() -> None:
        print(json.dumps(await run(task)), flush=True)

    asyncio.new_event_loop().run_until_complete(bounded())
    sys.stdout.flush()
    os._exit(0)  # the pipeline's own shutdown is not what is measured


if __name__ == "__main__":
    main()
