"""Digest: the examples of the RFCs, and both ends against each other."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.transport.sip.auth import (
    AuthError,
    Credentials,
    DigestClient,
    DigestServer,
    DigestUser,
    Verdict,
    digest_response,
    parse_auth,
)
from ivr.transport.sip.message import Headers

USERS = {"bob": DigestUser("zanzibar"), "hash": DigestUser(ha1={"MD5": hashlib.md5(b"hash:ivr:pw").hexdigest()})}


def server(algorithms: tuple[str, ...] = ("SHA-256", "MD5")) -> DigestServer:
    return DigestServer("ivr", USERS, b"key", algorithms)


def client(user: str = "bob", password: str = "zanzibar") -> DigestClient:
    return DigestClient(Credentials(user, password), lambda: "0a4f113b")


def challenge(digest: DigestServer, now: float = 100.0) -> Headers:
    return Headers(*(("WWW-Authenticate", value) for value in digest.challenges(now)))


def test_example_of_rfc_7616() -> None:
    """Section 3.9.1: the same credentials in MD5 and SHA-256."""
    params = {
        "uri": "/dir/index.html", "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "qop": "auth",
    }  # fmt: skip
    user = DigestUser("Circle of Life")
    realm = "http-auth@example.org"
    expected = {
        "MD5": "8ca523f5e9506fed4657c9700eebdbec",
        "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    }
    for algorithm, response in expected.items():
        ha1 = user.hash(algorithm, "Mufasa", realm)
        assert ha1 is not None
        assert digest_response(algorithm, ha1, "GET", params) == response


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_good_then_used_again(algorithm: str) -> None:
    digest, peer = server((algorithm,)), client()
    _, value = peer.answer(challenge(digest), 401, "INVITE", "sip:a@b")
    assert digest.check([value], "INVITE", 101) == (Verdict.GOOD, "bob")
    assert digest.check([value], "INVITE", 101) == (Verdict.STALE, "bob")
    _, value = peer.answer(challenge(digest), 401, "INVITE", "sip:a@b")
    assert "nc=00000002" in value
    assert digest.check([value], "INVITE", 102)[0] is Verdict.GOOD


def test_strongest_is_chosen() -> None:
    assert "algorithm=SHA-256" in client().answer(challenge(server()), 401, "INVITE", "sip:a@b")[1]


def test_proxy_challenge() -> None:
    headers = Headers(("Proxy-Authenticate", 'Digest realm="x, y", nonce="a\\"b"'))
    name, value = client().answer(headers, 407, "INVITE", "sip:a@b")
    scheme, params = parse_auth(value)
    assert (name, scheme, params["nonce"], params["realm"]) == ("Proxy-Authorization", "digest", 'a"b', "x, y")
    assert "qop" not in params


@pytest.mark.parametrize(
    ("user", "password", "method", "now", "verdict"),
    [
        ("bob", "wrong", "INVITE", 101, Verdict.WRONG), ("eve", "zanzibar", "INVITE", 101, Verdict.WRONG),
        ("bob", "zanzibar", "BYE", 101, Verdict.WRONG), ("bob", "zanzibar", "INVITE", 500, Verdict.STALE),
        ("bob", "zanzibar", "INVITE", 50, Verdict.STALE), ("hash", "pw", "INVITE", 101, Verdict.GOOD),
    ],
)  # fmt: skip
def test_verdicts(user: str, password: str, method: str, now: float, verdict: Verdict) -> None:
    digest = server(("MD5",))
    _, value = client(user, password).answer(challenge(digest), 401, "INVITE", "sip:a@b")
    assert digest.check([value], method, now)[0] is verdict


def test_hash_of_another_algorithm_is_wrong() -> None:
    digest = server(("SHA-256",))
    _, value = client("hash", "pw").answer(challenge(digest), 401, "INVITE", "sip:a@b")
    assert digest.check([value], "INVITE", 101)[0] is Verdict.WRONG


def test_forged_nonce_is_stale() -> None:
    headers = Headers(("WWW-Authenticate", 'Digest realm="ivr", nonce="100-forged", qop="auth"'))
    _, value = client().answer(headers, 401, "INVITE", "sip:a@b")
    assert server().check([value], "INVITE", 101)[0] is Verdict.STALE


@pytest.mark.parametrize(
    "value",
    [
        "Basic YWJj", 'Digest realm="x", nonce="n", algorithm=AKAv1-MD5', 'Digest realm="x"', 'Digest realm="x',
        "", "Digest",
    ],
)  # fmt: skip
def test_challenge_that_cannot_be_answered(value: str) -> None:
    with pytest.raises(AuthError, match="401 without a digest challenge that we can answer"):
        client().answer(Headers(("WWW-Authenticate", value)), 401, "INVITE", "sip:a@b")


def test_only_auth_int() -> None:
    headers = Headers(("WWW-Authenticate", 'Digest realm="x", nonce="n", qop="auth-int"'))
    with pytest.raises(AuthError, match="the peer wants qop 'auth-int'; only auth is spoken"):
        client().answer(headers, 401, "INVITE", "sip:a@b")


@given(st.text(max_size=80))
def test_any_credentials_are_judged(text: str) -> None:
    for value in (
        text,
        f"Digest {text}",
        f'Digest realm="ivr", username="bob", nonce="1-a", uri="x", response="{text}"',
    ):
        assert server().check([value], "INVITE", 100)[0] is not Verdict.GOOD


def test_many_quotes_take_linear_time() -> None:
    """A pattern with nested quoted strings takes for ever on this."""
    value = "Digest " + 'a="x",' * 5000 + "!"
    assert server().check([value], "INVITE", 100)[0] is Verdict.MISSING
