"""Results as strict JSON: null, never NaN."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def finite(value: Any) -> Any:
    """Return ``value`` as JSON types with every non-finite number as None."""
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [finite(v) for v in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value if value is None or isinstance(value, str) else str(value)


def write_json_values(path: Path, values: dict[str, Any]) -> None:
    """Write values as JSON."""
    path.write_text(json.dumps(finite(values), indent=1, allow_nan=False) + "\n")
