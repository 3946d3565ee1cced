"""Calls and chats from web pages, put together from the settings."""

from __future__ import annotations

from collections.abc import Callable

from ivr.config import Config
from ivr.console.visitors import Visitors
from ivr.desk.browser_phones import BrowserPhones
from ivr.service.browser_intake import BrowserIntake
from ivr.service.browser_settings import ice_settings, rtp_settings
from ivr.service.chat_intake import ChatIntake
from ivr.service.hotline import Hotline
from ivr.service.visitors import VisitorLimit, VisitorSettings


def visitors(
    config: Config, hotline: Hotline, phones: BrowserPhones, refuse: Callable[[], str], max_calls: int
) -> Visitors | None:
    """None where the operator wants none. `refuse` says why no call can be taken now."""
    section = config.browser
    if not section.enabled:
        return None
    limit = VisitorLimit(VisitorSettings(section.at_once, section.per_minute))

    def busy() -> str:
        """Calls that are being set up count as well."""
        if len(hotline.running) + calls.setting_up() >= max_calls:
            return f"{max_calls} calls are in progress (service.max_calls)"
        return refuse()

    calls = BrowserIntake(hotline, ice_settings(config), rtp_settings(config), busy, limit)
    chats = ChatIntake(hotline, phones, busy, limit, section.chat_gone_s) if section.chat else None
    return Visitors(calls, chats, section.public, section.stun)
