"""Messages out of a byte stream by Content-Length (RFC 3261 section 18.3), and keep-alives (RFC 5626 section 3.5.1)."""

from __future__ import annotations

import re

from ivr.errors import SipError
from ivr.transport.sip.message import MAX_HEADER_BYTES, MAX_MESSAGE_BYTES

PING = b"\r\n\r\n"
PONG = b"\r\n"
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)


class FramingError(SipError):
    """The stream's messages can no longer be told apart: close the connection."""


class StreamFramer:
    """Feed segments as they come; whole messages come out, `PING` among them where the peer asks for a pong."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Whole messages in order. Raises `FramingError` for headers or bodies over the limits or a bad length."""
        self._buffer += data
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if buffer[:4] == PING:
            del buffer[:4]
            return PING
        if buffer[:2] == PONG and len(buffer) > 2 and buffer[2:3] != b"\r":
            del buffer[:2]  # a pong, or the blank line some clients put before a message
        if buffer[:1] == b"\r" and len(buffer) < 4:
            return None
        end = buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            if len(buffer) > MAX_HEADER_BYTES:
                raise FramingError(f"no end of headers in {len(buffer)} bytes")
            self._searched = max(0, len(buffer) - 3)
            return None
        total = end + 4 + self._body_length(bytes(buffer[:end]))
        if len(buffer) < total:
            self._searched = end
            return None
        message = bytes(buffer[:total])
        del buffer[:total]
        self._searched = 0
        return message

    @staticmethod
    def _body_length(head: bytes) -> int:
        if len(head) > MAX_HEADER_BYTES:
            raise FramingError(f"headers of {len(head)} bytes are over the limit of {MAX_HEADER_BYTES}")
        lengths = {value.strip() for value in _LENGTH.findall(head)}
        if not lengths:
            return 0
        text = lengths.pop()
        if lengths or not text.isdigit() or len(text) > 9:
            raise FramingError(f"Content-Length {text[:20]!r} is not a length")
        if len(head) + int(text) > MAX_MESSAGE_BYTES:
            raise FramingError(f"message of {len(head) + int(text)} bytes is over the limit of {MAX_MESSAGE_BYTES}")
        return int(text)
