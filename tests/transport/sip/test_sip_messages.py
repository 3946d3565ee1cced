# ruff: noqa: E501, UP012  # torture messages are long, and bytes by nature
"""Reading and writing messages. The torture messages are our own, written after the text of RFC 4475."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.transport.sip.framing import PING, FramingError, StreamFramer
from ivr.transport.sip.message import MalformedMessage, Request, Response, new_request, new_response, parse_message
from ivr.transport.sip.uri import (
    escape_header,
    parse_name_addr,
    parse_params,
    parse_uri,
    parse_via,
    quote_string,
    split_quoted,
    unquote_string,
)

CORE = (
    "Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw\r\nFrom: <sip:caller@example.net>;tag=1\r\n"
    "To: <sip:user@example.com>\r\nCall-ID: torture@192.0.2.15\r\nMax-Forwards: 70\r\n"
)


def message(start: str, *lines: str, core: str = CORE, cseq: str = "9 OPTIONS", body: str = "") -> bytes:
    return f"{start}\r\n{core}CSeq: {cseq}\r\n{''.join(line + chr(13) + chr(10) for line in lines)}\r\n{body}".encode()


def options(*lines: str, **parts: str) -> bytes:
    return message("OPTIONS sip:user@example.com SIP/2.0", *lines, **parts)


VALID = {
    # RFC 4475 section 3.1.1.1: folding, odd blanks and case, unknown headers, escaped quotes in names
    "wsinv": (
        "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
        'TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\nfrom   : "J Rosenberg \\\\\\""'
        "       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\nMaX-fOrWaRdS: 0068\r\n"
        "Call-ID: wsinv.ndaksdj@192.0.2.1\r\nContent-Length   : 4\r\ncseq: 0009\r\n  INVITE\r\n"
        "Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\ns :\r\n"
        "NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
        "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\nContent-Type: application/sdp\r\n"
        "Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
        "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP"
        "  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
        'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33'
        "\r\n\r\nv=0\n"
    ).encode(),
    # 3.1.1.2: every character a method, a user part and a header name may have
    "intmeth": message(
        "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
        ":&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0",
        "extensionHeader-!.%*+_`'~: \ufeff\u5927\u505c\u96fb", cseq="139122385 !interesting-Method0123456789_*+`.%indeed'~",
    ),
    # 3.1.1.3, 3.1.1.4: escapes are kept, %00 too
    "esc01": message(
        "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0", "Contact: <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>",
        cseq="234234 INVITE",
    ),
    "escnull": message("REGISTER sip:example.com SIP/2.0", "Contact: <sip:%00@host5.example.com>, <sip:%00%00@host5.example.com>", cseq="14398234 REGISTER"),
    # 3.1.1.5: an escape where none is decoded
    "esc02": message("RE%47IST%45R sip:registrar.example.com SIP/2.0", 'Contact: "%Za" <sip:resource@192.0.2.2>', cseq="29344 RE%47IST%45R"),
    # 3.1.1.6: no blank between name and bracket
    "lwsdisp": options(core=CORE.replace("From: <", "From: caller<")),
    # 3.1.1.7: long values
    "longreq": message(
        f"INVITE sip:{'a' * 300}@example.com SIP/2.0", "Record-Route: " + ", ".join(["<sip:p.example.com;lr>"] * 60),
        f"Unknown-{'Long' * 20}-Name: {'unknown-' * 100}", cseq="3882340 INVITE",
    ),
    # 3.1.1.8: bytes after the body
    "dblreq": message("REGISTER sip:example.com SIP/2.0", "Content-Length: 0", cseq="8 REGISTER", body="INVITE sip:joe@example.com SIP/2.0\r\n"),
    # 3.1.1.9, 3.1.1.10: a semicolon in the user part; an unknown transport parameter
    "semiuri": message("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0", core=CORE),
    "transports": options("v: SIP/2.0/SCTP t2.example.com;branch=z9hG4bK.2, SIP/2.0/UNKNOWN t5.example.com;branch=z9hG4bK.5"),
    # 3.1.1.12: odd reason phrases
    "unreason": message("SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e \u0434\u0435\u0432\u044f\u043d\u043e\u0441\u0442\u043e", cseq="35 INVITE"),
    "noreason": message("SIP/2.0 100 ", cseq="35 INVITE"),
    # 3.1.2.1: superfluous separators after the parameters are let pass, as the text allows
    "badinv01": options(core=CORE.replace("branch=z9hG4bKkdjuw", "branch=z9hG4bKkdjuw;;,;,,")),
    # found in the field
    "underscore host": options(core=CORE.replace("192.0.2.15;", "pbx_1;")),
    "bare IPv6 in received": options(core=CORE.replace("192.0.2.15;", "[2001:db8::1]:5060;received=2001:db8::9;")),
    "parameter named self": options(core=CORE.replace(";tag=1", ";tag=1;self=1;cls=2")),
    "UTF-8 name without quotes": options(core=CORE.replace("From: <", "From: J\u00fcrgen M\u00fcller <")),
}  # fmt: skip

INVALID = {
    # 3.1.2.2: Content-Length over the bytes that came
    "clerr": options("Content-Length: 9999", body="v=0\r\n"),
    # 3.1.2.3
    "ncl": options("Content-Length: -999"),
    # 3.1.2.4: numbers out of range
    "scalar02": message("REGISTER sip:example.com SIP/2.0", cseq="36893488147419103232 REGISTER"),
    # 3.1.2.5: numbers out of range in a response
    "scalarlg": message("SIP/2.0 503 Service Unavailable", cseq="9292394834772304023312 OPTIONS"),
    # 3.1.2.6: unterminated quoted string
    "quotbal": options(core=CORE.replace("To: <sip:user@example.com>", 'To: "Mr. J. User <sip:j.user@example.com>')),
    # 3.1.2.7 to 3.1.2.9: brackets around or blanks in the request line's URI
    "ltgtruri": message("OPTIONS <sip:user@example.com> SIP/2.0"),
    "lwsruri": message("OPTIONS sip:user@example.com; lr SIP/2.0"),
    "lwsstart": message("OPTIONS  sip:user@example.com  SIP/2.0"),
    # 3.1.2.10: blanks after the version
    "trws": message("OPTIONS sip:remote-target@example.com SIP/2.0  "),
    # 3.1.2.16: unknown version
    "badvers": message("OPTIONS sip:t.watson@example.org SIP/7.0"),
    # 3.1.2.17, 3.1.2.18: methods differ
    "mismatch01": options(cseq="8 INVITE"),
    # 3.1.2.19: status out of range
    "bigcode": message("SIP/2.0 4294967301 better not break the receiver"),
    # 3.3.1: a core header is missing; 3.3.8: two of them
    "insuf": b"INVITE sip:user@example.com SIP/2.0\r\nCSeq: 193942 INVITE\r\nVia: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj\r\n\r\n",
    "multi01": options("From: <sip:other@example.com>;tag=2"),
    "mcl01": options("Content-Length: 5", "Content-Length: 15", body="v=0\r\n"),
    "not UTF-8": options("Subject: x").replace(b"Subject: x", b"Subject: \xff\xfe"),
    "null": options("Subject: a\0b"),
    "bare line feed": options("Subject: a\nVia: b"),
    "no colon": options("nonsense"),
    "port": message("OPTIONS sip:user@example.com:99999 SIP/2.0"),
}  # fmt: skip


@pytest.mark.parametrize("name", VALID)
def test_valid_torture(name: str) -> None:
    parsed = parse_message(VALID[name])
    again = parse_message(bytes(parsed))
    assert (again.headers.all("Via"), again.call_id, again.cseq) == (
        parsed.headers.all("Via"),
        parsed.call_id,
        parsed.cseq,
    )
    assert again.body == parsed.body


def test_what_the_hardest_message_says() -> None:
    parsed = parse_message(VALID["wsinv"])
    assert isinstance(parsed, Request)
    assert (parsed.from_.name, parsed.from_.tag) == ('J Rosenberg \\"', "98asjd8")
    assert (parsed.to.tag, parsed.cseq, parsed.body) == ("1918181833n", (9, "INVITE"), b"v=0\n")
    assert (parsed.via.transport, parsed.via.host, parsed.via.branch) == ("UDP", "192.0.2.2", "390skdjuw")
    assert parsed.contact is not None
    assert parsed.contact.user == "jdrosen"
    assert parsed.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"


@pytest.mark.parametrize("name", INVALID)
def test_invalid_torture(name: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_message(INVALID[name])
    reply = caught.value.reply
    if INVALID[name].startswith(b"SIP/2.0"):
        assert reply is None
    else:
        assert reply is not None
        assert reply.code == (505 if name == "badvers" or name == "trws" else 400)
        assert b"\r\n\r\n" in bytes(reply)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (options("Content-Length: 10", body="abc"), "Content-Length 10 but only 3 bytes of body"),
        (options("Content-Length: -1"), "Content-Length '-1' is not a length"),
        (options(cseq="8 INVITE"), "CSeq method INVITE differs from request method OPTIONS"),
        (options("To: <sip:b@c>"), "header To is repeated"),
        (options(core=CORE.replace("Call-ID: torture@192.0.2.15\r\n", "")), "header Call-ID is missing or empty"),
        (options("x y: 1"), "not a header line: 'x y: 1'"),
        (options("Max-Forwards: x", core=CORE.replace("Max-Forwards: 70\r\n", "")), "Max-Forwards is not a number"),
        (b"OPTIONS sip:a@b SIP/2.0", "no empty line after the headers"),
        (b"a: b\r\n" * 600 + b"\r\n", "600 header lines are over the limit of 512"),
        (b"x" * 70_000 + b"\r\n\r\n", "message of 70004 bytes is over the limit"),
        (options(cseq="2147483648 OPTIONS"), "not a CSeq: '2147483648 OPTIONS'"),
        (message("OPTIONS sip: SIP/2.0"), "not a URI: 'sip:'"),
        (message("SIP/2.0 099 x"), "status code 99 out of range"),
    ],
)
def test_reasons(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_message(data)
    assert str(caught.value) == reason


def test_ack_gets_no_reply() -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_message(message("ACK sip:a@b SIP/2.0", "Content-Length: 7", cseq="9 ACK"))
    assert caught.value.reply is None


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse_message(data)
    except MalformedMessage as error:
        if error.reply is not None:
            bytes(error.reply)


@settings(max_examples=500)
@given(st.sampled_from(sorted(VALID)), st.integers(0, 2000), st.integers(0, 12), st.binary(max_size=12))
def test_any_damage_is_read_or_refused(name: str, at: int, gap: int, junk: bytes) -> None:
    data = VALID[name]
    at %= len(data)
    try:
        bytes(parse_message(data[:at] + junk + data[at + gap :]))
    except MalformedMessage as error:
        if error.reply is not None:
            bytes(error.reply)


@pytest.mark.parametrize("name", ["wsinv", "longreq", "esc01"])
def test_every_truncation(name: str) -> None:
    data = VALID[name]
    for length in range(data.find(b"\r\n\r\n") + 4):
        with pytest.raises(MalformedMessage):
            parse_message(data[:length])


TEXT = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), min_size=1, max_size=30).map(str.strip).filter(bool)
NAME = st.from_regex(r"X-[A-Za-z0-9-]{1,20}", fullmatch=True)


@settings(max_examples=200)
@given(st.lists(st.tuples(NAME, TEXT), max_size=6), st.binary(max_size=200), st.integers(100, 699), TEXT)
def test_what_is_written_is_read(fields: list[tuple[str, str]], body: bytes, code: int, phrase: str) -> None:
    base = [line.split(": ", 1) for line in CORE.strip().split("\r\n")]
    core = [(name, value) for name, value in base]
    request = new_request("MESSAGE", "sip:a@b;x=y", *core, ("CSeq", "7 MESSAGE"), *fields, body=body)
    read = parse_message(bytes(request))
    assert isinstance(read, Request)
    read.headers.set("Content-Length")
    assert (read.method, read.uri, read.headers, read.body) == ("MESSAGE", "sip:a@b;x=y", request.headers, body)
    response = new_response(request, code, phrase, *fields, tag="t")
    again = parse_message(bytes(response))
    assert isinstance(again, Response)
    again.headers.set("Content-Length")
    assert (again.code, again.phrase, again.headers) == (code, phrase, response.headers)


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_address_readers_raise_value_error_only(text: str) -> None:
    for reader in (parse_uri, parse_name_addr, parse_via, parse_params):
        with contextlib.suppress(ValueError):
            reader(text)


@given(TEXT)
def test_quoting_round_trips(text: str) -> None:
    quoted = quote_string(text)
    assert unquote_string(quoted) == text
    assert split_quoted(f"{quoted}, b", ",") == [quoted, "b"]
    assert parse_name_addr(f"{quoted} <sip:a@b>").name == text
    assert parse_uri(f"sip:a@b?Replaces={escape_header(text)}").headers == {"replaces": text}


@pytest.mark.parametrize(
    "hostile",
    [
        "a=" + '"' * 40_000, ";a=\"x\"" * 9_000, "<" * 60_000, "sip:" + "a" * 60_000 + "@", "sip:" + "a-" * 30_000,
        ";" * 60_000, '"' + "\\" * 60_000, "a;" * 30_000 + "<sip:x>", " " * 60_000 + "x", "sip:a@b" + ";x=" * 20_000 + "\0",
    ],
)  # fmt: skip
def test_hostile_values_take_linear_time(hostile: str) -> None:
    began = time.process_time()
    for core in (CORE.replace("<sip:caller@example.net>;tag=1", hostile), CORE.replace("192.0.2.15;branch", hostile)):
        with contextlib.suppress(MalformedMessage):
            parse_message(options(core=core))
    assert time.process_time() - began < 0.5


def test_names_and_numbers() -> None:
    assert parse_uri("sip:+49-30.(123)45;phone-context=x@gw").number == "+493012345"
    assert parse_uri("SIP:Bob@Example.COM;Transport=TCP").transport == "TCP"
    assert parse_uri("sips:a@b").transport == "TLS"
    assert parse_uri("tel:+1-201-555-0123").number == "+12015550123"
    assert parse_uri("urn:service:sos").host == ""
    address = parse_name_addr('"A, \\"B\\" <x>" <sip:a@b;lr?X=1>;tag=7;p="q;r"')
    assert (address.name, address.tag, address.params["p"]) == ('A, "B" <x>', "7", "q;r")
    assert (address.uri.text, address.uri.headers) == ("sip:a@b;lr", {"x": "1"})
    assert parse_name_addr("sip:a@b;tag=1").params == {"tag": "1"}


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(0, 3))
def test_framing_over_any_segments(cuts: list[int], pings: int) -> None:
    messages = [
        options("Content-Length: 5", body="a\r\n\r\n"),
        options("l: 0"),
        options("CONTENT-LENGTH : 3", body="xyz"),
    ]
    stream = (PING * pings).join([b"", *messages])
    framer, found, at = StreamFramer(), list[bytes](), 0
    for cut in [*cuts, len(stream)]:
        found += framer.feed(stream[at : at + cut])
        at += cut
    found += framer.feed(stream[at:])
    assert [part for part in found if part != PING] == messages
    assert found.count(PING) == pings * 3


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"x" * 70_000, "no end of headers in 70000 bytes"),
        (b"a\r\nContent-Length: -5\r\n\r\n", "Content-Length b'-5' is not a length"),
        (b"a\r\nContent-Length: 5\r\nl: 6\r\n\r\n", None),
        (b"a\r\nContent-Length: 300000\r\n\r\n", "message of 300025 bytes is over the limit of 262144"),
    ],
)
def test_framing_errors(data: bytes, reason: str | None) -> None:
    with pytest.raises(FramingError) as caught:
        StreamFramer().feed(data)
    assert reason is None or str(caught.value) == reason


def test_messages_are_read_fast() -> None:
    """A budget, not a benchmark: well under 1 ms a message on any machine that can take calls."""
    data = VALID["wsinv"]
    began = time.process_time()
    for _ in range(200):
        parse_message(data)
    assert (time.process_time() - began) / 200 < 0.005
