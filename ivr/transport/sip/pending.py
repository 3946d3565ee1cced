"""Responses that we repeat ourselves until the peer confirms them: 2xx to INVITE until ACK (RFC 3261 section 13.3.1.4)
and reliable provisional ones until PRACK (RFC 3262)."""

from __future__ import annotations

from collections.abc import Callable

from ivr.transport.sip.core import Core
from ivr.transport.sip.message import Request, Response
from ivr.transport.sip.transaction import ServerTransaction


class Repeated:
    """Sends `response` now and again after T1, 2 T1, ... until `confirm`; after 64 T1 it calls `on_lost`."""

    def __init__(
        self,
        core: Core,
        transaction: ServerTransaction,
        response: Response,
        on_lost: Callable[[], None],
        longest_gap: float,
    ) -> None:
        self._core = core
        self._transaction = transaction
        self._response = response
        self._on_lost = on_lost
        self._gap = core.timings.t1
        self._longest_gap = longest_gap
        transaction.respond(response)
        core.start_timer(self, "repeat", self._gap)
        core.start_timer(self, "lost", 64 * core.timings.t1)

    def confirm(self) -> None:
        """The peer has it."""
        self._core.timers.stop(self, "repeat", "lost")

    def on_timer(self, name: str) -> None:
        if name == "lost":
            self.confirm()
            self._on_lost()
            return
        self._transaction.respond(self._response)
        self._gap = min(self._gap * 2, self._longest_gap)
        self._core.start_timer(self, "repeat", self._gap)


class UnackedAnswers:
    """The 2xx responses of a call that wait for their ACK, by CSeq."""

    def __init__(self, core: Core, on_lost: Callable[[], None]) -> None:
        self._core = core
        self._on_lost = on_lost
        self._waiting: dict[int, Repeated] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def send(self, transaction: ServerTransaction, response: Response) -> None:
        number = transaction.request.cseq.number
        self._waiting[number] = Repeated(
            self._core, transaction, response, self._on_lost, self._core.timings.t2
        )  # over TCP too: a proxy may hop to UDP

    def acked(self, ack: Request) -> bool:
        """True for the first ACK of an answer."""
        waiting = self._waiting.pop(ack.cseq.number, None)
        if waiting is None:
            return False
        waiting.confirm()
        return True

    def stop(self) -> None:
        for waiting in self._waiting.values():
            waiting.confirm()
        self._waiting.clear()


class ReliableProvisionals:
    """RFC 3262 for a call whose INVITE requires 100rel. One at a time is out; the next waits for its PRACK."""

    def __init__(self, core: Core, transaction: ServerTransaction, on_lost: Callable[[], None]) -> None:
        self._core = core
        self._transaction = transaction
        self._on_lost = on_lost
        self._sequence = 1 + int(core.random() * 100_000)
        self._out: Repeated | None = None
        self._queue: list[Response] = []
        self.on_idle: Callable[[], None] | None = None

    @property
    def busy(self) -> bool:
        return self._out is not None

    def send(self, response: Response) -> None:
        if self._out is not None:
            self._queue.append(response)
            return
        self._sequence += 1
        response.headers.set("Require", "100rel")
        response.headers.set("RSeq", str(self._sequence))
        self._out = Repeated(self._core, self._transaction, response, self._on_lost, float("inf"))

    def prack(self, request: Request) -> bool:
        """True if the PRACK names the response that is out."""
        rack = request.headers.get("RAck").split()
        invite = self._transaction.request.cseq
        if self._out is None or rack != [str(self._sequence), str(invite.number), "INVITE"]:
            return False
        self._out.confirm()
        self._out = None
        if self._queue:
            self.send(self._queue.pop(0))
        elif self.on_idle is not None:
            self.on_idle()
        return True

    def stop(self) -> None:
        if self._out is not None:
            self._out.confirm()
        self._out = None
        self._queue.clear()
