"""Session descriptions of browsers (RFC 8829): read an offer, write the answer. Pure.

One audio stream and one SCTP association for data channels, bundled on one transport (RFC 8843) with rtcp-mux
(RFC 5761). Whatever else is offered is answered with port 0. What an offer must have and has not is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ivr.errors import SdpError
from ivr.transport.rtp.codecs import AUDIO_CODECS, TELEPHONE_EVENT, canonical

Setup = Literal["active", "passive"]

MAX_BYTES = 64 * 1024
MAX_LINES = 2000
MAX_CANDIDATES = 64
PREFERRED = ("G722", "PCMU", "PCMA")
"""G.722 first: 16 kHz is what recognition works at, and it costs a tenth of Opus (RFC 7874 has browsers speak all)."""
_STATIC = {0: "PCMU", 8: "PCMA", 9: "G722"}
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_CLOCK = 8000
"""Of all the codecs that we take, G.722's by RFC 3551 section 4.5.2."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a browser offers, as far as we take it."""

    sections: tuple[tuple[str, str, str, str], ...]
    """Each m= line: kind, protocol, formats, mid."""
    audio: int
    """Which of them is the audio."""
    data: int | None
    """Which of them carries data channels."""
    codecs: tuple[tuple[int, str], ...]
    """Payload type and name, ours only, the best first."""
    events: int | None
    """Payload type of telephone-event at 8 kHz."""
    direction: str
    """The browser's."""
    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    """Hash algorithm and value."""
    setup: Setup
    """Our own part in the DTLS handshake."""
    candidates: tuple[str, ...] = ()
    """Values of a=candidate lines."""
    sctp_port: int = 5000
    max_message: int = 65_536


@dataclass(slots=True)
class _Section:
    kind: str
    port: int
    protocol: str
    formats: str
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def first(self, name: str) -> str | None:
        return next((value for key, value in self.attributes if key == name), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


def read_offer(text: str) -> Offer:
    """Raises SdpError that says what is missing or wrong."""
    session, sections = _split(text)
    audio = next(
        (i for i, s in enumerate(sections) if s.kind == "audio" and s.port and "RTP/SAVPF" in s.protocol), None
    )
    if audio is None:
        raise SdpError("the offer has no audio over DTLS-SRTP (m=audio ... UDP/TLS/RTP/SAVPF)")
    section = sections[audio]
    if section.first("rtcp-mux") is None:
        raise SdpError("the offer's audio comes without a=rtcp-mux")
    data = next(
        (i for i, s in enumerate(sections) if s.kind == "application" and "DTLS/SCTP" in s.protocol and s.port), None
    )
    codecs, events = _codecs(section)
    return Offer(
        tuple((s.kind, s.protocol, s.formats, s.first("mid") or str(i)) for i, s in enumerate(sections)),
        audio, data, codecs, events,
        next((d for d in _DIRECTIONS if section.first(d) is not None), "sendrecv"),
        _needed("ice-ufrag", section, session), _needed("ice-pwd", section, session),
        _fingerprints(section, session), _setup(section, session), tuple(section.all("candidate"))[:MAX_CANDIDATES],
        _number(sections[data].first("sctp-port") if data is not None else None, 5000, 65_535, "sctp-port"),
        _number(sections[data].first("max-message-size") if data is not None else None, 65_536, 1 << 30,
                "max-message-size"),
    )  # fmt: skip


def write_answer(
    offer: Offer, *, session: int, candidates: Sequence[str], ufrag: str, password: str, fingerprints: Sequence[str],
    ssrc: int, cname: str, sctp_port: int, max_message: int,
) -> str:  # fmt: skip
    """The answer: the best codec only, so that no payload type changes in mid-call."""
    kept = [offer.sections[i][3] for i in (offer.audio, offer.data) if i is not None]
    lines = ["v=0", f"o=- {session} 1 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {' '.join(kept)}"]
    transport = [
        f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}", *(f"a=fingerprint:{line}" for line in fingerprints),
        f"a=setup:{offer.setup}", *(f"a=candidate:{line}" for line in candidates), "a=end-of-candidates",
    ]  # fmt: skip
    for index, (kind, protocol, formats, mid) in enumerate(offer.sections):
        if index == offer.audio:
            lines += _audio(offer, protocol, mid, ssrc, cname) + transport
        elif index == offer.data:
            lines += [
                f"m={kind} 9 {protocol} {formats}", "c=IN IP4 0.0.0.0", f"a=mid:{mid}", f"a=sctp-port:{sctp_port}",
                f"a=max-message-size:{max_message}", *transport,
            ]  # fmt: skip
        else:
            lines += [f"m={kind} 0 {protocol} {formats}", "c=IN IP4 0.0.0.0", f"a=mid:{mid}", "a=inactive"]
    return "\r\n".join(lines) + "\r\n"


def our_direction(offered: str) -> str:
    """The answer to the browser's direction (RFC 3264, section 6.1)."""
    return {"sendonly": "recvonly", "recvonly": "sendonly"}.get(offered, offered)


def _audio(offer: Offer, protocol: str, mid: str, ssrc: int, cname: str) -> list[str]:
    payload, name = offer.codecs[0]
    formats = [str(payload)] + ([str(offer.events)] if offer.events is not None else [])
    lines = [
        f"m=audio 9 {protocol} {' '.join(formats)}", "c=IN IP4 0.0.0.0", f"a=mid:{mid}",
        f"a={our_direction(offer.direction)}", "a=rtcp-mux", f"a=rtpmap:{payload} {name}/{_CLOCK}",
    ]  # fmt: skip
    if offer.events is not None:
        lines += [f"a=rtpmap:{offer.events} {TELEPHONE_EVENT}/{_CLOCK}", f"a=fmtp:{offer.events} 0-15"]
    return [*lines, "a=ptime:20", f"a=msid:ivr {cname}", f"a=ssrc:{ssrc} cname:{cname}"]


def _split(text: str) -> tuple[_Section, list[_Section]]:
    if len(text) > MAX_BYTES:
        raise SdpError(f"the offer has {len(text)} characters, more than {MAX_BYTES}")
    lines = text.splitlines()
    if not lines or lines[0].strip() != "v=0":
        raise SdpError("the offer does not begin with v=0")
    if len(lines) > MAX_LINES:
        raise SdpError(f"the offer has {len(lines)} lines, more than {MAX_LINES}")
    session = _Section("", 0, "", "")
    sections: list[_Section] = []
    for number, line in enumerate(lines, start=1):
        if line.startswith("m="):
            parts = line[2:].split(" ", 3)
            if len(parts) != 4 or not parts[1].isdecimal() or len(parts[1]) > 5:
                raise SdpError(f"offer, line {number}: m= needs media, port, protocol and formats, got {line[:60]!r}")
            sections.append(_Section(parts[0], int(parts[1]), parts[2], parts[3].strip()))
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            (sections[-1] if sections else session).attributes.append((name.strip(), value.strip()))
    return session, sections


def _codecs(section: _Section) -> tuple[tuple[tuple[int, str], ...], int | None]:
    """Ours in our order, and telephone-event's payload type."""
    maps = dict(_STATIC)
    for value in section.all("rtpmap"):
        payload, _, encoding = value.partition(" ")
        name, _, rate = encoding.strip().partition("/")
        if payload.isdecimal() and len(payload) <= 3 and rate.split("/")[0] == str(_CLOCK):
            maps[int(payload)] = canonical(name)
    offered = [int(text) for text in section.formats.split() if text.isdecimal() and len(text) <= 3 and int(text) < 128]
    ours = [(payload, maps[payload]) for payload in offered if maps.get(payload) in AUDIO_CODECS]
    if not ours:
        raise SdpError(f"the offer has none of our codecs ({', '.join(PREFERRED)})")
    events = next((payload for payload in offered if maps.get(payload) == TELEPHONE_EVENT), None)
    return tuple(sorted(ours, key=lambda pair: PREFERRED.index(pair[1]))), events


def _needed(name: str, section: _Section, session: _Section) -> str:
    value = section.first(name) or session.first(name)
    if not value or len(value) > 256 or not value.isascii() or not value.isprintable() or " " in value:
        raise SdpError(f"the offer's audio comes without a usable a={name}")
    return value


def _fingerprints(section: _Section, session: _Section) -> tuple[tuple[str, str], ...]:
    found = []
    for value in section.all("fingerprint") or session.all("fingerprint"):
        algorithm, _, digest = value.partition(" ")
        found.append((algorithm.lower(), digest.strip()))
    if not any(algorithm in ("sha-256", "sha-384", "sha-512") for algorithm, _ in found):
        raise SdpError("the offer's audio comes without a=fingerprint of SHA-256 or better")
    return tuple(found)


def _setup(section: _Section, session: _Section) -> Setup:
    """RFC 8842, section 5.3: who is offered a choice becomes the client, which saves half a round trip."""
    offered = section.first("setup") or session.first("setup")
    if offered not in ("actpass", "active", "passive"):
        raise SdpError(f"the offer's a=setup is {offered!r}, not actpass, active or passive")
    return "passive" if offered == "active" else "active"


def _number(text: str | None, default: int, most: int, name: str) -> int:
    if text is None:
        return default
    if not text.isdecimal() or len(text) > 10 or int(text) > most:
        raise SdpError(f"the offer's a={name} is {text[:20]!r}, not a number up to {most}")
    return int(text)
