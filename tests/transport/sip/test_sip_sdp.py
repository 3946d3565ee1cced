"""SDP, and offer/answer."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.errors import SdpError
from ivr.transport.sip.negotiation import Negotiation
from ivr.transport.sip.sdp import (
    G722,
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    AgreedMedia,
    Codec,
    Direction,
    LocalMedia,
    parse_sdp,
)

LOCAL = LocalMedia("192.0.2.1", 20000)
HEAD = "v=0\r\no=alice 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"


def answer(body: str, local: LocalMedia = LOCAL) -> tuple[str, AgreedMedia]:
    text, agreed = Negotiation("7").answer(parse_sdp(body.encode()), local)
    return text.decode(), agreed


def test_what_is_read() -> None:
    body = (
        HEAD + "m=audio 49170/2 RTP/AVP 0 96 9 77\r\nc=IN IP6 2001:db8::1\r\na=rtpmap:96 Telephone-Event/8000\r\n"
        "a=fmtp:96 0-16\r\na=ptime:30\r\na=rtcp:53020\r\na=rtcp-mux\r\na=recvonly\r\n"
        "m=image 0 udptl t38\r\n"
    )
    session = parse_sdp(body.encode())
    audio, image = session.media
    assert (audio.address, audio.port, audio.rtcp_port, audio.rtcp_mux) == ("2001:db8::1", 49170, 53020, True)
    assert audio.codecs == (PCMU, Codec("telephone-event", 96, fmtp="0-16"), G722)
    assert (audio.ptime, audio.direction) == (30, Direction.RECVONLY)
    assert (image.kind, image.port, image.formats, image.usable) == ("image", 0, ("t38",), False)


def test_session_level_direction_and_bare_line_feeds() -> None:
    session = parse_sdp(
        (HEAD + "a=inactive\r\na=ptime:40\r\nm=audio 4000 RTP/AVP 8\r\n").replace("\r\n", "\n").encode()
    )
    assert session.audio is not None
    assert (session.audio.direction, session.audio.ptime, session.audio.codecs) == (Direction.INACTIVE, 40, (PCMA,))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("v=1\r\n", "SDP line 1: expected v=0, got 'v=1'"),
        ("", "SDP line 1: expected <letter>=<value>, got ''"),
        ("v=0\r\nx\r\n", "SDP line 2: expected <letter>=<value>, got 'x'"),
        ("v=0\r\ns=-\r\n", "SDP has no o= line"),
        ("v=0\r\no=1 2 3\r\n", "SDP line 2: o= needs 6 fields, got 3"),
        (HEAD + "m=audio 1\r\n", "SDP line 6: m= needs media, port, protocol and formats, got 'audio 1'"),
        (HEAD + "m=audio 70000 RTP/AVP 0\r\n", "SDP line 6: port '70000' is not a number from 0 to 65535"),
        (HEAD + "m=audio x RTP/AVP 0\r\n", "SDP line 6: port 'x' is not a number from 0 to 65535"),
        (HEAD.replace("c=IN IP4 192.0.2.9\r\n", "") + "m=audio 1 RTP/AVP 0\r\n", "SDP line 5: media without a c= line"),
        (HEAD + "c=IN IP5 1\r\n", "SDP line 6: expected c=IN IP4|IP6 <address>, got 'IN IP5 1'"),
        (HEAD + "c=IN IP4 a|b\r\n", "SDP line 6: 'a|b' is no address"),
        (HEAD + "m=audio 1 RTP/AVP 0\r\na=ptime:x\r\n", "SDP line 7: ptime 'x' is not a number from 0 to 1000"),
        (HEAD + "m=audio 1 RTP/AVP 0\r\na=rtpmap:0 PCMU\r\n", "SDP line 7: a=rtpmap cannot be read: '0 PCMU'"),
        (HEAD + "m=audio 1 RTP/AVP 0\r\n" * 33, "SDP line 38: more than 32 media lines"),
        ("v=0\r\n" * 2001, "SDP has 2001 lines, more than 2000"),
    ],
)
def test_reasons(body: str, reason: str) -> None:
    with pytest.raises(SdpError) as caught:
        parse_sdp(body.encode())
    assert str(caught.value) == reason


def test_not_utf8() -> None:
    with pytest.raises(SdpError, match="SDP byte 3 is not UTF-8"):
        parse_sdp(b"v=0\xff")


@settings(max_examples=300)
@given(st.binary(max_size=200), st.integers(0, 400))
def test_any_bytes_are_read_or_refused(junk: bytes, at: int) -> None:
    body = (HEAD + "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n").encode()
    for data in (junk, body[: at % len(body)] + junk + body[at % len(body) :]):
        with contextlib.suppress(SdpError):
            Negotiation("1").answer(parse_sdp(data), LOCAL)


CODECS = st.permutations([PCMU, PCMA, G722, Codec("telephone-event", 97)])


@given(CODECS, st.integers(1, 4), CODECS, st.sampled_from(Direction), st.booleans(), st.integers(1, 65535))
def test_both_sides_agree(
    ours: list[Codec], count: int, theirs: list[Codec], direction: Direction, prefer: bool, port: int
) -> None:
    """The offerer reads from the answer what the answerer settled; the answer lists what the offer had."""
    caller, called = LocalMedia("192.0.2.8", port, tuple(ours[:count])), LocalMedia("192.0.2.9", 5000, tuple(theirs))
    called = LocalMedia("192.0.2.9", 5000, tuple(theirs), prefer_local=prefer)
    one, two = Negotiation("1"), Negotiation("2")
    one.direction = direction
    offer = parse_sdp(one.offer(caller))
    if all(codec.name == "telephone-event" for codec in caller.codecs):
        with pytest.raises(SdpError):
            two.answer(offer, called)
        return
    text, at_called = two.answer(offer, called)
    at_caller = one.accept(parse_sdp(text), caller)
    assert at_caller.codec.same_format(at_called.codec)
    assert at_caller.codec.payload_type == at_called.codec.payload_type
    assert at_caller.telephone_event == at_called.telephone_event
    assert (at_caller.address, at_caller.port) == ("192.0.2.9", 5000)
    assert (at_called.address, at_called.port) == ("192.0.2.8", port)
    assert at_caller.direction.sends == at_called.direction.receives
    assert at_caller.direction.receives == at_called.direction.sends
    assert len(parse_sdp(text).media) == len(offer.media)


def test_preference() -> None:
    body = HEAD + "m=audio 4000 RTP/AVP 0 9\r\n"
    _, offered = answer(body, LocalMedia("192.0.2.1", 1, (G722, PCMU)))
    _, ours = answer(body, LocalMedia("192.0.2.1", 1, (G722, PCMU), prefer_local=True))
    assert (offered.codec.name, ours.codec.name) == ("PCMU", "G722")


def test_offer_text_and_version() -> None:
    negotiation = Negotiation("42")
    first = negotiation.offer(LOCAL).decode()
    assert first == (
        "v=0\r\no=- 42 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0 8 9 101\r\n"
        "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )
    assert negotiation.offer(LOCAL).decode() == first
    negotiation.direction = Direction.SENDONLY
    assert "o=- 42 2 IN" in negotiation.offer(LOCAL).decode()


def test_later_offer_keeps_the_m_lines() -> None:
    """RFC 3264 section 8: never fewer m-lines than before, those off stay off."""
    negotiation = Negotiation("1")
    body = HEAD + "m=video 5000 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 0\r\n"
    negotiation.answer(parse_sdp(body.encode()), LOCAL)
    lines = [line for line in negotiation.offer(LOCAL).decode().split("\r\n") if line.startswith("m=")]
    assert lines == ["m=video 0 RTP/AVP 31", "m=audio 20000 RTP/AVP 0 8 9 101"]


def test_no_common_codec_is_explained() -> None:
    with pytest.raises(SdpError) as caught:
        answer(HEAD + "m=audio 4000 RTP/AVP 18 3\r\n", LocalMedia("192.0.2.1", 1, (PCMU, TELEPHONE_EVENT)))
    assert str(caught.value) == "SDP has no codec of ours (PCMU, telephone-event): G729, GSM"
    with pytest.raises(SdpError) as caught:
        answer(HEAD + "m=audio 0 RTP/AVP 0\r\nm=video 9 RTP/AVP 31\r\n")
    assert str(caught.value) == "SDP has no audio over RTP/AVP: audio RTP/AVP port 0, video RTP/AVP port 9"


def test_no_telephone_event() -> None:
    text, agreed = answer(HEAD + "m=audio 4000 RTP/AVP 0\r\n")
    assert "telephone-event" not in text
    assert agreed.telephone_event is None


def test_ipv6() -> None:
    text, _ = answer(HEAD + "m=audio 4000 RTP/AVP 0\r\n", LocalMedia("2001:db8::5", 20000))
    assert "c=IN IP6 2001:db8::5" in text
