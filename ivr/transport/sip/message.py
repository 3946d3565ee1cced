"""SIP messages (RFC 3261 section 7): hardened reading, and writing.

A message is read in linear time, in bounds, and either comes out with its core headers valid (Via, From, To, Call-ID,
CSeq) or raises `MalformedMessage`, which carries the 400 to send when the sender can be told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ivr.errors import SipError
from ivr.transport.sip.uri import (
    NameAddr,
    Uri,
    Via,
    parse_name_addr,
    parse_name_addrs,
    parse_uri,
    parse_via,
    split_quoted,
)

MAX_HEADER_BYTES = 64 * 1024
MAX_MESSAGE_BYTES = 256 * 1024
MAX_HEADER_LINES = 512
MAX_VIAS = 70

# RFC 3261 section 7.3.3 and the extensions' RFCs.
COMPACT = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition", "e": "Content-Encoding",
    "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported", "l": "Content-Length", "m": "Contact",
    "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires",
    "y": "Identity",
}  # fmt: skip
_SINGLE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type")
_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")
_CSEQ = re.compile(r"(\d{1,10})\s+([A-Za-z0-9.!%*_+`'~-]+)")
_STATUS = re.compile(r"SIP/2\.0 +(\d{3})(?: (.*))?", re.IGNORECASE)

PHRASES = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress", 200: "OK",
    202: "Accepted", 300: "Multiple Choices", 301: "Moved Permanently", 302: "Moved Temporarily", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone", 413: "Request Entity Too Large",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required",
    422: "Session Interval Too Small", 423: "Interval Too Brief", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending",
    493: "Undecipherable", 500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}  # fmt: skip


class MalformedMessage(SipError):
    """Bytes that are no acceptable SIP message; `reply` is the response for the sender, if it can have one."""

    def __init__(self, reason: str, reply: Response | None = None) -> None:
        super().__init__(reason)
        self.reply = reply


class Peer(NamedTuple):
    """The other end of a message: `transport` is `UDP`, `TCP` or `TLS`."""

    transport: str
    host: str
    port: int

    @property
    def reliable(self) -> bool:
        return self.transport != "UDP"


class CSeq(NamedTuple):
    number: int
    method: str


class Headers:
    """Header fields by name without regard to case; the order of equal names is kept."""

    __slots__ = ("_fields",)

    def __init__(self, *fields: tuple[str, str]) -> None:
        self._fields: dict[str, tuple[str, list[str]]] = {}
        for name, value in fields:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        entry = self._fields.get(name.lower())
        if entry is None:
            self._fields[name.lower()] = (name, [value])
        else:
            entry[1].append(value)

    def set(self, name: str, *values: str) -> None:
        """Replace all values; with none the header goes."""
        if values:
            self._fields[name.lower()] = (name, list(values))
        else:
            self._fields.pop(name.lower(), None)

    def get(self, name: str, default: str = "") -> str:
        """The first value."""
        entry = self._fields.get(name.lower())
        return entry[1][0] if entry else default

    def all(self, name: str) -> list[str]:
        """Every value, as read."""
        entry = self._fields.get(name.lower())
        return list(entry[1]) if entry else []

    def tokens(self, name: str) -> list[str]:
        """The items of comma lists, over all values."""
        return [item for value in self.all(name) for item in split_quoted(value, ",") if item]

    def tags(self, name: str) -> frozenset[str]:
        """Option tags of Require or Supported, in lower case."""
        return frozenset(item.lower() for item in self.tokens(name))

    def items(self) -> list[tuple[str, str]]:
        return [(name, value) for name, values in self._fields.values() for value in values]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._fields

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._normal() == other._normal()

    __hash__ = None  # type: ignore[assignment]  # mutable

    def _normal(self) -> dict[str, list[str]]:
        return {key: values for key, (_, values) in self._fields.items()}

    def __repr__(self) -> str:
        return f"Headers({self.items()!r})"


@dataclass(eq=False)
class Message:
    """What requests and responses share. The typed views are read once: change headers only before using them."""

    headers: Headers
    body: bytes

    @cached_property
    def via(self) -> Via:
        """The topmost Via."""
        return parse_via(split_quoted(self.headers.all("Via")[0], ",")[0])

    @cached_property
    def from_(self) -> NameAddr:
        return parse_name_addr(self.headers.get("From"))

    @cached_property
    def to(self) -> NameAddr:
        return parse_name_addr(self.headers.get("To"))

    @cached_property
    def cseq(self) -> CSeq:
        match = _CSEQ.fullmatch(self.headers.get("CSeq"))
        if match is None or int(match[1]) >= 2**31:
            raise ValueError(f"not a CSeq: {self.headers.get('CSeq')[:80]!r}")
        return CSeq(int(match[1]), match[2])

    @property
    def call_id(self) -> str:
        return self.headers.get("Call-ID")

    @cached_property
    def contact(self) -> Uri | None:
        """The first Contact's URI, if there is a SIP one."""
        for address in parse_name_addrs(self.headers.all("Contact")[:1]):
            return address.uri if address.uri.host else None
        return None

    @property
    def content_type(self) -> str:
        """Lower case, without parameters."""
        return self.headers.get("Content-Type").split(";", 1)[0].strip().lower()

    def __bytes__(self) -> bytes:
        lines = [self._start_line()]
        lines += [f"{name}: {value}" for name, value in self.headers.items() if name.lower() != "content-length"]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body

    def _start_line(self) -> str:
        raise NotImplementedError


@dataclass(eq=False)
class Request(Message):
    method: str
    uri: str
    """The Request-URI's text."""

    def _start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"


@dataclass(eq=False)
class Response(Message):
    code: int
    phrase: str

    def _start_line(self) -> str:
        return f"SIP/2.0 {self.code} {self.phrase}"


def new_request(method: str, uri: str, *headers: tuple[str, str], body: bytes = b"") -> Request:
    return Request(Headers(*headers), body, method, uri)


def new_response(request: Request, code: int, phrase: str = "", *headers: tuple[str, str], tag: str = "") -> Response:
    """A response with the headers that RFC 3261 section 8.2.6.2 copies; `tag` goes to To where it has none."""
    response = Response(Headers(), b"", code, phrase or PHRASES.get(code, "Unknown"))
    response.headers.set("Via", *request.headers.all("Via"))
    for name in ("From", "To", "Call-ID", "CSeq"):
        if name in request.headers:
            response.headers.set(name, request.headers.get(name))
    if tag and code > 100 and not _tag_of(request.headers.get("To")):
        response.headers.set("To", f"{request.headers.get('To')};tag={tag}")
    if code == 100 and "Timestamp" in request.headers:
        response.headers.set("Timestamp", request.headers.get("Timestamp"))
    for name, value in headers:
        response.headers.add(name, value)
    return response


def _tag_of(value: str) -> str:
    try:
        return parse_name_addr(value).tag
    except ValueError:
        return "unreadable"  # then we add no second one


def parse_message(data: bytes) -> Request | Response:
    """Read a whole message: a datagram, or what `StreamFramer` cut. Raises `MalformedMessage`, nothing else."""
    head, separator, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise MalformedMessage("no empty line after the headers")
    if len(head) > MAX_HEADER_BYTES or len(data) > MAX_MESSAGE_BYTES:
        raise MalformedMessage(f"message of {len(data)} bytes is over the limit")
    # Folded lines join (RFC 3261 section 7.3.1); bytes that are no UTF-8 are judged below, once a 400 can be built.
    lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape")).split("\r\n")
    if len(lines) > MAX_HEADER_LINES:
        raise MalformedMessage(f"{len(lines)} header lines are over the limit of {MAX_HEADER_LINES}")
    headers, complaint = _parse_headers(lines[1:])
    message, fault = _parse_start_line(lines[0], headers, body)
    complaint = fault or complaint or _bad_text(head) or _bad_headers(message)
    if not complaint:
        complaint = _cut_body(message)
    if complaint:
        raise MalformedMessage(complaint, _complaint_reply(message, complaint))
    return message


def _parse_start_line(line: str, headers: Headers, body: bytes) -> tuple[Request | Response, str]:
    """The message and what is wrong with its start line."""
    status = _STATUS.fullmatch(line)
    if status:
        code = int(status[1])
        response = Response(headers, body, code, status[2] or "")
        return response, "" if 100 <= code <= 699 else f"status code {code} out of range"
    if line[:4].upper() == "SIP/":
        return Response(headers, body, 0, ""), f"not a status line: {line[:80]!r}"
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    request = Request(headers, body, method, uri)
    if not _TOKEN.fullmatch(method):
        return request, f"not a start line: {line[:80]!r}"
    if version.upper() != "SIP/2.0":
        return request, f"unknown SIP version {version[:20]!r}"
    try:
        parse_uri(uri)
    except ValueError as error:
        return request, str(error)
    return request, ""


def _parse_headers(lines: list[str]) -> tuple[Headers, str]:
    """The header fields and the first complaint about their lines."""
    headers, complaint = Headers(), ""
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not _TOKEN.fullmatch(name):
            complaint = complaint or f"not a header line: {line[:80]!r}"
        elif "\r" in value or "\n" in value or "\0" in value:
            complaint = complaint or f"control character in header {name[:40]}"
        else:
            headers.add(COMPACT.get(name.lower(), name), value.strip())
    return headers, complaint


def _bad_text(head: bytes) -> str:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"byte {error.start} of the headers is not UTF-8"
    return ""


def _bad_headers(message: Request | Response) -> str:
    headers = message.headers
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        if not headers.get(name):
            return f"header {name} is missing or empty"
    for name in _SINGLE:
        if len(headers.all(name)) > 1:
            return f"header {name.title()} is repeated"
    if len(headers.all("Via")) > MAX_VIAS:
        return "too many Via headers"
    try:
        method = message.cseq.method
        for part in (message.via, message.from_, message.to, message.contact):
            del part  # reading them is the check
        parse_name_addrs(headers.all("Record-Route") + headers.all("Route"))
    except ValueError as error:
        return str(error)
    if isinstance(message, Request):
        if method != message.method:
            return f"CSeq method {method[:20]} differs from request method {message.method[:20]}"
        if not headers.get("Max-Forwards", "70").isdecimal():
            return "Max-Forwards is not a number"
    return ""


def _cut_body(message: Request | Response) -> str:
    """Cut the body at Content-Length; a datagram may carry more bytes, never fewer (RFC 3261 section 18.3)."""
    text = message.headers.get("Content-Length")
    if not text:
        return ""
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        return f"Content-Length {text[:20]!r} is not a length"
    if int(text) > len(message.body):
        return f"Content-Length {text} but only {len(message.body)} bytes of body"
    message.body = message.body[: int(text)]
    return ""


def _complaint_reply(message: Request | Response, complaint: str) -> Response | None:
    """A 400 (505 for another version) if the message is a request whose Via can be read, and no ACK."""
    if not isinstance(message, Request) or message.method == "ACK" or "Via" not in message.headers:
        return None
    try:
        message.via  # noqa: B018  # read for its error
        values = [message.headers.get(name) for name in ("From", "To", "Call-ID", "CSeq")] + message.headers.all("Via")
        "".join(values).encode("utf-8")
    except (ValueError, UnicodeEncodeError):
        return None
    reason = re.sub(r"[^ -~]", "?", complaint)[:120]
    code = 505 if complaint.startswith("unknown SIP version") else 400
    return new_response(message, code, "" if code == 505 else f"Bad Request - {reason}", tag="malformed")
