"""Dialogs (RFC 3261 section 12): who talks to whom, over which route, with which sequence numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from ivr.transport.sip.message import Peer, Request, Response, new_request
from ivr.transport.sip.uri import Uri, parse_name_addrs, parse_uri

DEFAULT_PORTS = {"UDP": 5060, "TCP": 5060, "TLS": 5061}


@dataclass(eq=False)
class Dialog:
    """`local` and `remote` are whole From/To values with their tags. The route set is fixed at creation."""

    call_id: str
    local: str
    remote: str
    local_tag: str
    remote_tag: str
    target: str
    """The peer's Contact URI, where requests go."""
    routes: tuple[str, ...] = ()
    local_cseq: int = 0
    remote_cseq: int | None = None
    flow: Peer | None = field(default=None)
    """The connection the dialog was set up over, used again for requests when no proxy stands between."""

    @classmethod
    def of_server(cls, request: Request, local_tag: str, source: Peer) -> Dialog:
        """The dialog that a received INVITE makes (section 12.1.1)."""
        contact = request.contact
        return cls(
            call_id=request.call_id,
            local=_with_tag(request.headers.get("To"), local_tag),
            remote=request.headers.get("From"),
            local_tag=local_tag,
            remote_tag=request.from_.tag,
            target=contact.text if contact else request.from_.uri.text,
            routes=tuple(route.text for route in parse_name_addrs(request.headers.all("Record-Route"))),
            remote_cseq=request.cseq.number,
            flow=source,
        )

    @classmethod
    def of_client(cls, request: Request, response: Response, peer: Peer) -> Dialog:
        """The dialog that a response with a To tag makes (section 12.1.2): the route set is reversed."""
        contact = response.contact
        routes = parse_name_addrs(response.headers.all("Record-Route"))
        return cls(
            call_id=request.call_id,
            local=request.headers.get("From"),
            remote=response.headers.get("To"),
            local_tag=request.from_.tag,
            remote_tag=response.to.tag,
            target=contact.text if contact else request.uri,
            routes=tuple(route.text for route in reversed(routes)),
            local_cseq=request.cseq.number,
            flow=peer,
        )

    def accepts(self, message: Request | Response) -> bool:
        """Whether the peer's tag is this dialog's."""
        tag = message.from_.tag if isinstance(message, Request) else message.to.tag
        return tag == self.remote_tag

    def in_order(self, request: Request) -> bool:
        """Note the request's CSeq; False when it is older than one seen before (section 12.2.2)."""
        number = request.cseq.number
        if self.remote_cseq is not None and number <= self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def refresh_target(self, message: Request | Response) -> None:
        """A re-INVITE or UPDATE, or its 2xx, moves the peer's Contact (section 12.2)."""
        if message.contact is not None:
            self.target = message.contact.text

    def next_cseq(self) -> int:
        self.local_cseq += 1
        return self.local_cseq

    def request(self, method: str, *headers: tuple[str, str], cseq: int = 0, body: bytes = b"") -> Request:
        """A request inside this dialog, by section 12.2.1.1; ACK and CANCEL give the `cseq` they belong to."""
        uri, routes = self._uri_and_routes()
        request = new_request(method, uri, body=body)
        request.headers.set("Route", *routes)
        request.headers.set("From", self.local)
        request.headers.set("To", self.remote)
        request.headers.set("Call-ID", self.call_id)
        request.headers.set("CSeq", f"{cseq or self.next_cseq()} {method}")
        request.headers.set("Max-Forwards", "70")
        for name, value in headers:
            request.headers.add(name, value)
        return request

    def _uri_and_routes(self) -> tuple[str, list[str]]:
        if not self.routes:
            return self.target, []
        first = parse_name_addrs([self.routes[0]])[0].uri
        if "lr" in first.params:
            return self.target, list(self.routes)
        # A strict router (RFC 2543) wants its own URI in the request line.
        return first.text, [*self.routes[1:], f"<{self.target}>"]


def next_hop(request: Request) -> Peer:
    """Where a request goes: its first route, else its URI (RFC 3261 section 8.1.2, RFC 3263 without DNS records)."""
    routes = parse_name_addrs(request.headers.all("Route")[:1])
    uri = routes[0].uri if routes and "lr" in routes[0].uri.params else parse_uri(request.uri)
    return peer_of(uri)


def peer_of(uri: Uri) -> Peer:
    transport = uri.transport if uri.transport in DEFAULT_PORTS else "UDP"
    return Peer(transport, uri.host, uri.port or DEFAULT_PORTS[transport])


def _with_tag(value: str, tag: str) -> str:
    return value if parse_name_addrs([value])[0].tag else f"{value};tag={tag}"
