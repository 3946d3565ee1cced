"""A hotline says how long its calls should be kept; a service that keeps them longer says so."""

from __future__ import annotations

import pytest

from ivr.dialog.schema.hotline import Hotline
from ivr.service.retention import kept_longer
from ivr.store.config import RetentionConfig


def hotline(**more: object) -> Hotline:
    return Hotline.model_validate(
        {"hotline": "shop", "schema": 1, "languages": ["en"], "entry": {"inbound": "welcome"}, **more}
    )


@pytest.mark.parametrize(
    ("recordings", "calls", "warned"),
    [(0, 0, ["recordings_days", "calls_days"]), (30, 180, []), (30, 0, ["calls_days"]), (31, 180, ["recordings_days"]),
     (0, 20, []), (100, 20, []), (0, 100, ["recordings_days"])],
)  # fmt: skip
def test_longer_than_asked(recordings: int, calls: int, warned: list[str]) -> None:
    asking = hotline(retention={"audio": "30d", "text": "180d"})
    said = kept_longer(RetentionConfig(recordings_days=recordings, calls_days=calls), asking)
    assert [line.split("[retention] ")[1].split(" ")[0] for line in said] == warned


def test_a_hotline_that_asks_for_nothing() -> None:
    assert kept_longer(RetentionConfig(), hotline()) == []
