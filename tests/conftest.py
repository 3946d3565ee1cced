"""With IVR_TEST_NO_SKIP=1, as in CI, a skip is a failure: something that the tests need was not installed.

A skip for the Python version is none of those: its reason names Python.

No property test has a deadline: speed is measured by benchmarks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of what is tested
settings.load_profile("untimed")

_VERSION = re.compile(r"\bpython\s*(?:[<>=]=?\s*)?3\.\d+", re.IGNORECASE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, pytest.TestReport]:
    report: pytest.TestReport = yield
    if report.skipped and not hasattr(report, "wasxfail") and forbids(reason := _reason(report)):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped, and IVR_TEST_NO_SKIP forbids that: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, pytest.CollectReport]:
    """The same for a module that skips itself, as `pytest.importorskip` does."""
    report: pytest.CollectReport = yield
    if report.skipped and forbids(reason := _reason(report)):
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: skipped, and IVR_TEST_NO_SKIP forbids that: {reason}"
    return report


def forbids(reason: str) -> bool:
    """Whether a skip for this reason is to fail."""
    return os.environ.get("IVR_TEST_NO_SKIP") == "1" and not _VERSION.search(reason)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
