"""Black-box checks of the called side over real sockets: each says the RFC and section it holds us to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ivr.transport.sip.call import SipCall
from ivr.transport.sip.events import EndCause, Ended, Key, MediaChanged
from ivr.transport.sip.sdp import Direction, LocalMedia

BOTH = pytest.mark.parametrize("transport", ["UDP", "TCP"])
LOCAL = LocalMedia("127.0.0.1", 20000)


async def stay_ringing(call: SipCall) -> None:
    call.ring()
    await call.wait_ended()


@BOTH
def test_call_from_invite_to_bye(lab: Any, transport: str) -> None:
    """RFC 3261 13, 15: 100 at once, 180 and 200 with one To tag, BYE answered, the driver told."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer(transport)
        peer.send(peer.invite("P-Asserted-Identity: <sip:+49-30-555@pbx>", "X-Queue: gold", "User-Agent: phone"))
        trying = await peer.expect(100)
        ringing = await peer.expect(180)
        answer = await peer.expect(200)
        assert not trying.to_tag
        assert ringing.to_tag == answer.to_tag != ""
        peer.ack(answer)
        await lab.until(lambda: lab.calls[0].state.value == "confirmed")
        call = lab.calls[0]
        assert (call.info.caller, call.info.called, call.info.transport) == ("+4930555", "hotline", "sip")
        assert call.info.headers["X-Queue"] == "gold"
        assert call.info.headers["User-Agent"] == "phone"
        assert (call.media.address, call.media.port, call.media.codec.name) == ("127.0.0.1", 6000, "PCMA")
        assert call.offer.port == 6000
        peer.send(peer.request("BYE", 'Reason: Q.850;cause=16;text="bye"', cseq=2, to_tag=answer.to_tag))
        await peer.expect(200)
        end = await call.wait_ended()
        assert (end.cause, end.code) == (EndCause.REMOTE_BYE, 16)
        assert lab.core.legs == {}

    lab(scenario)


def test_answer_has_what_a_dialog_needs(lab: Any) -> None:
    """RFC 3261 12.1.1, 13.3.1.4: Contact, Record-Route copied in order, Allow, Supported."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call("Record-Route: <sip:p2.test;lr>, <sip:p1.test;lr>", "Record-Route: <sip:p0.test;lr>")
        assert answer.headers["record-route"] == ["<sip:p2.test;lr>, <sip:p1.test;lr>", "<sip:p0.test;lr>"]
        assert answer.target.startswith("sip:ivr@127.0.0.1:")
        assert "INVITE" in answer["Allow"]
        assert answer["Content-Type"] == "application/sdp"

    lab(scenario)


def test_route_set_of_our_requests(lab: Any) -> None:
    """RFC 3261 12.2.1.1: our BYE takes the Record-Routes as routes, in order, to the first of them."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        first = f"<sip:{peer.host}:{peer.port};lr>"
        await peer.call(f"Record-Route: {first}, <sip:p1.test;lr>")
        await lab.until(lambda: lab.calls[0].state.value == "confirmed")
        await lab.calls[0].bye()
        bye = await peer.expect("BYE")
        assert bye.headers["route"] == [first, "<sip:p1.test;lr>"]
        assert bye.start == f"BYE sip:caller@{peer.host}:{peer.port};transport=udp SIP/2.0"
        peer.ok(bye)

    lab(scenario)


def test_repeated_invite_is_one_call(lab: Any) -> None:
    """RFC 3261 17.2.1: a retransmitted INVITE gets the last response again and makes no second call."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        invite = peer.invite()
        peer.send(invite)
        await peer.expect(180)
        peer.send(invite)
        await peer.expect(180)
        assert len(lab.calls) == 1

    lab(scenario, stay_ringing)


@BOTH
def test_200_is_repeated_until_ack(lab: Any, transport: str) -> None:
    """RFC 3261 13.3.1.4: T1 doubling to T2, over any transport; the ACK stops it."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer(transport)
        peer.send(peer.invite())
        answers = [await peer.expect(200) for _ in range(3)]
        assert len({answer.raw for answer in answers}) == 1
        peer.ack(answers[0])
        await lab.until(lambda: lab.calls[0].state.value == "confirmed")
        await peer.silence(0.5)

    lab(scenario)


def test_no_ack_ends_in_bye(lab: Any) -> None:
    """RFC 3261 13.3.1.4: without an ACK for 64 T1 the call is ended by BYE."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite())
        message = await peer.expect(200)
        while message.code:
            message = await peer.any(5)
        assert message.method == "BYE"
        peer.ok(message)
        assert (await lab.calls[0].wait_ended()).cause is EndCause.NO_ACK

    lab(scenario)


def test_error_response_is_repeated_until_ack(lab: Any) -> None:
    """RFC 3261 17.2.1: timer G repeats 486; the ACK ends it."""

    async def busy(call: SipCall) -> None:
        call.reject(486)

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        invite = peer.invite(branch="z9hG4bKfixed")
        peer.send(invite)
        first, again = await peer.expect(486), await peer.expect(486)
        assert first.raw == again.raw
        peer.send(peer.request("ACK", branch="z9hG4bKfixed", to_tag=first.to_tag))
        await asyncio.sleep(0.02)
        while not peer.inbox.empty():
            peer.inbox.get_nowait()
        await peer.silence(0.5)

    lab(scenario, busy)


@BOTH
def test_cancel(lab: Any, transport: str) -> None:
    """RFC 3261 9.2: 200 to CANCEL, 487 to INVITE with the same To tag; the Reason reaches the driver."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer(transport)
        peer.send(peer.invite(branch="z9hG4bKcancelme"))
        ringing = await peer.expect(180)
        peer.send(peer.request("CANCEL", 'Reason: SIP;cause=200;text="elsewhere"', branch="z9hG4bKcancelme"))
        answers = {message["CSeq"]: message for message in [await peer.any(), await peer.any()]}
        assert answers["1 CANCEL"].code == 200
        assert answers["1 INVITE"].code == 487
        assert answers["1 CANCEL"].to_tag == answers["1 INVITE"].to_tag == ringing.to_tag
        peer.send(peer.request("ACK", branch="z9hG4bKcancelme", to_tag=ringing.to_tag))
        end = await lab.calls[0].wait_ended()
        assert (end.cause, end.text) == (EndCause.CANCELLED, 'SIP;cause=200;text="elsewhere"')

    lab(scenario, stay_ringing)


def test_cancel_without_invite(lab: Any) -> None:
    """RFC 3261 9.2: 481."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.request("CANCEL"))
        await peer.expect(481)

    lab(scenario)


def test_cancel_after_the_answer_changes_nothing(lab: Any) -> None:
    """RFC 3261 9.2: a CANCEL after the final response gets 200 and has no effect."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call(branch="z9hG4bKlate")
        peer.send(peer.request("CANCEL", branch="z9hG4bKlate"))
        await peer.expect(200)
        assert lab.calls[0].end is None
        assert answer.code == 200

    lab(scenario)


@BOTH
def test_options(lab: Any, transport: str) -> None:
    """RFC 3261 11.2: 200 with Allow and Accept, also without a user part (a proxy's ping) and inside a call."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer(transport)
        peer.send(peer.request("OPTIONS", uri="sip:127.0.0.1"))
        answer = await peer.expect(200)
        assert answer["Accept"] == "application/sdp"
        assert "INVITE" in answer["Allow"]
        assert answer.to_tag
        tag = (await peer.call(cseq=2)).to_tag
        peer.send(peer.request("OPTIONS", cseq=3, to_tag=tag))
        await peer.expect(200)

    lab(scenario)


def test_unknown_method(lab: Any) -> None:
    """RFC 3261 8.2.1: 405 with Allow."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.request("PUBLISH"))
        assert "BYE" in (await peer.expect(405))["Allow"]

    lab(scenario)


def test_unknown_extension(lab: Any) -> None:
    """RFC 3261 8.2.2.3: 420 naming what is unsupported, and nothing else."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite("Require: timer, foo, bar"))
        assert (await peer.expect(420))["Unsupported"] == "foo, bar"
        assert lab.calls == []

    lab(scenario)


def test_merged_request(lab: Any) -> None:
    """RFC 3261 8.2.2.2: the same INVITE over another path gets 482."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite())
        await peer.expect(180)
        peer.send(peer.invite())
        await peer.expect(482)
        assert len(lab.calls) == 1

    lab(scenario, stay_ringing)


@pytest.mark.parametrize("method", ["BYE", "INVITE", "INFO", "UPDATE", "NOTIFY", "PRACK"])
def test_request_of_no_dialog(lab: Any, method: str) -> None:
    """RFC 3261 12.2.2: 481 for a To tag that is not ours."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.request(method, to_tag="unknown", body="v=0\r\n" * (method == "INVITE")))
        await peer.expect(481)

    lab(scenario)


def test_ack_of_nothing_is_ignored(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.request("ACK", to_tag="unknown"))
        await peer.silence()

    lab(scenario)


def test_wrong_from_tag_is_another_dialog(lab: Any) -> None:
    """RFC 3261 12: the remote tag is part of the dialog's id."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call()
        peer.send(peer.request("BYE", cseq=2, to_tag=answer.to_tag, from_tag="intruder"))
        await peer.expect(481)
        assert lab.calls[0].end is None

    lab(scenario)


def test_cseq_out_of_order(lab: Any) -> None:
    """RFC 3261 12.2.2: 500 for an older CSeq."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call(cseq=10)
        peer.send(peer.request("INFO", cseq=9, to_tag=answer.to_tag))
        assert (await peer.expect(500))["Retry-After"]

    lab(scenario)


def test_repeated_bye_is_answered_again(lab: Any) -> None:
    """RFC 3261 17.2.2: timer J absorbs the repeat with the same answer, not 481."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call()
        bye = peer.request("BYE", cseq=2, to_tag=answer.to_tag)
        peer.send(bye)
        first = await peer.expect(200)
        peer.send(bye)
        assert (await peer.expect(200)).raw == first.raw

    lab(scenario)


def test_body_that_is_no_sdp(lab: Any) -> None:
    """RFC 3261 8.2.3: 415 with Accept."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite(body="<xml/>", kind="application/xml"))
        assert (await peer.expect(415))["Accept"] == "application/sdp"

    lab(scenario)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 18\r\n", 488),
        ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/SAVP 0\r\n", 488),
        ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 6000 RTP/AVP 31\r\n", 488),
        ("v=0\r\nnonsense\r\n", 400),
    ],
)
def test_offer_that_cannot_be_answered(lab: Any, body: str, code: int) -> None:
    """RFC 3264 6: 488 for no codec, SRTP over UDP or no audio; 400 for no SDP at all."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite(body=body))
        await peer.expect(code)
        await lab.until(lambda: not lab.core.legs)

    lab(scenario)


def test_answer_mirrors_the_offer(lab: Any) -> None:
    """RFC 3264 6, RFC 4733 2.4.1: m-lines in order, the others off, the peer's payload types, also for keys."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        body = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            "m=video 7000 RTP/AVP 31\r\nm=audio 6000 RTP/AVP 97 98\r\na=rtpmap:97 PCMU/8000\r\n"
            "a=rtpmap:98 telephone-event/8000\r\nm=audio 6002 RTP/AVP 0\r\n"
        )
        answer = await peer.call(body=body)
        lines = [line for line in answer.body.split("\r\n") if line.startswith(("m=", "a=rtpmap"))]
        assert lines == [
            "m=video 0 RTP/AVP 31", "m=audio 20000 RTP/AVP 97 98", "a=rtpmap:97 PCMU/8000",
            "a=rtpmap:98 telephone-event/8000", "m=audio 0 RTP/AVP 0",
        ]  # fmt: skip
        assert lab.calls[0].media.telephone_event == 98

    lab(scenario)


@pytest.mark.parametrize(
    ("hold", "ours", "on_hold"),
    [
        ("a=sendonly", "recvonly", True), ("a=inactive", "inactive", True), ("a=recvonly", "sendonly", False),
        ("c=IN IP4 0.0.0.0", "recvonly", True),
    ],
)  # fmt: skip
def test_hold_and_resume(lab: Any, offer: str, hold: str, ours: str, on_hold: bool) -> None:
    """RFC 3264 8.4 and the c=0.0.0.0 of RFC 2543: answered in kind; o= version + 1 only on change; back by sendrecv."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call()
        held_offer = offer.replace("c=IN IP4 127.0.0.1", hold) if hold[0] == "c" else offer.replace("a=sendrecv", hold)
        held = await reinvite(peer, answer, 2, held_offer)
        assert f"a={ours}\r\n" in held.body
        assert versions(answer, held) == 1
        event = await next_of(lab.calls[0], MediaChanged)
        assert (event.media.on_hold, event.by_peer) == (on_hold, True)
        again = await reinvite(peer, answer, 3, held_offer)
        assert versions(held, again) == 0
        resumed = await reinvite(peer, answer, 4, offer)
        assert "a=sendrecv" in resumed.body
        assert (await next_of(lab.calls[0], MediaChanged)).media.direction is Direction.SENDRECV

    lab(scenario)


async def reinvite(peer: Any, answer: Any, cseq: int, body: str) -> Any:
    peer.send(peer.invite(cseq=cseq, to_tag=answer.to_tag, body=body))
    message = await peer.expect(200)
    peer.ack(message)
    return message


def versions(old: Any, new: Any) -> int:
    return int(new.body.split("o=- ")[1].split()[1]) - int(old.body.split("o=- ")[1].split()[1])


async def next_of(call: SipCall, kind: type) -> Any:
    async with asyncio.timeout(3):
        while True:
            event = await call.next_event()
            if isinstance(event, kind):
                return event


def test_reinvite_with_a_bad_offer_keeps_the_call(lab: Any) -> None:
    """RFC 3261 14.2: 488, and the session stays as it was."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call()
        before = lab.calls[0].media
        body = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 18\r\n"
        peer.send(peer.invite(cseq=2, to_tag=answer.to_tag, body=body))
        await peer.expect(488)
        assert lab.calls[0].end is None
        assert lab.calls[0].media == before

    lab(scenario)


def test_invite_without_offer(lab: Any, offer: str) -> None:
    """RFC 3261 13.2.1: our 200 offers, the ACK answers."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.request("INVITE"))
        answer = await peer.expect(200)
        assert "m=audio 20000 RTP/AVP 0 8 9 101" in answer.body
        peer.ack(answer, body=offer.replace("8 0 96", "0 96"))
        await lab.until(lambda: lab.calls[0].state.value == "confirmed")
        assert (lab.calls[0].media.codec.name, lab.calls[0].media.telephone_event) == ("PCMU", 96)

    lab(scenario)


def test_invite_without_offer_and_ack_without_answer(lab: Any) -> None:
    """The call cannot have media: BYE."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.request("INVITE"))
        peer.ack(await peer.expect(200))
        peer.ok(await peer.expect("BYE"))
        end = await lab.calls[0].wait_ended()
        assert (end.cause, end.text) == (EndCause.FAILED, "the ACK brings no answer to our offer")

    lab(scenario)


def test_update_moves_media_and_target(lab: Any, offer: str) -> None:
    """RFC 3311: an UPDATE with an offer is answered, and its Contact is where requests go from then on."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call()
        moved = peer.request("UPDATE", cseq=2, to_tag=answer.to_tag, body=offer.replace("6000", "6100"))
        peer.send(moved.replace("<sip:caller@", "<sip:moved@"))
        updated = await peer.expect(200)
        assert "m=audio 20000" in updated.body
        assert (await next_of(lab.calls[0], MediaChanged)).media.port == 6100
        await lab.calls[0].bye()
        bye = await peer.expect("BYE")
        assert bye.start.startswith("BYE sip:moved@")
        peer.ok(bye)

    lab(scenario)


def test_glare(lab: Any, offer: str) -> None:
    """RFC 3261 14.1, 14.2: while ours is out, theirs gets 491; ours refused by 491 comes again after a pause."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call()
        await lab.until(lambda: lab.calls[0].state.value == "confirmed")
        holding = asyncio.ensure_future(lab.calls[0].hold())
        ours = await peer.expect("INVITE")
        peer.send(peer.invite(cseq=2, to_tag=answer.to_tag, branch="z9hG4bKglare"))
        await peer.expect(491)
        peer.send(peer.request("ACK", cseq=2, to_tag=answer.to_tag, branch="z9hG4bKglare"))
        peer.ok(ours, code="491 Request Pending")
        await peer.expect("ACK")
        ours = await peer.expect("INVITE", within=5)
        assert "a=sendonly" in ours.body
        peer.ok(ours, f"Contact: <sip:caller@{peer.host}:{peer.port}>", body=offer.replace("sendrecv", "recvonly"))
        await peer.expect("ACK")
        assert (await holding).direction is Direction.SENDONLY

    lab(scenario)


@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", ("5", 160)),
        ("application/dtmf-relay", "Signal= *\r\nDuration= 250\r\n", ("*", 250)),
        ("application/dtmf-relay", "Signal=11\r\n", ("#", 100)),
        ("application/dtmf", "7", ("7", 100)),
    ],
)
def test_keys_by_info(lab: Any, kind: str, body: str, digit: tuple[str, int]) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call()
        peer.send(peer.request("INFO", cseq=2, to_tag=answer.to_tag, body=body, kind=kind))
        await peer.expect(200)
        key = (await next_of(lab.calls[0], Key)).digit
        assert (key.digit, key.duration_ms, key.source) == (*digit, "sip-info")

    lab(scenario)


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [("application/dtmf-relay", "Signal=x\r\n", 400), ("application/media_control+xml", "<x/>", 415)],
)
def test_info_that_is_no_key(lab: Any, kind: str, body: str, code: int) -> None:
    """RFC 6086: 415 with Accept for another body."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call()
        peer.send(peer.request("INFO", cseq=2, to_tag=answer.to_tag, body=body, kind=kind))
        message = await peer.expect(code)
        assert (code != 415) or message["Accept"] == "application/dtmf-relay, application/dtmf"

    lab(scenario)


def test_rport_and_received(lab: Any) -> None:
    """RFC 3581 4: the Via is completed with the source, and the response goes there, whatever sent-by says."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.request("OPTIONS", via="SIP/2.0/UDP 10.9.8.7:5999;branch=z9hG4bKx;rport"))
        answer = await peer.expect(200)
        assert answer["Via"] == f"SIP/2.0/UDP 10.9.8.7:5999;branch=z9hG4bKx;rport={peer.port};received=127.0.0.1"

    lab(scenario)


def test_without_rport_the_response_goes_to_sent_by(lab: Any) -> None:
    """RFC 3261 18.2.2: source address, port of sent-by."""

    async def scenario(lab: Any) -> None:
        peer, listener = await lab.peer(), await lab.peer()
        peer.send(peer.request("OPTIONS", via=f"SIP/2.0/UDP host.invalid:{listener.port};branch=z9hG4bKy"))
        answer = await listener.expect(200)
        assert answer["Via"].endswith(";received=127.0.0.1")

    # An unconnected socket would hear it; ours is connected to the endpoint, whose address it comes from.
    lab(scenario)


def test_session_timer_as_called(lab: Any) -> None:
    """RFC 4028 9: 422 below our minimum; else accepted, the refresher as offered; without one it is the caller."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite("Supported: timer", "Session-Expires: 60", branch="z9hG4bKsmall"))
        refused = await peer.expect(422)
        assert refused["Min-SE"] == "90"
        peer.send(peer.request("ACK", branch="z9hG4bKsmall", to_tag=refused.to_tag))
        answer = await peer.call("Supported: timer", "Session-Expires: 120;refresher=uas", cseq=2)
        assert answer["Session-Expires"] == "120;refresher=uas"
        other = await lab.peer()
        answer = await other.call("Supported: timer", "Session-Expires: 300")
        assert (answer["Session-Expires"], answer["Require"]) == ("300;refresher=uac", "timer")

    lab(scenario)


def test_overload_and_drain(lab: Any) -> None:
    """RFC 3261 21.5.4: 503 with Retry-After when full, and while draining; calls in progress go on."""

    async def scenario(lab: Any) -> None:
        first, second = await lab.peer(), await lab.peer()
        answer = await first.call()
        second.send(second.invite())
        assert (await second.expect(503))["Retry-After"] == "10"
        stopping = asyncio.ensure_future(lab.endpoint.stop(drain_s=5))
        await asyncio.sleep(0.02)
        first.send(first.request("BYE", cseq=2, to_tag=answer.to_tag))
        await first.expect(200)
        await stopping

    lab(scenario, max_calls=1)


def test_prack_when_required(lab: Any) -> None:
    """RFC 3262: 180 with RSeq is repeated until PRACK; 200 comes after."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite("Require: 100rel"))
        ringing, again = await peer.expect(180), await peer.expect(180)
        assert ringing["Require"] == "100rel"
        assert ringing["RSeq"] == again["RSeq"]
        peer.send(peer.request("PRACK", "RAck: 1 1 INVITE", cseq=2, to_tag=ringing.to_tag))
        await peer.expect(481)
        peer.send(peer.request("PRACK", f"RAck: {ringing['RSeq']} 1 INVITE", cseq=3, to_tag=ringing.to_tag))
        codes = {(await peer.any()).code for _ in range(2)}
        assert codes == {200}
        assert lab.calls[0].state.value in ("answered", "confirmed")

    lab(scenario)


def test_early_media(lab: Any) -> None:
    """RFC 3261 13.3.1.1: 183 with the answer; the 200 repeats the same description."""

    async def driver(call: SipCall) -> None:
        call.progress(LOCAL)
        await asyncio.sleep(0.05)
        await call.answer(LOCAL)
        await call.wait_ended()

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite())
        early, answer = await peer.expect(183), await peer.expect(200)
        assert early.body == answer.body != ""
        peer.ack(answer)

    lab(scenario, driver)


def test_refer_out(lab: Any) -> None:
    """RFC 3515: REFER, 202, sipfrag NOTIFYs; 2xx ends the call by BYE."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call()
        await lab.until(lambda: lab.calls[0].state.value == "confirmed")
        referring = asyncio.ensure_future(lab.calls[0].refer("sip:agent@10.0.0.9"))
        refer = await peer.expect("REFER")
        assert refer["Refer-To"] == "<sip:agent@10.0.0.9>"
        assert refer["Referred-By"] == "<sip:hotline@127.0.0.1>"
        peer.ok(refer, code="202 Accepted")
        for cseq, status, state in ((2, "100 Trying", "active"), (3, "200 OK", "terminated")):
            peer.send(
                peer.request(
                    "NOTIFY",
                    "Event: refer",
                    f"Subscription-State: {state}",
                    cseq=cseq,
                    to_tag=answer.to_tag,
                    body=f"SIP/2.0 {status}\r\n",
                    kind="message/sipfrag",
                )
            )
            await peer.expect(200)
        peer.ok(await peer.expect("BYE"))
        outcome = await referring
        assert (outcome.status.value, outcome.code) == ("accepted", 200)

    lab(scenario)


@pytest.mark.parametrize("code", ["403 Forbidden", "405 Method Not Allowed", "603 Decline"])
def test_refer_refused(lab: Any, code: str) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        await peer.call()
        await lab.until(lambda: lab.calls[0].state.value == "confirmed")
        referring = asyncio.ensure_future(lab.calls[0].refer("sip:agent@10.0.0.9"))
        peer.ok(await peer.expect("REFER"), code=code)
        outcome = await referring
        assert (outcome.status.value, outcome.code) == ("rejected", int(code[:3]))
        assert lab.calls[0].end is None

    lab(scenario)


def test_refer_in_is_declined(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call()
        peer.send(peer.request("REFER", "Refer-To: <sip:x@y>", cseq=2, to_tag=answer.to_tag))
        await peer.expect(603)

    lab(scenario)


def test_refer_in_when_wanted(lab: Any) -> None:
    """RFC 3515 2.4.4: 202, a NOTIFY with 100 at once, and a last one with the outcome."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        answer = await peer.call()
        replaces = "Replaces=abc%40x%3Bto-tag%3D1%3Bfrom-tag%3D2"
        peer.send(peer.request("REFER", f"Refer-To: <sip:x@y?{replaces}>", cseq=2, to_tag=answer.to_tag))
        await peer.expect(202)
        trying = await peer.expect("NOTIFY")
        assert (trying.body, trying["Event"]) == ("SIP/2.0 100 Trying\r\n", "refer;id=2")
        peer.ok(trying)
        lab.calls[0].notify(486)
        last = await peer.expect("NOTIFY")
        assert last.body == "SIP/2.0 486 Busy Here\r\n"
        assert last["Subscription-State"] == "terminated;reason=noresource"
        peer.ok(last)

    lab(scenario, accept_refer=True)


def test_invite_that_replaces_a_call(lab: Any) -> None:
    """RFC 3891: the new call takes the place of the named one, which gets BYE; an unknown one gets 481."""

    async def scenario(lab: Any) -> None:
        first, second, third = await lab.peer(), await lab.peer(), await lab.peer()
        answer = await first.call()
        await second.call(f"Replaces: {first.call_id};to-tag={answer.to_tag};from-tag={first.tag}")
        bye = await first.expect("BYE")
        first.ok(bye)
        assert lab.calls[1].replaces
        third.send(third.invite(f"Replaces: {first.call_id};to-tag=nobody;from-tag={first.tag}"))
        await third.expect(481)

    lab(scenario)


def test_bye_before_the_ack_waits_for_it(lab: Any) -> None:
    """RFC 3261 15: the called side sends no BYE before the ACK."""

    async def driver(call: SipCall) -> None:
        answering = asyncio.ensure_future(call.answer(LOCAL))
        await asyncio.sleep(0)
        await call.bye("changed my mind")
        await asyncio.gather(answering, return_exceptions=True)

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite())
        answer = await peer.expect(200)
        peer.ack(answer)
        bye = await peer.expect("BYE")
        assert bye["Reason"] == 'SIP;cause=200;text="changed my mind"'
        peer.ok(bye)

    lab(scenario, driver)


def test_driver_that_fails_hangs_up(lab: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def driver(call: SipCall) -> None:
        raise RuntimeError("broken driver")

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite())
        await peer.expect(500)

    lab(scenario, driver)
    assert "the driver of call" in caplog.text


def test_driver_that_returns_hangs_up(lab: Any) -> None:
    async def driver(call: SipCall) -> None:
        call.ring()

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite())
        await peer.expect(603)

    lab(scenario, driver)


def test_stop_refuses_what_rings(lab: Any) -> None:
    """503, so that a proxy tries another node."""

    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        peer.send(peer.invite())
        await peer.expect(180)
        await lab.endpoint.stop(goodbye_s=0)
        await peer.expect(503)

    lab(scenario, stay_ringing)


def test_events_end_with_ended(lab: Any) -> None:
    async def scenario(lab: Any) -> None:
        peer = await lab.peer()
        await peer.call()
        await lab.until(lambda: lab.calls[0].state.value == "confirmed")
        await lab.calls[0].bye()
        peer.ok(await peer.expect("BYE"))
        ended = await next_of(lab.calls[0], Ended)
        assert ended.cause is EndCause.LOCAL_BYE

    lab(scenario)
