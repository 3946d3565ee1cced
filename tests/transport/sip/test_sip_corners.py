"""Rare turns: each a refusal, a loss or a wrong word of the peer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ivr.errors import SipError
from ivr.transport.sip.call import CallFailed, SipCall
from ivr.transport.sip.events import EndCause
from ivr.transport.sip.leg import parse_dtmf
from ivr.transport.sip.message import new_request
from ivr.transport.sip.refer import Replaces, parse_replaces, parse_sipfrag
from ivr.transport.sip.sdp import LocalMedia
from ivr.transport.sip.session_timer import parse_min_se, parse_session_expires

LOCAL = LocalMedia("127.0.0.1", 20000)


async def confirmed(lab: Any, peer: Any) -> Any:
    answer = await peer.call()
    await lab.until(lambda: lab.calls[-1].state.value == "confirmed")
    return answer


@pytest.mark.parametrize(
    ("uri", "header", "code"),
    [
        ("urn:service:sos", "X: 1", 416), ("tel:+4930", "X: 1", 200),
        ("", "Content-Encoding: gzip", 415), ("", "Replaces: only-a-call-id", 400), ("", "Require: 100REL, Timer", 200),
    ],
)  # fmt: skip
def test_invite_refused(lab: Any, uri: str, header: str, code: int) -> None:
    """RFC 3261 8.2.2.1, 8.2.3; RFC 3891 3. Option tags have no case."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite(header, uri=uri))
        if code == 200:
            assert (await peer.expect(180))["RSeq"] or "tel:" in uri
        else:
            await peer.expect(code)
            assert lab.calls == []

    lab(scenario)


def test_prack_that_never_comes(lab: Any) -> None:
    """RFC 3262 3: the call is refused with a 5xx."""

    async def driver(call: SipCall) -> None:
        call.ring()
        await call.wait_ended()

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite("Require: 100rel"))
        message = await peer.expect(180)
        while message.code == 180:
            message = await peer.any(5)
        assert message.start == "SIP/2.0 504 no PRACK"

    lab(scenario, driver)


def test_early_media_without_offer(lab: Any) -> None:
    complaints: list[str] = []

    async def driver(call: SipCall) -> None:
        try:
            call.progress(LOCAL)
        except SipError as error:
            complaints.append(str(error))

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.request("INVITE"))
        await peer.expect(603)

    lab(scenario, driver)
    assert complaints == ["early media need an offer, but the INVITE has none: answer the call instead"]


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        (("Event: presence", "Subscription-State: active"), "", 489),
        (("Event: refer", "Subscription-State: active"), "no status line", 400),
        (("Event: refer", "Subscription-State: active"), "", 200),
    ],
)
def test_notify_of_another_kind(lab: Any, headers: tuple[str, ...], body: str, code: int) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await confirmed(lab, peer)
        referring = asyncio.ensure_future(lab.calls[0].refer("sip:agent@10.0.0.9"))
        peer.ok(await peer.expect("REFER"), code="202 Accepted")
        second = await lab.calls[0].refer("sip:other@10.0.0.9")
        assert (second.status.value, second.code) == ("rejected", 491)
        peer.send(peer.request("NOTIFY", *headers, cseq=2, to_tag=answer.to_tag, body=body, kind="message/sipfrag"))
        await peer.expect(code)
        peer.send(peer.request("BYE", cseq=3, to_tag=answer.to_tag))
        await peer.expect(200)
        assert (await referring).status.value == "unknown"

    lab(scenario)


def test_subscription_that_ends_without_an_outcome(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await confirmed(lab, peer)
        referring = asyncio.ensure_future(lab.calls[0].refer("sip:agent@10.0.0.9"))
        peer.ok(await peer.expect("REFER"), code="202 Accepted")
        gone = ("Event: refer", "Subscription-State: terminated;reason=timeout")
        peer.send(peer.request("NOTIFY", *gone, cseq=2, to_tag=answer.to_tag))
        await peer.expect(200)
        outcome = await referring
        assert (outcome.status.value, outcome.code) == ("unknown", 0)
        peer.send(peer.request("NOTIFY", *gone, cseq=3, to_tag=answer.to_tag))
        await peer.expect(200)
        peer.send(peer.request("NOTIFY", "Event: refer", "Subscription-State: active", cseq=4, to_tag=answer.to_tag))
        await peer.expect(481)

    lab(scenario)


@pytest.mark.parametrize(("code", "ends"), [("403 Forbidden", False), ("481 Gone", True)])
def test_hold_that_is_refused(lab: Any, code: str, ends: bool) -> None:
    """RFC 3261 14.1: the session stays as it was; 481 ends it by BYE (12.2.1.2)."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        await confirmed(lab, peer)
        holding = asyncio.ensure_future(lab.calls[0].hold())
        peer.ok(await peer.expect("INVITE"), code=code)
        await peer.expect("ACK")
        with pytest.raises(CallFailed, match=f"was refused: {code}") as caught:
            await holding
        assert caught.value.code == int(code[:3])
        if ends:
            peer.ok(await peer.expect("BYE"))
            assert (await lab.calls[0].wait_ended()).cause is EndCause.FAILED
        else:
            assert lab.calls[0].end is None
            holding = asyncio.ensure_future(lab.calls[0].resume())
            again = await peer.expect("INVITE")
            assert "a=sendrecv" in again.body
            peer.ok(again, code="403 Forbidden")
            with pytest.raises(CallFailed):
                await holding

    lab(scenario)


def test_hang_up_while_our_hold_is_out(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await confirmed(lab, peer)
        holding = asyncio.ensure_future(lab.calls[0].hold())
        await peer.expect("INVITE")
        peer.send(peer.request("BYE", cseq=2, to_tag=answer.to_tag))
        await peer.expect(200)
        with pytest.raises(CallFailed, match="487 the call ended"):
            await holding

    lab(scenario)


def test_bye_in_an_early_dialog(lab: Any) -> None:
    """RFC 3261 15: a caller may end an early dialog by BYE; the INVITE gets 487."""

    async def driver(call: SipCall) -> None:
        call.ring()
        await call.wait_ended()

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite())
        ringing = await peer.expect(180)
        peer.send(peer.request("BYE", cseq=2, to_tag=ringing.to_tag))
        assert {(await peer.any()).code for _ in range(2)} == {200, 487}
        assert (await lab.calls[0].wait_ended()).cause is EndCause.CANCELLED

    lab(scenario, driver)


def test_second_invite_before_the_answer(lab: Any) -> None:
    """RFC 3261 14.2: 500 with Retry-After."""

    async def driver(call: SipCall) -> None:
        call.ring()
        await call.wait_ended()

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite())
        ringing = await peer.expect(180)
        peer.send(peer.invite(cseq=2, to_tag=ringing.to_tag))
        assert 1 <= int((await peer.expect(500))["Retry-After"]) <= 10

    lab(scenario, driver)


@pytest.mark.parametrize("value", ["", "a", "a;to-tag=1", "a;from-tag=1", ";to-tag=1;from-tag=2", 'a;to-tag="1'])
def test_replaces_that_names_nothing(value: str) -> None:
    with pytest.raises(ValueError, match=r"Replaces needs|unterminated"):
        parse_replaces(value)


def test_replaces_round_trip() -> None:
    for early in (False, True):
        named = Replaces("1@x", "a", "b", early)
        assert parse_replaces(str(named)) == named


def test_sipfrag() -> None:
    assert parse_sipfrag(b"SIP/2.0 200 OK\r\nVia: x\r\n") == (200, "OK")
    assert parse_sipfrag(b"SIP/2.0 180") == (180, "")
    assert parse_sipfrag(b"HTTP/1.1 200 OK") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("90", (90, "")), ("1800;refresher=uac", (1800, "uac")), ("1800 ; Refresher=UAS", (1800, "uas")),
        ("x", None), ("", None), ("-5", None), ("99999999999", (604800, "")), ("90;refresher=me", (90, "")),
    ],
)  # fmt: skip
def test_session_expires(value: str, expected: tuple[int, str] | None) -> None:
    assert parse_session_expires(new_request("INVITE", "sip:a@b", ("Session-Expires", value))) == expected


def test_min_se_has_a_floor() -> None:
    for value, expected in (("30", 90), ("120;x", 120), ("x", 90)):
        assert parse_min_se(new_request("INVITE", "sip:a@b", ("Min-SE", value))) == expected


def test_keys_of_info() -> None:
    assert parse_dtmf("application/dtmf", b"12") is None
    assert parse_dtmf("application/dtmf-relay", b"\xff\xfe=") is None
    key = parse_dtmf("application/dtmf-relay", b"Signal=a\nDuration=999999999\n")
    assert key is not None
    assert (key.digit, key.duration_ms) == ("A", 100)
