"""Puts the pipeline of faults where tests of commands can import its tools."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
