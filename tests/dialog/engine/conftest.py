"""Makes talk.py importable as `tests_talk` (test folders are no packages)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

if "tests_talk" not in sys.modules:
    _spec = importlib.util.spec_from_file_location("tests_talk", Path(__file__).with_name("talk.py"))
    assert _spec is not None
    assert _spec.loader is not None
    _module = importlib.util.module_from_spec(_spec)
    sys.modules["tests_talk"] = _module
    _spec.loader.exec_module(_module)
