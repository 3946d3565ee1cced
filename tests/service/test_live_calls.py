"""Calls by SIP and RTP through the hotline, from the answer to the stored recording."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from ivr.audio.frame import SILENCE, AudioFrame, Samples
from ivr.audio.wav import read_channels
from ivr.call.events import QueueChanged
from ivr.dialog.bundle import Bundle
from ivr.replay.runner import ReplayOptions, replay_events
from ivr.service.recorder import RECORDING
from ivr.transport.rtp.leg import RtpLeg, RtpSettings
from ivr.transport.rtp.packet import build
from ivr.transport.rtp.ports import PortRange
from tests.service.lab import Lab, likeness, live, open_lab, speech, until, voice
from tests.transport.sip.conftest import RawPeer

WELCOME, ASK, TOLD = "Welcome to the laboratory.", "Say or key in three digits.", "The colour is blue."


async def solved(lab: Lab) -> None:
    """The call ends with the right digits looked up and the answer told."""
    assert (await lab.ended()).outcome == "resolved"
    assert lab.backend.asked == ["123"]
    assert lab.voice.said[-1] == TOLD


@live
async def test_a_whole_call(tmp_path: Path, bundle: Bundle) -> None:
    """Answered, asked, understood, looked up, told, hung up by the bot; what was stored says the same once more."""
    async with open_lab(tmp_path, bundle, ["one two three"]) as lab:
        line = await lab.call()
        await lab.state("listening")
        await line.say(speech())
        assert await line.wait_over(10)
        heard = np.concatenate(line.heard)  # as a telephone does: what comes after the BYE is not played
        await solved(lab)
        record = lab.log.done[0]
        assert (record.caller, record.called, record.cause, record.language) == ("13800138000", "hotline", "", "en")
        assert lab.log.begun[0].id == record.id
        for text in (WELCOME, ASK, TOLD):
            assert likeness(heard, voice(text)) > 0.9, text
        assert likeness(heard, voice("something else that was never said")) < 0.3

        stored = lab.stored()
        caller, bot = read_channels(stored.folder / RECORDING)
        assert likeness(caller, speech()) > 0.9
        assert likeness(bot, voice(TOLD)) > 0.95
        replayed = replay_events(stored, bundle, ReplayOptions())
        assert replayed.divergence == ""
        assert replayed.report.outcome == "completed"
        assert [turn.text for turn in replayed.report.turns if turn.speaker == "caller"] == ["one two three"]


@live
async def test_a_caller_who_says_nothing(tmp_path: Path, bundle: Bundle) -> None:
    """The ladder of questions ends with people; when they do not answer the caller is told, and that is the end."""
    async with open_lab(tmp_path, bundle) as lab:
        line = await lab.call()
        await until(lambda: lab.desk.waiting, "a hand-over", 30)
        await lab.state("queued")
        lab.driver.deliver(QueueChanged("timeout"))
        assert await line.wait_over(10)
        assert (await lab.ended()).outcome == "abandoned"
        assert lab.voice.said[-1] == "Nobody is there."
        assert replay_events(lab.stored(), bundle, ReplayOptions()).divergence == ""


@live
async def test_keys_by_rfc_4733(tmp_path: Path, bundle: Bundle) -> None:
    async with open_lab(tmp_path, bundle) as lab:
        line = await lab.call()
        await lab.state("listening")
        line.press("123")
        assert await line.wait_over(10)
        await solved(lab)
        pressed = lab.fields("in.DigitPressed")
        assert [(key["digit"], key["source"]) for key in pressed] == [(digit, "rfc4733") for digit in "123"]
        assert replay_events(lab.stored(), bundle, ReplayOptions()).divergence == ""


@live
async def test_keys_by_sip_info(tmp_path: Path, bundle: Bundle) -> None:
    async with open_lab(tmp_path, bundle) as lab:
        peer = await RawPeer().open(lab.sip.addresses["UDP"])
        peer.send(peer.invite())
        ok = await peer.expect(200)
        peer.send(peer.request("ACK", to_tag=ok.to_tag, uri=ok.target))
        await lab.watch()
        await lab.state("listening")
        for cseq, digit in enumerate("123", start=2):
            body = f"Signal={digit}\r\nDuration=160\r\n"
            peer.send(
                peer.request("INFO", cseq=cseq, to_tag=ok.to_tag, uri=ok.target, body=body,
                             kind="application/dtmf-relay")
            )  # fmt: skip
            await peer.expect(200)
        bye = await peer.expect("BYE", 10)
        peer.ok(bye)
        await solved(lab)
        assert [(key["digit"], key["source"]) for key in lab.fields("in.DigitPressed")] == [
            ("1", "sip-info"), ("2", "sip-info"), ("3", "sip-info"),
        ]  # fmt: skip
        peer.close()


@live
async def test_hold_and_resume(tmp_path: Path, bundle: Bundle) -> None:
    """Held, the caller is sent nothing; afterwards he is heard and answered as before."""
    async with open_lab(tmp_path, bundle, ["one two three"]) as lab:
        line = await lab.call()
        await lab.state("listening")
        await line.call.hold()
        await until(lambda: lab.intake.lines[lab.driver.info.call_id].leg._receives is True, "the hold is known")
        sent = lab.intake.lines[lab.driver.info.call_id].leg.stats().sent_packets
        await line.pause(400)
        assert lab.intake.lines[lab.driver.info.call_id].leg.stats().sent_packets - sent <= 2
        await line.call.resume()
        await line.pause(100)
        await line.say(speech())
        assert await line.wait_over(10)
        await solved(lab)
        assert likeness(np.concatenate(line.heard), voice(TOLD)) > 0.9
        assert replay_events(lab.stored(), bundle, ReplayOptions()).divergence == ""


class Mouth:
    """Media of a phone whose signalling is raw: says what it is given, remembers what it hears."""

    def __init__(self, ports: tuple[int, int]) -> None:
        self.leg = RtpLeg(PortRange("127.0.0.1", *ports))
        self.saying: list[Samples] = []
        self.heard: list[Samples] = []

    def offer(self, codecs: str) -> str:
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.leg.port} RTP/AVP {codecs}\r\na=sendrecv\r\n"
        )

    def agree(self, answer: str, codecs: dict[int, str]) -> None:
        port = int(answer.partition("m=audio ")[2].split()[0])
        self.leg.set_remote("127.0.0.1", port, codecs)

    def tick(self) -> None:
        self.heard.append(self.leg.read().samples)
        self.leg.write(AudioFrame(self.saying.pop(0) if self.saying else SILENCE))


@live
async def test_codec_and_port_change_in_mid_call(tmp_path: Path, bundle: Bundle) -> None:
    """A re-INVITE moves the caller from PCMA on one port to G.722 on another, in the middle of his words."""
    async with open_lab(tmp_path, bundle, ["one two three"]) as lab:
        peer = await RawPeer().open(lab.sip.addresses["UDP"])
        first, second = Mouth((28100, 28101)), Mouth((28102, 28103))
        peer.send(peer.invite(body=first.offer("8")))
        ok = await peer.expect(200)
        first.agree(ok.body, {8: "PCMA"})
        peer.send(peer.request("ACK", to_tag=ok.to_tag, uri=ok.target))
        lab.pacer.add(first.tick)
        await lab.watch()
        await lab.state("listening")
        words = speech().reshape(-1, 320)
        first.saying.extend(words[:20])
        await until(lambda: not first.saying, "the first half")

        peer.send(peer.invite(cseq=2, to_tag=ok.to_tag, uri=ok.target, body=second.offer("9")))
        again = await peer.expect(200)
        second.agree(again.body, {9: "G722"})
        peer.send(peer.request("ACK", cseq=2, to_tag=ok.to_tag, uri=ok.target))
        lab.pacer.remove(first.tick)
        lab.pacer.add(second.tick)
        second.saying.extend(words[20:])
        peer.ok(await peer.expect("BYE", 10))
        await solved(lab)
        lab.pacer.remove(second.tick)
        assert likeness(np.concatenate(second.heard), voice(TOLD)) > 0.9
        assert likeness(np.concatenate(first.heard), voice(ASK)) > 0.9
        assert len(lab.fields("turn.commit")) == 1
        assert replay_events(lab.stored(), bundle, ReplayOptions()).divergence == ""
        for mouth in (first, second):
            mouth.leg.close()
        peer.close()


@live
async def test_a_payload_type_nobody_agreed_to(tmp_path: Path, bundle: Bundle) -> None:
    """Such packets are no sound; what comes in the agreed type afterwards is heard."""
    async with open_lab(tmp_path, bundle, ["one two three"]) as lab:
        line = await lab.call()
        await lab.state("listening")
        assert line.call.media is not None
        assert line.call.media.codec.name == "PCMU"
        line._leg._sender.configure(77, "PCMA")
        await line.say(speech())
        await line.pause(200)
        assert not lab.fields("speech.start")
        line._leg._sender.configure(0, "PCMU")
        await line.say(speech())
        assert await line.wait_over(10)
        await solved(lab)


@live
async def test_rtp_from_another_address_is_not_heard(tmp_path: Path, bundle: Bundle) -> None:
    async with open_lab(tmp_path, bundle, ["nine nine nine", "one two three"]) as lab:
        line = await lab.call()
        await lab.state("listening")
        leg = lab.intake.lines[lab.driver.info.call_id].leg
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for number in range(50):
                loud = bytes([0x00, 0x80] * 80)
                stranger.sendto(build(0, number, number * 160, 0xBAD, loud), ("127.0.0.1", leg.port))
                await line.pause(20)
        assert leg.stats().sockets.foreign == 50
        assert lab.driver.session.state.value == "listening"
        assert not lab.fields("speech.start")
        line.press("123")
        assert await line.wait_over(10)
        await solved(lab)


@live
async def test_a_tenth_of_the_packets_is_lost(tmp_path: Path, bundle: Bundle) -> None:
    async with open_lab(tmp_path, bundle, ["one two three"]) as lab:
        line = await lab.call()
        session, random = line._leg._session, np.random.default_rng(7)
        send = session.send
        session.send = lambda packet: send(packet) if random.random() >= 0.1 else None  # type: ignore[method-assign,assignment]
        await lab.state("listening")
        leg = lab.intake.lines[lab.driver.info.call_id].leg
        await line.say(speech(1500))
        await until(lambda: leg.stats().received.lost > 3, "losses")
        assert await line.wait_over(10)
        await solved(lab)
        caller, _ = read_channels(lab.stored().folder / RECORDING)
        assert likeness(caller, speech(1500)) > 0.7  # what is concealed is like it, not equal


@pytest.mark.parametrize("spoke", [False, True])
@live
async def test_no_rtp_ends_the_call(tmp_path: Path, bundle: Bundle, spoke: bool) -> None:
    """A line without audio is dead: a phone that crashed must not hold a place for ever."""
    rtp = RtpSettings(first_packet_s=0.6, silence_s=0.6)
    async with open_lab(tmp_path, bundle, rtp=rtp) as lab:
        line = await lab.call()
        if spoke:
            await lab.state("listening")
        line._leg.hold()
        assert await line.wait_over(5)
        assert (await lab.ended()).outcome == "abandoned"
        assert lab.fields("hangup") == [{"by": "caller", "reason": "no audio for 600 ms"}]
        assert replay_events(lab.stored(), bundle, ReplayOptions()).divergence == ""
