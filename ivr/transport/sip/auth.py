"""Digest access authentication (RFC 3261 section 22, RFC 7616, RFC 8760), both ends."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from ivr.errors import SipError
from ivr.transport.sip.message import Headers
from ivr.transport.sip.uri import quote_string, split_quoted, unquote_string

_HASHES: Mapping[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}
ALGORITHMS = ("SHA-256", "MD5")
"""Strongest first: the order of our challenges and of our choice among a peer's."""
NONCE_LIFE_S = 300
MAX_NONCES = 10_000


class AuthError(SipError):
    """A challenge that cannot be answered."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Ours, for a peer that challenges us."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class DigestUser:
    """A peer's: the password, or its hash `H(user:realm:password)` in hex by algorithm."""

    password: str = ""
    ha1: Mapping[str, str] | None = None

    def hash(self, algorithm: str, user: str, realm: str) -> str | None:
        """H(A1), None when only hashes of other algorithms are known."""
        if self.ha1 is not None:
            return self.ha1.get(algorithm)
        return _HASHES[algorithm](f"{user}:{realm}:{self.password}".encode())


def parse_auth(value: str) -> tuple[str, dict[str, str]]:
    """Scheme (lower case) and parameters of a challenge or credentials. Raises ValueError naming the bad part."""
    scheme, _, rest = value.strip().partition(" ")
    params: dict[str, str] = {}
    for part in split_quoted(rest, ","):
        name, equals, text = part.partition("=")
        if not equals or not name.strip():
            if not part:
                continue
            raise ValueError(f"not an authentication parameter: {part[:60]!r}")
        text = text.strip()
        params[name.strip().lower()] = unquote_string(text) if text.startswith('"') else text
    return scheme.lower(), params


def digest_response(algorithm: str, ha1: str, method: str, params: Mapping[str, str]) -> str:
    """The `response` value; `params` holds uri, nonce and, with qop, nc, cnonce and qop (RFC 7616 section 3.4.1)."""
    digest = _HASHES[algorithm]
    ha2 = digest(f"{method}:{params['uri']}".encode())
    if params.get("qop"):
        middle = f"{params['nonce']}:{params.get('nc', '')}:{params.get('cnonce', '')}:{params['qop']}"
    else:
        middle = params["nonce"]
    return digest(f"{ha1}:{middle}:{ha2}".encode())


class DigestClient:
    """Answers challenges and keeps count of each nonce's use."""

    def __init__(self, credentials: Credentials, new_token: Callable[[], str]) -> None:
        self.credentials = credentials
        self._new_token = new_token
        self._counts: dict[str, int] = {}

    def answer(self, headers: Headers, code: int, method: str, uri: str) -> tuple[str, str]:
        """The header (name, value) that answers a 401 or 407. Raises AuthError when no challenge suits."""
        name, reply = (
            ("Proxy-Authenticate", "Proxy-Authorization") if code == 407 else ("WWW-Authenticate", "Authorization")
        )
        challenges = []
        for value in headers.all(name):
            try:
                scheme, params = parse_auth(value)
            except ValueError:
                continue
            params["algorithm"] = params.get("algorithm", "MD5").upper()
            if scheme == "digest" and params["algorithm"] in ALGORITHMS and "nonce" in params:
                challenges.append(params)
        if not challenges:
            raise AuthError(
                f"{code} without a digest challenge that we can answer ({name}: {headers.all(name)!r:.200})"
            )
        best = min(challenges, key=lambda params: ALGORITHMS.index(params["algorithm"]))
        return reply, self._value(best, method, uri)

    def _value(self, challenge: Mapping[str, str], method: str, uri: str) -> str:
        algorithm, realm = challenge["algorithm"], challenge.get("realm", "")
        params = {"nonce": challenge["nonce"], "uri": uri}
        if "qop" in challenge:
            if "auth" not in [item.strip().lower() for item in challenge["qop"].split(",")]:
                raise AuthError(f"the peer wants qop {challenge['qop'][:40]!r}; only auth is spoken")
            count = self._counts[params["nonce"]] = self._counts.get(params["nonce"], 0) + 1
            params |= {"qop": "auth", "nc": f"{count:08x}", "cnonce": self._new_token()}
        ha1 = DigestUser(self.credentials.password).hash(algorithm, self.credentials.user, realm)
        assert ha1 is not None
        quoted = {
            "username": self.credentials.user, "realm": realm, "nonce": params["nonce"], "uri": uri,
            "response": digest_response(algorithm, ha1, method, params),
        }  # fmt: skip
        if "cnonce" in params:
            quoted["cnonce"] = params["cnonce"]
        if "opaque" in challenge:
            quoted["opaque"] = challenge["opaque"]
        parts = [f"{name}={quote_string(text)}" for name, text in quoted.items()]
        parts += [f"{name}={params[name]}" for name in ("qop", "nc") if name in params]
        return "Digest " + ", ".join([*parts, f"algorithm={algorithm}"])


class Verdict(Enum):
    GOOD = "good"
    MISSING = "missing"
    WRONG = "wrong"
    STALE = "stale"


class DigestServer:
    """Challenges and checks. Nonces carry their time and a keyed hash, so only used ones are remembered."""

    def __init__(
        self,
        realm: str,
        users: Mapping[str, DigestUser],
        secret: bytes,
        algorithms: tuple[str, ...] = ALGORITHMS,
    ) -> None:
        self.realm = realm
        self._users = users
        self._secret = secret
        self._algorithms = algorithms
        self._used: OrderedDict[str, int] = OrderedDict()

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """WWW-Authenticate values, one an algorithm, strongest first."""
        nonce = self._nonce(int(now))
        tail = ", stale=true" if stale else ""
        return [
            f'Digest realm={quote_string(self.realm)}, nonce="{nonce}", qop="auth", algorithm={algorithm}{tail}'
            for algorithm in self._algorithms
        ]

    def check(self, values: list[str], method: str, now: float) -> tuple[Verdict, str]:
        """Judge the Authorization values of a request: the verdict and the user's name."""
        for value in values:
            try:
                scheme, params = parse_auth(value)
            except ValueError:
                continue
            if scheme == "digest" and params.get("realm") == self.realm:
                return self._check(params, method, now), params.get("username", "")
        return Verdict.MISSING, ""

    def _check(self, params: Mapping[str, str], method: str, now: float) -> Verdict:
        algorithm = params.get("algorithm", "MD5").upper()
        user = self._users.get(params.get("username", ""))
        complete = all(params.get(name) for name in ("nonce", "uri", "response"))
        if not complete or user is None or algorithm not in self._algorithms:
            return Verdict.WRONG
        if params.get("qop", "auth") != "auth":
            return Verdict.WRONG
        ha1 = user.hash(algorithm, params["username"], self.realm)
        expected = digest_response(algorithm, ha1, method, params) if ha1 else ""
        if not ha1 or not hmac.compare_digest(expected.encode(), params["response"].lower().encode()):
            return Verdict.WRONG
        return Verdict.GOOD if self._fresh(params, now) else Verdict.STALE

    def _fresh(self, params: Mapping[str, str], now: float) -> bool:
        """Ours, young, and with a count that was not used before (RFC 7616 section 3.4)."""
        nonce = params["nonce"]
        made = nonce.split("-", 1)[0]
        if not (made.isascii() and made.isdecimal()) or len(made) > 12:
            return False
        if not hmac.compare_digest(nonce.encode(), self._nonce(int(made)).encode()):
            return False
        if not 0 <= now - int(made) <= NONCE_LIFE_S:
            return False
        try:
            count = int(params.get("nc", "0"), 16)
        except ValueError:
            return False
        return self._count_up(nonce, count) if params.get("qop") else True

    def _count_up(self, nonce: str, count: int) -> bool:
        if count <= self._used.get(nonce, 0):
            return False
        self._used[nonce] = count
        self._used.move_to_end(nonce)
        while len(self._used) > MAX_NONCES:
            self._used.popitem(last=False)
        return True

    def _nonce(self, made: int) -> str:
        mac = hmac.new(self._secret, f"{made}:{self.realm}".encode(), hashlib.sha256).hexdigest()[:32]
        return f"{made}-{mac}"
