"""Offer and answer (RFC 3264) for one audio stream over RTP/AVP."""

from __future__ import annotations

from ivr.errors import SdpError
from ivr.transport.sip.sdp import (
    TELEPHONE_EVENT,
    AgreedMedia,
    Codec,
    Direction,
    LocalMedia,
    MediaLine,
    SessionDescription,
)


class Negotiation:
    """Our side of a call's offers and answers. The o= version moves by one only when the text changes."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._version = 1
        self._last = ""
        self._answered: SessionDescription | None = None
        self.direction = Direction.SENDRECV
        """What we want ourselves: `sendonly` or `inactive` while we hold the peer."""

    def offer(self, local: LocalMedia) -> bytes:
        """Our offer; later m-lines of a former description stay, switched off (RFC 3264 section 8)."""
        audio = _audio_lines(local, local.codecs, self.direction)
        if self._answered is None:
            return self._render(local, audio)
        used = self._answered.audio
        lines: list[str] = []
        for line in self._answered.media:
            lines += audio if line is used else [_rejected(line)]
        return self._render(local, lines if used else audio)

    def answer(self, offer: SessionDescription, local: LocalMedia) -> tuple[bytes, AgreedMedia]:
        """Our answer and what it settles. Raises SdpError when no audio line has a codec of ours."""
        chosen, agreed, lines = None, None, list[str]()
        for line in offer.media:
            settled = None if chosen or not line.usable else self._settle(line, local)
            if settled is None:
                lines.append(_rejected(line))
                continue
            chosen, agreed = line, settled
            codecs = tuple(codec for codec in line.codecs if _answers(codec, settled))
            ours = Direction.of(sends=settled.direction.sends, receives=settled.direction.receives)
            lines += _audio_lines(local, _first(codecs, settled.codec), ours)
        if agreed is None:
            raise SdpError(_no_match(offer, local))
        self._answered = offer
        return self._render(local, lines), agreed

    def accept(self, answer: SessionDescription, local: LocalMedia) -> AgreedMedia:
        """What the peer's answer to our offer settles. Raises SdpError when it took nothing."""
        audio = answer.audio
        settled = self._settle(audio, local) if audio else None
        if settled is None:
            raise SdpError(_no_match(answer, local))
        self._answered = answer
        return settled

    def _settle(self, line: MediaLine, local: LocalMedia) -> AgreedMedia | None:
        ours = [codec for codec in local.codecs if codec.name != TELEPHONE_EVENT.name]
        pairs = [(own, theirs) for theirs in line.codecs for own in ours if own.same_format(theirs)]
        if not pairs:
            return None
        if local.prefer_local:
            pairs.sort(key=lambda pair: ours.index(pair[0]))
        codec = pairs[0][1]
        wants_event = any(own.name == TELEPHONE_EVENT.name for own in local.codecs)
        events = [theirs for theirs in line.codecs if theirs.name == TELEPHONE_EVENT.name and wants_event]
        events.sort(key=lambda theirs: theirs.clock_rate != codec.clock_rate)
        return AgreedMedia(
            address=line.address,
            port=line.port,
            rtcp_port=line.port if line.rtcp_mux else line.rtcp_port or line.port + 1,
            codec=codec,
            receive_types=tuple((theirs.payload_type, theirs.name) for _, theirs in pairs),
            telephone_event=events[0].payload_type if events else None,
            ptime=line.ptime or local.ptime,
            direction=Direction.of(
                sends=line.direction.receives and self.direction.sends,
                receives=line.direction.sends and self.direction.receives,
            ),
        )

    def _render(self, local: LocalMedia, media: list[str]) -> bytes:
        family = "IP6" if ":" in local.address else "IP4"
        session = ["s=-", f"c=IN {family} {local.address}", "t=0 0", *media, ""]
        text = "\r\n".join(session)
        if self._last and text != self._last:
            self._version += 1
        self._last = text
        origin = f"o=- {self._session_id} {self._version} IN {family} {local.address}"
        return f"v=0\r\n{origin}\r\n{text}".encode()


def _answers(codec: Codec, agreed: AgreedMedia) -> bool:
    return codec == agreed.codec or codec.payload_type == agreed.telephone_event


def _first(codecs: tuple[Codec, ...], head: Codec) -> tuple[Codec, ...]:
    return (head, *(codec for codec in codecs if codec != head))


def _audio_lines(local: LocalMedia, codecs: tuple[Codec, ...], direction: Direction) -> list[str]:
    types = " ".join(str(codec.payload_type) for codec in codecs)
    lines = [f"m=audio {local.port} RTP/AVP {types}"]
    for codec in codecs:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        lines.append(f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_rate}{channels}")
        settings = "0-15" if codec.name == TELEPHONE_EVENT.name else codec.fmtp
        if settings:
            lines.append(f"a=fmtp:{codec.payload_type} {settings}")
    return [*lines, f"a=ptime:{local.ptime}", f"a={direction.value}"]


def _rejected(line: MediaLine) -> str:
    return f"m={line.kind} 0 {line.protocol} {' '.join(line.formats)}"


def _no_match(description: SessionDescription, local: LocalMedia) -> str:
    audio = description.audio
    if audio is None:
        offered = ", ".join(f"{line.kind} {line.protocol} port {line.port}" for line in description.media) or "no media"
        return f"SDP has no audio over RTP/AVP: {offered}"
    theirs = ", ".join(codec.name for codec in audio.codecs) or "no known codec"
    return f"SDP has no codec of ours ({', '.join(codec.name for codec in local.codecs)}): {theirs}"
