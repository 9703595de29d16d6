"""Pictures of whole runs: those that the tests of a file share are drawn, each one's own not."""

import pytest


@pytest.fixture(autouse=True)
def _no_rasters(no_rasters: None) -> None:
    pass
