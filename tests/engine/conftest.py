"""Puts the toy stages where this process, and the workers it starts, can import them.

Worker processes are spawned with their parent's ``sys.path``.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
