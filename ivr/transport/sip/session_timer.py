"""Session timers (RFC 4028): a call whose refresh stays away is ended, so that a lost BYE cannot keep it for ever."""

from __future__ import annotations

from collections.abc import Callable

from ivr.transport.sip.core import Core
from ivr.transport.sip.message import Request, Response, new_response
from ivr.transport.sip.uri import parse_params

ABSOLUTE_MIN_SE = 90
MAX_INTERVAL = 7 * 24 * 3600


def parse_session_expires(message: Request | Response) -> tuple[int, str] | None:
    """Interval (s) and refresher (`uac`, `uas` or empty); None without a readable header."""
    interval, semicolon, params = message.headers.get("Session-Expires").partition(";")
    interval = interval.strip()
    if not (interval.isascii() and interval.isdecimal()):
        return None
    try:
        refresher = (parse_params(semicolon + params).get("refresher") or "").lower()
    except ValueError:
        refresher = ""
    return min(int(interval[:9]), MAX_INTERVAL), refresher if refresher in ("uac", "uas") else ""


def parse_min_se(message: Request | Response) -> int:
    text = message.headers.get("Min-SE").split(";")[0].strip()
    return (
        max(ABSOLUTE_MIN_SE, min(int(text), MAX_INTERVAL)) if text.isascii() and text.isdecimal() else ABSOLUTE_MIN_SE
    )


class SessionTimer:
    """One call's interval, its refresher and two deadlines. `refresh` sends our refresh, `expire` ends the call."""

    def __init__(self, core: Core, refresh: Callable[[], None], expire: Callable[[], None]) -> None:
        self._core = core
        self._refresh = refresh
        self._expire = expire
        self.interval = 0
        """The agreed interval (s), 0 while none is agreed."""
        self.we_refresh = False
        self._wanted = core.settings.session_expires
        self._min_se = ABSOLUTE_MIN_SE

    def too_small(self, request: Request) -> Response | None:
        """The 422 for an interval below our minimum (section 9)."""
        asked = parse_session_expires(request)
        minimum = self._core.settings.min_se
        if asked is None or asked[0] >= minimum or "timer" not in request.headers.tags("Supported"):
            return None
        return new_response(request, 422, "", ("Min-SE", str(minimum)))

    def answer(self, request: Request) -> list[tuple[str, str]]:
        """Agree as UAS and start; the headers for the 2xx (section 9 with its table)."""
        asked = parse_session_expires(request)
        peer_can = "timer" in request.headers.tags("Supported")
        if asked is None:
            if not peer_can or not self._core.settings.session_expires:
                self._start(0, we_refresh=False)
                return []
            interval, refresher = max(self._core.settings.session_expires, parse_min_se(request)), "uac"
        else:
            interval, refresher = max(asked[0], ABSOLUTE_MIN_SE), asked[1]
        refresher = (refresher or "uac") if peer_can else "uas"
        self._start(interval, we_refresh=refresher == "uas")
        headers = [("Session-Expires", f"{interval};refresher={refresher}")]
        return [("Require", "timer"), *headers] if refresher == "uac" else headers

    def offer(self) -> list[tuple[str, str]]:
        """Headers for our INVITE, re-INVITE or UPDATE (section 7)."""
        headers = [("Supported", "timer, replaces")]
        interval = self.interval or self._wanted
        if not interval:
            return headers
        refresher = f";refresher={'uac' if self.we_refresh else 'uas'}" if self.interval else ""
        headers.append(("Session-Expires", f"{interval}{refresher}"))
        return [*headers, ("Min-SE", str(self._min_se))]

    def raise_to(self, response: Response) -> None:
        """A 422 named a minimum: ask for no less from now on."""
        self._min_se = max(self._min_se, parse_min_se(response))
        self._wanted = max(self._wanted, self._min_se)
        if self.interval:
            self.interval = max(self.interval, self._min_se)

    def agreed(self, response: Response) -> None:
        """The 2xx to our request decides (section 7.2); without the header there is no timer."""
        granted = parse_session_expires(response)
        if granted is None:
            self._start(0, we_refresh=False)
        else:
            self._start(max(granted[0], ABSOLUTE_MIN_SE), we_refresh=granted[1] != "uas")

    def stop(self) -> None:
        self._core.timers.stop(self, "refresh", "expire")

    def on_timer(self, name: str) -> None:
        if name == "refresh":
            self._refresh()
        else:
            self._expire()

    def _start(self, interval: int, *, we_refresh: bool) -> None:
        self.stop()
        self.interval, self.we_refresh = interval, we_refresh
        if not interval:
            return
        if we_refresh:
            self._core.start_timer(self, "refresh", interval / 2)
        # Section 10: BYE a little before the end, so that both sides agree on who noticed.
        self._core.start_timer(self, "expire", interval - min(32.0, interval / 3))
