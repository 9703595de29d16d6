"""Puts the toy stages and tools of the engine's tests where these can import them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
