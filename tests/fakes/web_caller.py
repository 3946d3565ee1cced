"""A browser without a window: aiortc's own peer connection, which knows nothing of ours.

async with web_caller(said) as caller:
    answer = ...send caller.offer...
    await caller.take(answer)
"""

from __future__ import annotations

import asyncio
import fractions
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame as AvFrame
from av import AudioResampler

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, Samples


class Microphone(MediaStreamTrack):  # type: ignore[misc]
    """Says what it is given, else silence."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.to_say: list[Samples] = []
        self._count = 0
        self._began: float | None = None

    def say(self, samples: Samples) -> None:
        padded = np.concatenate([samples, np.zeros(-len(samples) % FRAME_SAMPLES, np.int16)])
        self.to_say += list(padded.reshape(-1, FRAME_SAMPLES))

    async def recv(self) -> AvFrame:
        loop = asyncio.get_running_loop()
        if self._began is None:
            self._began = loop.time()
        await asyncio.sleep(max(0.0, self._began + self._count * 0.02 - loop.time()))
        samples = self.to_say.pop(0) if self.to_say else np.zeros(FRAME_SAMPLES, np.int16)
        frame = AvFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, self._count * FRAME_SAMPLES
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE)
        self._count += 1
        return frame


class WebCaller:
    def __init__(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration([]))
        self.microphone = Microphone()
        self.peer.addTrack(self.microphone)
        self.channel = self.peer.createDataChannel("ivr")
        self.messages: list[dict[str, Any]] = []
        self.heard: list[Samples] = []
        self.open = asyncio.Event()
        self.channel.on("open", self.open.set)
        self.channel.on("message", lambda text: self.messages.append(json.loads(text)))
        self.peer.on("track", self._listen)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def offer(self) -> str:
        return str(self.peer.localDescription.sdp)

    async def take(self, answer: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def send(self, **message: Any) -> None:
        self.channel.send(json.dumps(message))

    def said(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    def sound(self) -> Samples:
        """All that was heard."""
        return np.concatenate([np.zeros(0, np.int16), *self.heard])

    def _listen(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.ensure_future(self._hear(track)))

    async def _hear(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        try:
            while True:
                for frame in resampler.resample(await track.recv()):
                    self.heard.append(frame.to_ndarray().reshape(-1))
        except MediaStreamError:
            return

    async def vanish(self) -> None:
        """The network is gone: nothing more is sent, nobody is told."""
        transport = self.peer.getSenders()[0].transport.transport
        connection = transport._connection
        for protocol in connection._protocols:
            protocol.transport.close()
        connection._query_consent_task.cancel()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.peer.close()


@asynccontextmanager
async def web_caller() -> AsyncIterator[WebCaller]:
    caller = WebCaller()
    await caller.peer.setLocalDescription(await caller.peer.createOffer())
    try:
        yield caller
    finally:
        await caller.close()
