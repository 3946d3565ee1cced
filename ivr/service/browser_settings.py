"""What the settings say of browsers, for those who take calls of them and from them."""

from __future__ import annotations

from ivr.config import Config
from ivr.desk.browser_phones import BrowserPhones
from ivr.transport.rtp.leg import RtpSettings
from ivr.transport.webrtc.config import IceSettings


def ice_settings(config: Config) -> IceSettings:
    section = config.browser
    return IceSettings(section.addresses, section.stun, section.turn, section.turn_user, section.turn_password)


def rtp_settings(config: Config) -> RtpSettings:
    """A browser sends all the time, muted or not: its silence says sooner than a telephone's that it is gone."""
    return RtpSettings(first_packet_s=config.rtp.first_packet_s, silence_s=config.browser.lost_after_s)


def browser_phones(config: Config) -> BrowserPhones:
    return BrowserPhones(ice_settings(config), rtp_settings(config))
