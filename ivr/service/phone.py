"""A telephone in software: calls the hotline by real SIP and RTP, says recorded clips, hears and records the answers.

For the demonstration, tests and benchmarks. It behaves as a caller does: it listens, waits until the bot has finished
(or interrupts it on purpose), and speaks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ivr.audio.frame import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, SILENCE, AudioFrame, Samples
from ivr.audio.levels import rms_dbfs
from ivr.audio.wav import StereoWriter, read_audio
from ivr.errors import TransportError
from ivr.service.sip_intake import apply_media
from ivr.transport.pacer import Pacer
from ivr.transport.rtp.leg import RtpLeg, RtpSettings
from ivr.transport.rtp.ports import PortRange
from ivr.transport.sip.call import SipCall
from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.endpoint import SipEndpoint
from ivr.transport.sip.sdp import LocalMedia

_QUIET_DBFS = -48.0
"""Below this the other side says nothing."""


class PhoneLine:
    """One call of a phone. `start` is the phone's business; use `say`, `press`, `wait_quiet`, `hang_up`."""

    def __init__(self, call: SipCall, leg: RtpLeg, pacer: Pacer, record: Path | None, echo: bool) -> None:
        self.call = call
        self._leg = leg
        self._pacer = pacer
        self._echo = echo
        self._to_say: deque[Samples] = deque()
        self._writer = StereoWriter(record) if record is not None else None
        self._quiet_ms = 0
        self._heard_ms = 0
        self._total_ms = 0
        self._closed = False
        self.heard: list[Samples] = []
        """All that was heard, in frames."""
        self._ended = asyncio.create_task(call.wait_ended())
        pacer.add(self._tick)

    def _tick(self) -> None:
        heard = self._leg.read()
        level = -90.0 if heard.lost else rms_dbfs(heard.samples)
        self._total_ms += FRAME_MS
        if level > _QUIET_DBFS:
            self._quiet_ms = 0
            self._heard_ms += FRAME_MS
        else:
            self._quiet_ms += FRAME_MS
        self.heard.append(heard.samples)
        said = self._to_say.popleft() if self._to_say else (heard.samples if self._echo else SILENCE)
        self._leg.write(AudioFrame(said))
        if self._writer is not None:
            self._writer.write(said, heard.samples)

    @property
    def over(self) -> bool:
        """The other side has hung up, or we have."""
        return self._ended.done()

    async def say(self, sound: Samples | str | Path) -> None:
        """Speak a clip; returns when it has been said, or the call is over."""
        samples = sound if isinstance(sound, np.ndarray) else read_audio(sound)
        padded = np.concatenate([samples, np.zeros(-len(samples) % FRAME_SAMPLES, dtype=np.int16)])
        self._to_say.extend(padded[at : at + FRAME_SAMPLES] for at in range(0, len(padded), FRAME_SAMPLES))
        await self._until(lambda: not self._to_say, timeout_s=len(padded) / SAMPLE_RATE + 10)

    async def pause(self, ms: int) -> None:
        """Say nothing for so long."""
        until = self._total_ms + ms
        await self._until(lambda: self._total_ms >= until, timeout_s=ms / 1000 + 10)

    async def wait_speech(self, timeout_s: float = 15.0) -> bool:
        """Wait until the other side speaks; False if it did not."""
        before = self._heard_ms
        return await self._until(lambda: self._heard_ms > before, timeout_s)

    async def wait_quiet(self, quiet_ms: int = 700, timeout_s: float = 30.0) -> bool:
        """Wait until the other side has spoken and then been silent for so long."""
        spoken = await self._until(lambda: self._quiet_ms < 200, timeout_s)
        return spoken and await self._until(lambda: self._quiet_ms >= quiet_ms, timeout_s)

    async def _until(self, met: Callable[[], bool], timeout_s: float) -> bool:
        until = self._total_ms + timeout_s * 1000
        while not met():
            if self.over or self._total_ms >= until:
                return met()
            await asyncio.sleep(FRAME_MS / 1000)
        return True

    def press(self, digits: str) -> None:
        self._leg.send_digits(digits)

    async def wait_over(self, timeout_s: float) -> bool:
        """Wait for the other side to hang up."""
        return await self._until(lambda: self.over, timeout_s)

    async def hang_up(self) -> None:
        """End the call, whoever ended it first; the recording is finished."""
        if self._closed:
            return
        self._closed = True
        self._pacer.remove(self._tick)
        await self.call.bye()
        await asyncio.wait([self._ended], timeout=5)
        self._ended.cancel()
        self._leg.close()
        if self._writer is not None:
            self._writer.close()


class Phone:
    """A phone with an address of its own: it can call, and be called."""

    def __init__(
        self, host: str = "127.0.0.1", ports: tuple[int, int] = (20000, 20998), *, pacer: Pacer | None = None
    ) -> None:
        self._ports = PortRange(host, *ports)
        self._own_pacer = pacer is None
        self._pacer = pacer or Pacer()
        self._incoming: asyncio.Queue[SipCall] = asyncio.Queue()
        self._endpoint = SipEndpoint(SipConfig(host=host, port=0, user_agent="ivr-phone"), self._on_call)
        self._host = host
        self._held: list[asyncio.Event] = []

    async def start(self) -> None:
        await self._endpoint.start()
        if self._own_pacer:
            self._pacer.start()

    async def stop(self) -> None:
        for event in self._held:
            event.set()
        if self._own_pacer:
            self._pacer.stop()
        await self._endpoint.stop()

    @property
    def uri(self) -> str:
        """Where this phone is called."""
        host, port = self._endpoint.addresses["UDP"]
        return f"sip:phone@{host}:{port}"

    async def call(
        self, target: str, *, caller: str = "phone", record: Path | None = None, timeout_s: float = 30.0
    ) -> PhoneLine:
        """Dial. Raises CallFailed when nobody answers."""
        leg = RtpLeg(self._ports, RtpSettings())
        try:
            call = await self._endpoint.dial(
                target, LocalMedia(leg.address, leg.port), from_uri=f"sip:{caller}@{self._host}", timeout_s=timeout_s
            )
        except BaseException:
            leg.close()
            raise
        return self._line(call, leg, record, echo=False)

    async def answer(
        self, *, timeout_s: float = 60.0, after_ms: int = 0, record: Path | None = None, echo: bool = False
    ) -> PhoneLine:
        """Wait to be called, let it ring for `after_ms`, pick up. `echo` plays back what is heard."""
        async with asyncio.timeout(timeout_s):
            call = await self._incoming.get()
            while call.end is not None:  # it rang while nobody was there
                call = await self._incoming.get()
        call.ring()
        await asyncio.sleep(after_ms / 1000)
        leg = RtpLeg(self._ports, RtpSettings())
        try:
            await call.answer(LocalMedia(leg.address, leg.port))
        except TransportError:
            leg.close()
            raise
        return self._line(call, leg, record, echo=echo)

    def _line(self, call: SipCall, leg: RtpLeg, record: Path | None, *, echo: bool) -> PhoneLine:
        assert call.media is not None
        apply_media(leg, call.media)
        return PhoneLine(call, leg, self._pacer, record, echo)

    async def _on_call(self, call: SipCall) -> None:
        held = asyncio.Event()
        self._held.append(held)
        self._incoming.put_nowait(call)
        waiting = asyncio.create_task(held.wait())
        ended = asyncio.create_task(call.wait_ended())
        await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        ended.cancel()
        self._held.remove(held)
