"""Logs as one JSON object a line, for machines that collect them."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

_TALKATIVE = ("alembic", "aioice")
"""Libraries that tell every step as `info`: heard from a warning on, or at `debug`."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
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


class TextFormatter(logging.Formatter):
    """One line a message: what a caller is called neither begins a line of its own nor moves the terminal's cursor."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # the name is the library's
        return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), super().formatMessage(record))


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
        handler.setFormatter(TextFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING if root.level == logging.INFO else logging.NOTSET)
