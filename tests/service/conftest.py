"""The laboratory's hotline, compiled once."""

from __future__ import annotations

import pytest

from ivr.dialog.bundle import Bundle, build
from tests.service.lab import HOTLINE


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return build(HOTLINE)
