"""SIP URIs, name-addr values, Via and header parameters (RFC 3261 sections 19.1, 20 and 25), read in linear time.

The reader is more lenient than the grammar where real phones are (underscores in host names, bare IPv6 in `received`,
UTF-8 in unquoted display names) and keeps the text it read, because a request goes out with the peer's own spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, unquote

_SIP_URI = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[^@:;?<>\s\"][^@:<>\s\"]*)(?::(?P<password>[^@<>\s]*))?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>\d{1,5}))?"
    r"(?P<params>(?:;[^;?<>\s]*)*)(?:\?(?P<headers>[^<>\s]*))?",
    re.IGNORECASE,
)
_TEL_URI = re.compile(r"(?P<scheme>tel):(?P<user>\+?[0-9A-Fa-f*#().-]+)(?P<params>(?:;[^;?<>\s]*)*)", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_VIA = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*(?P<transport>[A-Za-z0-9-]+)\s+(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)"
    r"(?:\s*:\s*(?P<port>\d{1,5}))?\s*(?P<params>(?:;.*)?)",
    re.IGNORECASE,
)
_VISUAL = str.maketrans("", "", "-.()")
USER_SAFE = "-_.!~*'()&=+$,;?/"

Params = dict[str, str | None]


@dataclass(frozen=True)
class Uri:
    """A `sip:`, `sips:` or `tel:` URI; any other scheme has an empty `host` and its `text` only."""

    scheme: str
    user: str
    host: str
    port: int | None
    params: Params = field(compare=False)
    headers: dict[str, str] = field(compare=False)
    text: str
    """As it was read, without the `?headers` part: fit for a request line."""

    @property
    def transport(self) -> str:
        """`UDP`, `TCP` or `TLS`, as RFC 3263 section 4.1 picks it without DNS."""
        if self.scheme == "sips":
            return "TLS"
        return (self.params.get("transport") or "udp").upper()

    @property
    def number(self) -> str:
        """The user part as a plain number where it is one (no visual separators), else unchanged."""
        plain = self.user.split(";", 1)[0].translate(_VISUAL)
        return plain if plain.lstrip("+").isdigit() else self.user


@dataclass(frozen=True)
class NameAddr:
    """`"name" <uri>;params` as in From, To, Contact, Route and Refer-To."""

    uri: Uri
    name: str
    params: Params = field(compare=False)
    text: str

    @property
    def tag(self) -> str:
        return self.params.get("tag") or ""


@dataclass(frozen=True)
class Via:
    """One hop; `host` and `port` are its sent-by."""

    transport: str
    host: str
    port: int | None
    params: Params = field(compare=False)
    text: str

    @property
    def branch(self) -> str:
        return self.params.get("branch") or ""


@lru_cache(maxsize=2048)
def parse_uri(text: str) -> Uri:
    """Read a URI; raises ValueError that names the text."""
    match = _SIP_URI.fullmatch(text) or _TEL_URI.fullmatch(text)
    if match is None:
        if _SCHEME.fullmatch(text) and text.split(":", 1)[0].lower() not in ("sip", "sips", "tel"):
            return Uri(text.split(":", 1)[0].lower(), "", "", None, {}, {}, text)
        raise ValueError(f"not a URI: {text[:80]!r}")
    found = match.groupdict()
    port = int(found["port"]) if found.get("port") else None
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"port out of range in URI {text[:80]!r}")
    headers: dict[str, str] = {}
    for pair in filter(None, (found.get("headers") or "").split("&")):
        name, _, value = pair.partition("=")
        headers[unquote(name).lower()] = unquote(value)
    return Uri(
        scheme=found["scheme"].lower(),
        user=unquote(found["user"] or ""),
        host=(found.get("host") or "").lower(),
        port=port,
        params=parse_params(found["params"]),
        headers=headers,
        text=text.split("?", 1)[0] if found.get("headers") is not None else text,
    )


def parse_name_addr(text: str) -> NameAddr:
    """Read one name-addr or addr-spec; raises ValueError that names the text."""
    text = text.strip()
    start = _find(text, "<")
    if start < 0:
        # Without brackets, what follows the first semicolon belongs to the header (RFC 3261 section 20).
        address, separator, params = text.partition(";")
        return NameAddr(parse_uri(address.strip()), "", parse_params(separator + params), text)
    end = text.find(">", start)
    if end < 0:
        raise ValueError(f"no closing '>' in {text[:80]!r}")
    name = text[:start].strip()
    if name.startswith('"'):
        name = unquote_string(name)
    tail = text[end + 1 :].strip()
    if tail and not tail.startswith(";"):
        raise ValueError(f"unexpected text after '>' in {text[:80]!r}")
    return NameAddr(parse_uri(text[start + 1 : end].strip()), name, parse_params(tail), text)


def parse_name_addrs(values: list[str]) -> list[NameAddr]:
    """Read every address of a header that may be repeated or hold a comma list."""
    return [parse_name_addr(item) for value in values for item in split_quoted(value, ",")]


def parse_via(text: str) -> Via:
    """Read one Via value; blanks around its separators are allowed. Raises ValueError that names the text."""
    match = _VIA.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a Via: {text[:80]!r}")
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"port out of range in Via {text[:80]!r}")
    return Via(match["transport"].upper(), match["host"].lower(), port, parse_params(match["params"]), text.strip())


def parse_params(text: str) -> Params:
    """Read `;name=value;flag`; names are lower-cased, quoted values unquoted. Raises ValueError for other text."""
    params: Params = {}
    if not text:
        return params
    first, *parts = split_quoted(text, ";")
    if first:
        raise ValueError(f"unexpected text before ';' in {text[:80]!r}")
    for part in parts:
        name, equals, value = part.partition("=")
        name, value = name.strip().lower(), value.strip()
        if not name:
            continue  # `;;` and a trailing `;` are common and harmless
        params.setdefault(name, (unquote_string(value) if value.startswith('"') else value) if equals else None)
    return params


def split_quoted(text: str, separator: str) -> list[str]:
    """Split at `separator`, but not inside double quotes or angle brackets; the parts are stripped."""
    if '"' not in text and "<" not in text:
        return [part.strip() for part in text.split(separator)]
    parts, begin = [], 0
    for position in _positions(text, separator):
        parts.append(text[begin:position].strip())
        begin = position + 1
    parts.append(text[begin:].strip())
    return parts


def _find(text: str, wanted: str) -> int:
    return next(_positions(text, wanted), -1)


def _positions(text: str, wanted: str) -> Iterator[int]:
    """Where `wanted` stands outside quotes and brackets."""
    quoted = escaped = False
    depth = 0
    for position, char in enumerate(text):
        if quoted:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char == wanted and not depth:
            yield position
        elif char == "<":
            depth = 1
        elif char == ">":
            depth = 0


def unquote_string(text: str) -> str:
    """The content of a quoted-string; raises ValueError when its closing quote is missing."""
    if len(text) < 2 or not text.endswith('"'):
        raise ValueError(f"unterminated quoted string {text[:80]!r}")
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def quote_string(text: str) -> str:
    """As a quoted-string (RFC 3261 section 25.1); line breaks become blanks."""
    text = text.replace("\r", " ").replace("\n", " ")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def escape_user(user: str) -> str:
    """Percent-escape a user part for a URI."""
    return quote(user, safe=USER_SAFE)


def escape_header(value: str) -> str:
    """Percent-escape a value for the `?name=value` part of a URI (RFC 3261 section 19.1.1)."""
    return quote(value, safe="-_.!~*'()[]/?:+$")
