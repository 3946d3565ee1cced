"""Where messages go."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from ivr.errors import ConfigError
from ivr.webhook.signature import read_secret

EventName: TypeAlias = Literal["call.handed_over", "call.ended", "ticket.created", "ticket.changed"]
EVENTS: tuple[str, ...] = get_args(EventName)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EndpointSettings(_Section):
    """Someone who listens."""

    url: str = Field(description="https://crm.example/hooks/ivr; http only to hosts named in `private`.")
    secret: str = Field(
        repr=False, description="`whsec_` and 24 to 64 bytes in base64, or `env:NAME` of the variable that has it."
    )
    events: tuple[EventName, ...] = Field(default=(), description="Only these; empty = all.")


class WebhookConfig(_Section):
    """Messages to other systems."""

    endpoints: dict[str, EndpointSettings] = Field(default_factory=dict, description="By a name of your own.")
    hosts: tuple[str, ...] = Field(default=(), description="Hosts that messages may go to; no other is ever asked.")
    private: tuple[str, ...] = Field(
        default=(), description="Those of them that may have private or loopback addresses, and may speak plain http."
    )
    timeout_s: float = Field(default=10.0, gt=0, le=60, description="A receiver has to answer within (s).")
    keep_trying_h: float = Field(default=24.0, gt=0, le=240, description="After so many hours a message is given up.")


class Endpoint:
    """An endpoint that was checked. Raises ConfigError that names it."""

    def __init__(self, name: str, settings: EndpointSettings, config: WebhookConfig, env: Mapping[str, str]) -> None:
        where = f"webhooks.endpoints.{name}"
        self.name, self.url, self.events = name, settings.url, settings.events or EVENTS
        try:
            parts = urlsplit(settings.url)
            self.host, self.port = (parts.hostname or "").lower(), parts.port
        except ValueError as error:
            raise ConfigError(f"{where}.url: {error}") from None
        if parts.scheme not in ("https", "http") or not self.host:
            raise ConfigError(f"{where}.url: {settings.url[:80]!r} is no https:// address")
        if parts.username or parts.password:
            raise ConfigError(f"{where}.url: no user or password in the address: messages are signed instead")
        if self.host not in {host.lower() for host in config.hosts}:
            raise ConfigError(f"{where}.url: {self.host!r} is not among webhooks.hosts ({', '.join(config.hosts)})")
        self.private = self.host in {host.lower() for host in config.private}
        if parts.scheme == "http" and not self.private:
            raise ConfigError(f"{where}.url: http is only for hosts named in webhooks.private; use https")
        secret = settings.secret
        if secret.startswith("env:"):
            secret = env.get(secret[4:], "")
            if not secret:
                raise ConfigError(f"{where}.secret: the environment has no {settings.secret[4:]!r}")
        try:
            self.key = read_secret(secret)
        except ValueError as error:
            raise ConfigError(f"{where}.secret: {error}") from None


def endpoints(config: WebhookConfig, env: Mapping[str, str] | None = None) -> dict[str, Endpoint]:
    """Raises ConfigError."""
    given = os.environ if env is None else env
    return {name: Endpoint(name, settings, config, given) for name, settings in config.endpoints.items()}
