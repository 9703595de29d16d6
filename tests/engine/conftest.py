"""Puts the toy stages where this process, and the workers it starts, can import them.

Worker processes are spawned with their parent's ``sys.path``.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import without_performance_report

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _without_performance_report() -> Iterator[None]:
    """Runs in this process write no performance report."""
    with without_performance_report():
        yield
