"""Signatures of Standard Webhooks 1.0: HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

PREFIX = "whsec_"
TOLERANCE_S = 300
"""A receiver refuses messages whose time is further off: nobody can send an old one again."""


def read_secret(text: str) -> bytes:
    """Raises ValueError that does not quote it."""
    if not text.startswith(PREFIX):
        raise ValueError(f"a secret begins with {PREFIX}")
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("what follows whsec_ is not base64") from None
    if not 24 <= len(key) <= 64:
        raise ValueError(f"24 to 64 bytes are needed, these are {len(key)}")
    return key


def sign(key: bytes, message_id: str, at: int, body: str) -> str:
    """`at` = POSIX seconds."""
    signed = hmac.new(key, f"{message_id}.{at}.{body}".encode(), hashlib.sha256)
    return "v1," + base64.b64encode(signed.digest()).decode()


def headers(key: bytes, message_id: str, at: int, body: str) -> dict[str, str]:
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(key, message_id, at, body),
        "content-type": "application/json",
    }


def verify(key: bytes, given: Mapping[str, str], body: str, now: float) -> bool:
    """What a receiver does; for tests, and to copy from."""
    try:
        at = int(given["webhook-timestamp"])
    except (KeyError, ValueError):
        return False
    expected = sign(key, given.get("webhook-id", ""), at, body)
    signatures = given.get("webhook-signature", "").split()
    return abs(now - at) <= TOLERANCE_S and any(hmac.compare_digest(expected, found) for found in signatures)
