"""Offers of browsers, and our answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.errors import SdpError
from ivr.transport.webrtc.sdp import MAX_BYTES, Offer, our_direction, read_offer, write_answer

CHROMIUM = (Path(__file__).parent / "chromium_offer.sdp").read_text(encoding="utf-8").replace("\n", "\r\n")


def answer(offer: Offer) -> str:
    return write_answer(
        offer, session=7, candidates=["1 1 udp 2130706431 127.0.0.1 5000 typ host"], ufrag="abcd", password="p" * 22,
        fingerprints=["sha-256 AA:BB"], ssrc=1234, cname="me", sctp_port=5000, max_message=65536,
    )  # fmt: skip


def test_an_offer_of_chromium() -> None:
    offer = read_offer(CHROMIUM)
    assert offer.codecs == ((9, "G722"), (0, "PCMU"), (8, "PCMA"))
    assert offer.events == 126
    assert (offer.setup, offer.direction, offer.sctp_port) == ("active", "sendrecv", 5000)
    assert [section[0] for section in offer.sections] == ["audio", "application"]
    assert offer.fingerprints[0][0] == "sha-256"
    assert len(offer.candidates) == 4


def test_our_answer_is_read_by_another() -> None:
    text = answer(read_offer(CHROMIUM))
    read = SessionDescription.parse(text)
    audio, data = read.media
    assert [(codec.name, codec.payloadType) for codec in audio.rtp.codecs] == [("G722", 9), ("telephone-event", 126)]
    assert audio.rtcp_mux
    assert (audio.dtls.role, data.dtls.role) == ("client", "client")
    assert (data.sctp_port, audio.rtp.muxId, data.rtp.muxId) == (5000, "0", "1")
    assert str(read.group[0]) == "BUNDLE 0 1"
    assert text.endswith("\r\n")


def test_what_we_do_not_take_is_refused_in_its_place() -> None:
    video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:7\r\na=rtpmap:96 VP8/90000\r\n"
    head, audio, rest = CHROMIUM.partition("m=audio")
    lines = answer(read_offer(head + video + audio + rest)).splitlines()
    media = [line for line in lines if line.startswith("m=")]
    assert media[0] == "m=video 0 UDP/TLS/RTP/SAVPF 96"
    assert "a=group:BUNDLE 0 1" in lines


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("v=0\r\n", "", "does not begin with v=0"),
        ("m=audio", "m=video", "no audio over DTLS-SRTP"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "no audio over DTLS-SRTP"),
        ("a=rtcp-mux\r\n", "", "without a=rtcp-mux"),
        ("a=ice-pwd:", "a=other:", "a=ice-pwd"),
        ("a=fingerprint:sha-256", "a=fingerprint:md5", "SHA-256 or better"),
        ("a=setup:actpass", "a=setup:holdconn", "'holdconn'"),
        ("SAVPF 111 63 9 0 8 13 110 126", "SAVPF 111", "none of our codecs"),
        ("a=sctp-port:5000", "a=sctp-port:99999", "sctp-port is '99999'"),
        ("m=audio 48842 ", "m=audio x ", "line 8: m= needs media"),
    ],
)
def test_what_is_missing_is_named(old: str, new: str, reason: str) -> None:
    assert old in CHROMIUM
    with pytest.raises(SdpError, match=reason):
        read_offer(CHROMIUM.replace(old, new))


def test_a_huge_offer() -> None:
    with pytest.raises(SdpError, match="characters"):
        read_offer(CHROMIUM + "a=x\r\n" * MAX_BYTES)


def test_every_truncation_is_read_or_refused() -> None:
    for length in range(0, len(CHROMIUM), 7):
        try:
            answer(read_offer(CHROMIUM[:length]))
        except SdpError as error:
            assert str(error)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(CHROMIUM)), st.text(max_size=6)), max_size=8))
def test_damage_is_read_or_refused(edits: list[tuple[int, str]]) -> None:
    text = CHROMIUM
    for at, what in edits:
        text = text[:at] + what + text[at + len(what) :]
    try:
        answer(read_offer(text))
    except SdpError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_directions(theirs: str, ours: str) -> None:
    assert our_direction(theirs) == ours
