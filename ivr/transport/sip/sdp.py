"""Session descriptions (RFC 8866): what we read of a peer's, and what offer and answer (`negotiation`) are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum

from ivr.errors import SdpError

_STATIC = {
    0: ("PCMU", 8000),
    8: ("PCMA", 8000),
    9: ("G722", 8000),
    13: ("CN", 8000),
    3: ("GSM", 8000),
    18: ("G729", 8000),
}
"""Payload types that need no rtpmap (RFC 3551 section 6); G722's clock rate is 8000 by history."""
_RTPMAP = re.compile(r"(\d{1,3}) +([A-Za-z0-9._-]+)/(\d{1,6})(?:/(\d{1,2}))?")
_ADDRESS = re.compile(r"[0-9A-Za-z.:_-]+")
MAX_LINES = 2000
MAX_MEDIA = 32


class Direction(Enum):
    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @classmethod
    def of(cls, *, sends: bool, receives: bool) -> Direction:
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE


@dataclass(frozen=True, slots=True)
class Codec:
    """One RTP format; `name` in upper case, but `telephone-event`."""

    name: str
    payload_type: int
    clock_rate: int = 8000
    channels: int = 1
    fmtp: str = ""

    def same_format(self, other: Codec) -> bool:
        return (self.name, self.clock_rate, self.channels) == (other.name, other.clock_rate, other.channels)


PCMU = Codec("PCMU", 0)
PCMA = Codec("PCMA", 8)
G722 = Codec("G722", 9)
TELEPHONE_EVENT = Codec("telephone-event", 101, fmtp="0-15")


@dataclass(frozen=True, slots=True)
class LocalMedia:
    """Where we receive, and what we speak in order of preference (telephone-event included)."""

    address: str
    port: int
    codecs: tuple[Codec, ...] = (PCMU, PCMA, G722, TELEPHONE_EVENT)
    ptime: int = 20
    """Milliseconds of audio a packet."""
    prefer_local: bool = False
    """Answer with our first codec that the peer has, instead of the peer's first that we have."""


@dataclass(frozen=True, slots=True)
class MediaLine:
    """One m= section as the peer wrote it."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str
    codecs: tuple[Codec, ...] = ()
    direction: Direction = Direction.SENDRECV
    ptime: int | None = None
    rtcp_port: int | None = None
    rtcp_mux: bool = False

    @property
    def usable(self) -> bool:
        """An audio stream over plain RTP that is not switched off."""
        return self.kind == "audio" and self.port > 0 and self.protocol in ("RTP/AVP", "RTP/AVPF")


@dataclass(frozen=True, slots=True)
class SessionDescription:
    origin: str
    """The o= value; equal origins mean an unchanged description (RFC 3264 section 8)."""
    media: tuple[MediaLine, ...]

    @property
    def audio(self) -> MediaLine | None:
        return next((line for line in self.media if line.usable), None)


@dataclass(frozen=True, slots=True)
class AgreedMedia:
    """What both sides settled on: the peer's address and what to send there."""

    address: str
    port: int
    rtcp_port: int
    codec: Codec
    """Its payload type is the one to send with."""
    receive_types: tuple[tuple[int, str], ...]
    """Payload types the peer may send, with their codec's name."""
    telephone_event: int | None
    """Payload type of RFC 4733 events, None if the peer takes none."""
    ptime: int
    direction: Direction
    """Ours: `sends` says that we may send, `receives` that the peer will."""

    @property
    def on_hold(self) -> bool:
        """The peer does not want to hear us."""
        return not self.direction.sends


@dataclass
class _Section:
    """A media section in the making."""

    line: int
    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str = ""
    maps: dict[str, Codec] = field(default_factory=dict)
    fmtp: dict[str, str] = field(default_factory=dict)
    direction: Direction | None = None
    ptime: int | None = None
    rtcp_port: int | None = None
    rtcp_mux: bool = False


class _Reader:
    """Reads line by line; every complaint names its line."""

    def __init__(self) -> None:
        self.origin = ""
        self.address = ""
        self.direction = Direction.SENDRECV
        self.ptime: int | None = None
        self.sections: list[_Section] = []

    def line(self, number: int, text: str) -> None:
        if len(text) < 2 or text[1] != "=":
            raise SdpError(f"SDP line {number}: expected <letter>=<value>, got {text[:40]!r}")
        kind, value = text[0], text[2:].strip()
        if number == 1 and (kind != "v" or value != "0"):
            raise SdpError(f"SDP line 1: expected v=0, got {text[:40]!r}")
        if kind == "o":
            self._origin(number, value)
        elif kind == "c":
            self._connection(number, value)
        elif kind == "m":
            self._media(number, value)
        elif kind == "a":
            self._attribute(number, value)

    def _origin(self, number: int, value: str) -> None:
        fields = value.split()
        if len(fields) != 6:
            raise SdpError(f"SDP line {number}: o= needs 6 fields, got {len(fields)}")
        self.origin = value

    def _connection(self, number: int, value: str) -> None:
        fields = value.split()
        if len(fields) != 3 or fields[0] != "IN" or fields[1] not in ("IP4", "IP6"):
            raise SdpError(f"SDP line {number}: expected c=IN IP4|IP6 <address>, got {value[:40]!r}")
        address = fields[2].split("/", 1)[0]
        if not _ADDRESS.fullmatch(address):
            raise SdpError(f"SDP line {number}: {address[:40]!r} is no address")
        if self.sections:
            self.sections[-1].address = address
        else:
            self.address = address

    def _media(self, number: int, value: str) -> None:
        fields = value.split()
        if len(fields) < 4:
            raise SdpError(f"SDP line {number}: m= needs media, port, protocol and formats, got {value[:40]!r}")
        port = _number(number, "port", fields[1].split("/", 1)[0], 65535)
        if len(self.sections) >= MAX_MEDIA:
            raise SdpError(f"SDP line {number}: more than {MAX_MEDIA} media lines")
        self.sections.append(_Section(number, fields[0].lower(), port, fields[2].upper(), tuple(fields[3:])))

    def _attribute(self, number: int, value: str) -> None:
        name, _, text = value.partition(":")
        section = self.sections[-1] if self.sections else None
        if name in Direction._value2member_map_:
            if section:
                section.direction = Direction(name)
            else:
                self.direction = Direction(name)
        elif name == "ptime":
            ptime = _number(number, "ptime", text.split(".")[0], 1000)
            if section:
                section.ptime = ptime
            else:
                self.ptime = ptime
        elif section and name == "rtpmap":
            self._rtpmap(number, section, text)
        elif section and name == "fmtp":
            payload_type, _, settings = text.partition(" ")
            section.fmtp[payload_type] = settings.strip()
        elif section and name == "rtcp":
            section.rtcp_port = _number(number, "rtcp port", text.split(" ")[0], 65535)
        elif section and name == "rtcp-mux":
            section.rtcp_mux = True

    def _rtpmap(self, number: int, section: _Section, text: str) -> None:
        if section.kind != "audio":
            return
        match = _RTPMAP.fullmatch(text.strip())
        if match is None or int(match[1]) > 127:
            raise SdpError(f"SDP line {number}: a=rtpmap cannot be read: {text[:40]!r}")
        name = match[2].lower() if match[2].lower() == "telephone-event" else match[2].upper()
        section.maps[match[1]] = Codec(name, int(match[1]), int(match[3]), int(match[4] or 1))

    def result(self) -> SessionDescription:
        if not self.origin:
            raise SdpError("SDP has no o= line")
        return SessionDescription(self.origin, tuple(self._finish(section) for section in self.sections))

    def _finish(self, section: _Section) -> MediaLine:
        address = section.address or self.address
        if not address and section.port:
            raise SdpError(f"SDP line {section.line}: media without a c= line")
        direction = section.direction or self.direction
        if address in ("0.0.0.0", "::"):  # noqa: S104  # the hold of RFC 2543: nothing may be sent there
            direction = Direction.of(sends=direction.sends, receives=False)
        return MediaLine(
            kind=section.kind,
            port=section.port,
            protocol=section.protocol,
            formats=section.formats,
            address=address,
            codecs=tuple(_codecs(section)) if section.kind == "audio" else (),
            direction=direction,
            ptime=section.ptime or self.ptime,
            rtcp_port=section.rtcp_port,
            rtcp_mux=section.rtcp_mux,
        )


def _codecs(section: _Section) -> list[Codec]:
    """In the order of the m= line; formats without a mapping are left out."""
    codecs = []
    for text in section.formats:
        codec = section.maps.get(text)
        if codec is None and text.isdecimal() and int(text) in _STATIC:
            name, rate = _STATIC[int(text)]
            codec = Codec(name, int(text), rate)
        if codec is not None:
            codecs.append(replace(codec, fmtp=section.fmtp.get(text, "")))
    return codecs


def _number(line: int, what: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 6 or int(text) > most:
        raise SdpError(f"SDP line {line}: {what} {text[:20]!r} is not a number from 0 to {most}")
    return int(text)


def parse_sdp(body: bytes) -> SessionDescription:
    """Read a description. Raises `SdpError` that names the line and the reason; nothing else."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SdpError(f"SDP byte {error.start} is not UTF-8") from None
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(lines) > MAX_LINES:
        raise SdpError(f"SDP has {len(lines)} lines, more than {MAX_LINES}")
    reader = _Reader()
    for number, line in enumerate(lines, 1):
        reader.line(number, line)
    return reader.result()
