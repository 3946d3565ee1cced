"""Registration at a registrar (RFC 3261 section 10), kept alive with back-off."""

from __future__ import annotations

from ivr.transport.sip.auth import Credentials
from ivr.transport.sip.core import Core, Exchange
from ivr.transport.sip.dialog import next_hop
from ivr.transport.sip.events import RegistrationChanged
from ivr.transport.sip.message import Response, new_request
from ivr.transport.sip.uri import parse_name_addrs

FIRST_BACKOFF_S = 5.0
LONGEST_BACKOFF_S = 600.0


class Registration:
    """Binds our Contact to an address of record; refreshed at a random point from 0.5 to 0.9 of what was granted."""

    def __init__(self, core: Core, registrar: str, aor: str, credentials: Credentials, expires: int) -> None:
        self._core = core
        self._registrar = registrar
        self._aor = aor
        self._credentials = credentials
        self._expires = expires
        self._call_id = core.new_token(32)
        self._cseq = 0
        self._backoff = FIRST_BACKOFF_S
        self._stopped = False
        self.registered = False
        self._send(expires)

    def stop(self) -> None:
        """Unregister."""
        if not self._stopped:
            self._stopped = True
            self._core.timers.stop(self, "refresh")
            self._send(0)

    def on_timer(self, name: str) -> None:
        self._send(self._expires)

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def _send(self, expires: int) -> None:
        core = self._core
        request = new_request(
            "REGISTER", self._registrar, ("From", f"<{self._aor}>;tag={core.new_token(16)}"), ("To", f"<{self._aor}>"),
            ("Call-ID", self._call_id), ("CSeq", f"{self._next_cseq()} REGISTER"), ("Max-Forwards", "70"),
            ("Expires", str(expires)),
        )  # fmt: skip
        request.headers.set("Contact", core.contact(next_hop(request).transport))
        Exchange(core, request, self._on_response, credentials=self._credentials, next_cseq=self._next_cseq)

    def _on_response(self, response: Response) -> None:
        if response.code < 200:
            return
        if self._stopped:
            self._report(False, response.code, 0)
        elif response.code < 300:
            self._granted(response)
        elif response.code == 423 and self._raise(response):
            self._send(self._expires)
        else:
            self._failed(response)

    def _granted(self, response: Response) -> None:
        granted = self._granted_seconds(response)
        self._backoff = FIRST_BACKOFF_S
        self._report(True, response.code, granted)
        self._core.start_timer(self, "refresh", max(1.0, granted * (0.5 + 0.4 * self._core.random())))

    def _granted_seconds(self, response: Response) -> int:
        """Our Contact's `expires`, else the Expires header, else what we asked for."""
        ours = self._core.contact(response.via.transport).strip("<>")
        texts = [response.headers.get("Expires")]
        try:
            contacts = parse_name_addrs(response.headers.all("Contact"))
        except ValueError:
            contacts = []
        texts[:0] = [contact.params.get("expires") or "" for contact in contacts if contact.uri.text == ours]
        numbers = [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 10]
        return numbers[0] if numbers else self._expires

    def _raise(self, response: Response) -> bool:
        text = response.headers.get("Min-Expires")
        if not text.isdecimal() or int(text) <= self._expires or int(text) > 7 * 24 * 3600:
            return False
        self._expires = int(text)
        return True

    def _failed(self, response: Response) -> None:
        """Try again later: after Retry-After, else 5 s doubling to 10 min, each with up to half of it at random."""
        self._report(False, response.code, 0)
        asked = response.headers.get("Retry-After").split(";")[0].split("(")[0].strip()
        pause = (
            float(asked) if asked.isdecimal() and len(asked) < 6 else self._backoff * (1 + 0.5 * self._core.random())
        )
        self._backoff = min(self._backoff * 2, LONGEST_BACKOFF_S)
        self._core.start_timer(self, "refresh", max(1.0, pause))

    def _report(self, registered: bool, code: int, expires: int) -> None:
        self.registered = registered
        self._core.events.append(RegistrationChanged(self._aor, registered, code, expires))
