"""From an action's definition and its arguments to one HTTP request: addresses, headers, body, secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from ivr.dialog.events import JsonValue
from ivr.dialog.expressions import ExpressionError, as_text, compile_template, is_template
from ivr.dialog.schema.action import Action
from ivr.errors import ActionError, ConfigError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_FIELD = re.compile(r"\{\{.*?\}\}", re.DOTALL)


MOUNTED = Path("/run/secrets")
"""Where Docker, Podman and Kubernetes (by convention) put secrets."""


def default_secrets_folder(variables: Mapping[str, str]) -> Path | None:
    """The folder named by IVR_SECRETS, else where containers have theirs, else none."""
    if variables.get("IVR_SECRETS"):
        return Path(variables["IVR_SECRETS"])
    return MOUNTED if MOUNTED.is_dir() else None


@dataclass(frozen=True, slots=True)
class Environment:
    """Where `${NAME}` and secrets come from: the process's environment, then the hotline's own defaults."""

    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    defaults: Mapping[str, str] = field(default_factory=dict)
    secrets_folder: Path | None = field(default_factory=lambda: default_secrets_folder(os.environ))
    """Files named like the secret, as container platforms mount them."""

    def fill(self, text: str, where: str) -> str:
        """`${NAME}` and `${NAME:-default}` replaced. Raises ConfigError that names the variable."""

        def value(match: re.Match[str]) -> str:
            name, default = match.group(1), match.group(2)
            found = self.variables.get(name) or self.defaults.get(name) or default
            if found is None:
                raise ConfigError(f"{where}: environment variable {name} is not set")
            return found

        return _VARIABLE.sub(value, text)

    def secret(self, name: str, where: str) -> str:
        """The secret `name`: from IVR_SECRET_<NAME> or a file of its name. Raises ConfigError."""
        variable = f"IVR_SECRET_{name.upper()}"
        if self.variables.get(variable):
            return self.variables[variable]
        if self.secrets_folder is not None:
            path = self.secrets_folder / name
            if path.is_file():
                return _read_secret(path, where)
        place = f" or a file {self.secrets_folder / name}" if self.secrets_folder else ""
        raise ConfigError(f"{where}: secret {name!r} is missing; set {variable}{place}")


def _read_secret(path: Path, where: str) -> str:
    """One line of text; the line break that editors add at its end is no part of it."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: the secret's file {path} cannot be read: {error}") from error
    if not text or any(not char.isprintable() for char in text):
        raise ConfigError(f"{where}: the secret's file {path} does not hold one line of text")
    return text


@dataclass(frozen=True, slots=True)
class HttpRequest:
    method: str
    url: str
    headers: Mapping[str, str]
    body: JsonValue
    """None = no body."""


def build_request(
    name: str, action: Action, args: Mapping[str, JsonValue], environment: Environment, idempotency_key: str
) -> HttpRequest:
    """Fill the templates of an action. Raises ActionError (`data`) for arguments that do not fit, ConfigError for what
    the operator left out."""
    where = f"action {name}"
    url = _url(environment.fill(action.url, where), args, where)
    headers = {key: _text(environment.fill(text, where), args, where) for key, text in action.headers.items()}
    for key, text in headers.items():
        if "\r" in text or "\n" in text:
            raise ActionError("data", f"{where}: header {key} would hold a line break")
    if action.auth:
        headers.setdefault("Authorization", f"Bearer {environment.secret(action.auth, where)}")
    if idempotency_key:
        headers.setdefault("Idempotency-Key", idempotency_key)
    body: JsonValue = None
    if action.body is not None:
        body = _fill(action.body, args, where)
    elif action.http not in {"GET", "DELETE"}:
        body = dict(args)
    return HttpRequest(str(action.http), url, headers, body)


def _url(template: str, args: Mapping[str, JsonValue], where: str) -> str:
    """Arguments are quoted, and can reach neither host nor scheme: those must stand in the template itself."""
    first = _FIELD.search(template)
    fixed = template[: first.start()] if first else template
    host = urlsplit(fixed)
    if host.scheme not in {"http", "https"} or not host.netloc:
        raise ConfigError(f"{where}: url {template!r} must begin with http:// or https:// and a host")
    if first and not (host.path or host.query):
        raise ConfigError(f"{where}: url {template!r}: the host may not come from an argument")

    def value(match: re.Match[str]) -> str:
        return quote(_text(match.group(0), args, where), safe="")

    return _FIELD.sub(value, template)


def _text(template: str, args: Mapping[str, JsonValue], where: str) -> str:
    if not is_template(template):
        return template
    try:
        return as_text(compile_template(template).evaluate(dict(args)))
    except ExpressionError as error:
        raise ActionError("data", f"{where}: {error}") from error


def _fill(value: JsonValue, args: Mapping[str, JsonValue], where: str) -> JsonValue:
    if isinstance(value, dict):
        return {key: _fill(item, args, where) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, args, where) for item in value]
    if not isinstance(value, str) or not is_template(value):
        return value
    try:
        return compile_template(value).evaluate(dict(args))
    except ExpressionError as error:
        raise ActionError("data", f"{where}: {error}") from error
