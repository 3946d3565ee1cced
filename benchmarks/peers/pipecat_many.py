"""Many of pipecat's pipelines at once: how long their callers wait. Runs in the peer's own environment.

Reads one JSON object from standard input (calls, seconds, warm_up, vad, rate, line, prompt, ends: the samples of the
line at which speech ends) and prints one. The pipelines are those of pipecat_cost.py, without a recogniser's work.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import json
import os
import sys
import time
from typing import Any

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pipecat.workers.runner import WorkerRunner
from pipecat_cost import FRAME_S, Call, cpu


async def run(task: dict[str, Any]) -> dict[str, Any]:
    rate, line = int(task["rate"]), np.load(task["line"])
    from pipecat.frames.frames import InputAudioRawFrame

    sound = np.load(task["prompt"]).tobytes()
    calls = [Call(task, sound) for _ in range(task["calls"])]
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(*(call.worker for call in calls))
    running = asyncio.create_task(runner.run(auto_end=False))
    await asyncio.sleep(2.0 + 0.05 * len(calls))
    gc.collect()
    gc.freeze()
    size = int(rate * FRAME_S)
    frames = [line[at : at + size].tobytes() for at in range(0, len(line) - size + 1, size)]
    ends = {end // size for end in task["ends"]}
    ended = [0.0 for _ in calls]
    turns = [0 for _ in calls]
    waits: list[float] = []
    missed = 0
    begin, tick, used = time.monotonic(), 0, cpu()
    while (now := time.monotonic()) - begin < task["warm_up"] + task["seconds"]:
        for index, call in enumerate(calls):
            place = (tick + len(frames) * index // len(calls)) % len(frames)
            if call.parrot.turns != turns[index]:
                turns[index] = call.parrot.turns
                if ended[index] and ended[index] - begin > task["warm_up"]:
                    waits.append(now - ended[index])
                ended[index] = 0.0
            await call.input.push_audio_frame(InputAudioRawFrame(frames[place], rate, 1))
            if place in ends:
                missed += bool(ended[index])
                ended[index] = begin + tick * FRAME_S
        tick += 1
        await asyncio.sleep(max(0.0, begin + tick * FRAME_S - time.monotonic()))
    used = cpu() - used
    running.cancel()
    p50, p95 = [round(float(ms), 1) for ms in np.percentile(waits, [50, 95]) * 1000] if waits else (None, None)
    return {
        "version": importlib.metadata.version("pipecat-ai"), "calls": len(calls), "answer_p50_ms": p50,
        "answer_p95_ms": p95, "answers": len(waits), "missed": missed,
        "cores": used / (time.monotonic() - begin),
        "behind_ms": max(0.0, (time.monotonic() - begin - tick * FRAME_S) * 1000),
    }  # fmt: skip


def main() -> None:
    task = json.loads(sys.stdin.readline())

    async def bounded() -> None:
        print(json.dumps(await run(task)), flush=True)

    asyncio.new_event_loop().run_until_complete(bounded())
    sys.stdout.flush()
    os._exit(0)  # the pipelines' own shutdown is not what is measured


if __name__ == "__main__":
    main()
