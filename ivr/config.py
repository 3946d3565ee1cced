"""Settings of the service: defaults < configuration file (TOML) < environment < flags.

A setting `port` of section `[sip]` is `IVR_SIP_PORT` in the environment. Each has its reason beside it;
`docs/configuration.md` is made from here.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ivr.desk.config import DeskConfig
from ivr.errors import ConfigError
from ivr.store.config import RetentionConfig, StoreConfig
from ivr.telemetry.config import TelemetryConfig
from ivr.webhook.config import WebhookConfig


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceConfig(_Section):
    """What is served, and where its files go."""

    hotline: str = Field(default="dialogs/payments", description="Folder of the hotline that answers.")
    bundles: str = Field(
        default="",
        description="Folder of built bundles: its active one answers, instead of `hotline` (docs/bundles.md).",
    )
    watch: bool = Field(
        default=True, description="Follow changes of the hotline's folder, or of the active bundle, while calls go on."
    )
    data: str = Field(default="data", description="Folder for recordings, journals, the database and the prompt cache.")
    languages: dict[str, str] = Field(
        default_factory=dict,
        description='Language by number called, `{"8001" = "zh"}`; others begin in the hotline\'s first language.',
    )
    record: bool = Field(default=True, description="Keep each call's stereo recording.")
    max_calls: int = Field(default=40, ge=1, description="Calls at once; one more hears 503 and Retry-After.")
    max_backlog_ms: int = Field(
        default=1500, ge=100, description="Age of waiting recognition work above which new calls are refused (ms)."
    )
    drain_s: int = Field(default=120, ge=0, description="After SIGTERM calls in progress may go on so long (s).")


class SipSection(_Section):
    """The SIP endpoint."""

    host: str = Field(default="127.0.0.1", description="Address to bind.")
    port: int = Field(default=5060, ge=0, le=65535, description="UDP and TCP port; 0 = any.")
    advertised: str = Field(default="", description="Host that phones reach us by, when it is not the bound one.")
    allow: tuple[str, ...] = Field(default=(), description="Networks (CIDR) whose calls are taken; empty = all.")
    users: dict[str, str] = Field(default_factory=dict, description="Digest users and passwords; empty = none asked.")
    tls_certificate: str = Field(default="", description="PEM file; opens a TLS listener on `tls_port`.")
    tls_key: str = Field(default="", description="PEM file of its key.")
    tls_port: int = Field(default=5061, ge=0, le=65535, description="Port of the TLS listener.")
    session_expires: int = Field(default=1800, ge=0, description="Session timer we ask for (s, RFC 4028); 0 = none.")


class RtpSection(_Section):
    """Audio on the network."""

    low: int = Field(default=16000, ge=1024, le=65534, description="First UDP port for audio.")
    high: int = Field(default=16999, ge=1025, le=65535, description="Last UDP port for audio.")
    symmetric: bool = Field(
        default=False, description="Answer to where the first packet came from (phones behind NAT)."
    )
    lost_after_s: float = Field(default=15.0, gt=0, description="No audio for so long ends a call (s).")
    first_packet_s: float = Field(default=30.0, gt=0, description="The same before the first packet (s).")


class HttpSection(_Section):
    """Health, metrics and the console."""

    host: str = Field(default="127.0.0.1", description="Address to bind; loopback unless told otherwise.")
    port: int = Field(default=8080, ge=0, le=65535, description="TCP port; 0 = any.")
    secure_cookies: bool = Field(
        default=False, description="Browsers reach the console by https, through a proxy: cookies never go unencrypted."
    )


class BrowserSection(_Section):
    """Calls and chats from web pages, `/call` and `/chat`; agents who take calls at their desk's page."""

    enabled: bool = Field(default=True, description="The pages for callers are there.")
    public: Literal["loopback", "yes", "no"] = Field(
        default="loopback",
        description="Who may call without signing in: browsers on this machine (`loopback`), everybody (`yes`), nobody "
        "(`no`).",
    )
    chat: bool = Field(default=True, description="Callers may write instead.")
    addresses: tuple[str, ...] = Field(
        default=(), description="IP addresses of this machine that browsers send audio to; empty = all it has."
    )
    stun: str = Field(default="", description="`stun:HOST:PORT`, for a service behind NAT; empty = none is asked.")
    turn: str = Field(
        default="", description="`turn:HOST:PORT?transport=udp`: a relay, where nothing else gets through."
    )
    turn_user: str = Field(default="", description="Account at the relay.")
    turn_password: str = Field(default="", repr=False, description="Its password.")
    lost_after_s: float = Field(default=8.0, gt=0, description="A browser without audio for so long is gone (s).")
    at_once: int = Field(default=4, ge=1, description="Calls and chats at once from one address without sign-in.")
    per_minute: int = Field(default=10, ge=1, description="New ones a minute from one address.")
    chat_gone_s: float = Field(default=120.0, gt=0, description="A chat waits so long for a page that went away (s).")


class RecognitionSection(_Section):
    """Speech to text."""

    workers: int = Field(default=1, ge=1, le=64, description="Worker processes an engine; each loads its model.")
    passes: dict[str, dict[Literal["stream", "final"], str]] = Field(
        default_factory=dict,
        description='Engines by language: `en = {stream = "vosk-en", final = "whisper"}`; empty = what is fetched.',
    )


class SynthesisSection(_Section):
    """Text to speech."""

    workers: int = Field(default=1, ge=1, le=64, description="Worker processes.")
    voices: dict[str, str | list[str]] = Field(
        default_factory=dict,
        description="By language `engine:voice`, or a list to try in order; empty = the best fetched.",
    )
    cache_mb: int = Field(default=512, ge=1, description="Size of the prompt cache on disk (MB).")
    prepare: bool = Field(
        default=True, description="Render the hotline's fixed prompts at start, so that none is waited for."
    )


class CallSection(_Section):
    """Turn-taking. What a designer sets a step (`listen`) comes before these."""

    detector: Literal["auto", "hybrid", "webrtc", "silero", "energy"] = Field(
        default="auto",
        description="Voice detector. `hybrid` joins the fast `webrtc` and the sure `silero`; `auto` is `hybrid` where "
        "its model is fetched, else `webrtc`.",
    )
    onset_ms: int = Field(
        default=40,
        ge=20,
        le=400,
        description="Voice that counts as speech (ms). Less yields sooner, and lowers prompts for more noises.",
    )
    duck_db: float = Field(
        default=-12.0, ge=-40, le=0, description="How much a prompt is lowered at the caller's voice."
    )
    complete_ms: int = Field(default=200, ge=80, le=1000, description="Silence that ends a complete answer (ms).")
    incomplete_max_ms: int = Field(
        default=2000, ge=300, le=10000, description="Longest wait for an incomplete one (ms)."
    )
    speculate_ms: int = Field(
        default=160, ge=40, le=1000, description="Silence after which the answer is worked out ahead."
    )
    reopen_ms: int = Field(
        default=800, ge=0, le=3000, description="Speech so soon after its turn's end re-opens the turn."
    )
    end_of_turn: Literal["auto", "none", "smart-turn"] = Field(
        default="auto",
        description="Model that hears whether an open answer sounds finished; `auto`: Smart Turn where it is fetched.",
    )
    likely_ms: int = Field(
        default=600, ge=150, le=3000, description="Silence that ends an open answer which sounds finished (ms)."
    )
    echo_cancellers: dict[Literal["sip", "webrtc"], str] = Field(
        default_factory=dict,
        description='Echo canceller by transport, `{sip = "webrtc"}` where callers use speaker-phones; without one the '
        "echo guard copes with the echo of telephone lines, and browsers cancel their own.",
    )
    adaptive: bool = Field(default=True, description="Wait longer for callers who pause long inside sentences.")
    music: str = Field(default="", description="Sound file for waiting callers; empty = a quiet tune of our own.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        """Times that contradict each other. The message begins with the key to blame."""
        if self.speculate_ms > self.complete_ms:
            raise ValueError(
                f"speculate_ms: {self.speculate_ms} is longer than complete_ms ({self.complete_ms}): "
                "nothing could be worked out before a complete answer ends"
            )
        for name in ("complete_ms", "likely_ms"):
            if getattr(self, name) > self.incomplete_max_ms:
                raise ValueError(
                    f"{name}: {getattr(self, name)} is longer than incomplete_max_ms ({self.incomplete_max_ms}): "
                    "a finished answer would be waited for longer than an unfinished one"
                )
        return self


class Config(_Section):
    """All settings of the service."""

    service: ServiceConfig = Field(default_factory=ServiceConfig)
    sip: SipSection = Field(default_factory=SipSection)
    rtp: RtpSection = Field(default_factory=RtpSection)
    http: HttpSection = Field(default_factory=HttpSection)
    browser: BrowserSection = Field(default_factory=BrowserSection)
    recognition: RecognitionSection = Field(default_factory=RecognitionSection)
    synthesis: SynthesisSection = Field(default_factory=SynthesisSection)
    call: CallSection = Field(default_factory=CallSection)
    desk: DeskConfig = Field(default_factory=DeskConfig)
    store: StoreConfig = Field(default_factory=StoreConfig)
    retention: RetentionConfig = Field(default_factory=RetentionConfig)
    webhooks: WebhookConfig = Field(default_factory=WebhookConfig)
    telemetry: TelemetryConfig = Field(default_factory=TelemetryConfig)


def load_config(
    path: Path | None = None, environment: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None
) -> Config:
    """Join file, environment and flags (`{"sip.port": 5070}`).

    Raises ConfigError that names the key, and the file or variable that it came from."""
    data = _read(path) if path is not None else {}
    origins: dict[str, str] = {}
    for key, value in _from_environment(os.environ if environment is None else environment).items():
        _put(data, key, value)
        origins[key] = f"environment variable {variable(key)}"
    for key, value in (flags or {}).items():
        if value is not None:
            _put(data, key, value)
            origins[key] = "command line"
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        lines = []
        for item in error.errors():
            where, reason = _blame(item)
            origin = origins.get(".".join(where[:2]), _place(path, where))
            lines.append(f"{origin}{': ' if origin else ''}{'.'.join(where)}: {reason}")
        raise ConfigError("\n".join(lines)) from None


def variable(key: str) -> str:
    """The environment variable of a setting `section.name`."""
    return f"IVR_{key.replace('.', '_').upper()}"


def host_and_port(text: str, name: str) -> tuple[str, int]:
    """`HOST:PORT`, `[v6]:PORT` or `:PORT`. Raises ConfigError that names the flag."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"{name}: {text!r} is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def settings() -> list[tuple[str, str, str, str]]:
    """Every setting: (key, type, default, meaning); for the documentation."""
    return list(_settings(Config, ""))


def _settings(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        inner, many = _inner_model(field.annotation)
        if inner is not None:
            yield from _settings(inner, f"{key}{many}.")
            continue
        default = "required" if field.is_required() else repr(field.get_default(call_default_factory=True))
        plain = isinstance(field.annotation, type) and not get_args(field.annotation)
        kind = field.annotation.__name__ if plain and field.annotation else str(field.annotation).replace("typing.", "")
        yield key, kind, default, field.description or ""


def _inner_model(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The section inside a field, and how it is written: `[]` for a list, `.NAME` for a table of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    for part in get_args(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part, ".NAME" if get_origin(annotation) is dict else "[]"
    return None, ""


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def _place(path: Path | None, where: Sequence[str]) -> str:
    """`file:line` of a setting, or of the nearest table around it that is written down."""
    if path is None:
        return ""
    table: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    found, depth = 0, 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if header := _HEADER.match(line):
            name = re.sub(r"[\s\"']", "", header["name"])
            table = tuple(name.split("."))
            if header["many"]:
                counts[name] = counts.get(name, -1) + 1
                table = (*table, str(counts[name]))
            written = table
        elif key := _KEY.match(line):
            written = (*table, *re.sub(r"[\s\"']", "", key["name"]).split("."))
        else:
            continue
        if depth < len(written) <= len(where) and tuple(where[: len(written)]) == written:
            found, depth = number, len(written)
    return f"{path}:{found}" if found else str(path)


_HEADER = re.compile(r"\s*(?P<many>\[)?\[(?P<name>[^\[\]]+)\]")
_KEY = re.compile(r"\s*(?P<name>[\w.\-\"' ]+?)\s*=")


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """IVR_<SECTION>_<KEY> for the settings that are one value; others are left to the file."""
    found: dict[str, Any] = {}
    for section, field in Config.model_fields.items():
        model = field.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        for name in model.model_fields:
            value = environment.get(variable(f"{section}.{name}"))
            if value is not None:
                found[f"{section}.{name}"] = value
    return found


def _put(data: dict[str, Any], key: str, value: Any) -> None:
    section, _, name = key.partition(".")
    table = data.setdefault(section, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{section}: a table is needed, not {type(table).__name__}")
    table[name] = value


def _blame(item: Any) -> tuple[tuple[str, ...], str]:
    """The setting, and what is wrong with it; a check of a whole section names its key first."""
    where = tuple(map(str, item["loc"]))
    if item["type"] == "value_error":
        key, colon, reason = str(item["msg"]).removeprefix("Value error, ").partition(": ")
        if colon and key.isidentifier():
            return (*where, key), reason
    return where, _reason(item)


def _reason(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "no such setting"
    given = "" if item["type"] == "missing" else f" (given: {item['input']!r})"
    return f"{item['msg']}{given}"
