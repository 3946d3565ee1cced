"""Logs as one JSON object a line, for machines that collect them."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

_CALL = "call %s"
"""Messages about a call begin so, by custom: its id is the first argument."""


class JsonFormatter(logging.Formatter):
    """`time` (UTC), `level`, `logger`, `message`; `call` where the message is about one, `error` with its traceback.
    Whatever a caller said or is called stays one string: no line of theirs looks like one of ours."""

    def __init__(self, node: str = "") -> None:
        super().__init__()
        self._node = node

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage(),
        }  # fmt: skip
        call = call_of(record)
        if call:
            fields["call"] = call
        if self._node:
            fields["node"] = self._node
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def call_of(record: logging.LogRecord) -> str:
    """The id of the call that a record is about; empty if none."""
    explicit = getattr(record, "call", None)
    if explicit:
        return str(explicit)
    if isinstance(record.msg, str) and record.msg.startswith(_CALL) and isinstance(record.args, tuple) and record.args:
        return str(record.args[0])
    return ""


def set_up(style: str, level: str, node: str = "") -> None:
    """Log to standard error; `style` is `text` or `json`."""
    handler = logging.StreamHandler()
    if style == "json":
        handler.setFormatter(JsonFormatter(node))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
