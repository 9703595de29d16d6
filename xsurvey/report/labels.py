"""Where to write numbers beside circles so that both stay readable."""

from collections.abc import Sequence

import numpy as np

_LETTER, _HEIGHT, _GAP = 9.5, 13.0, 2.0
_ANGLES = np.radians(np.arange(45.0, 405.0, 22.5))


def place_labels(
    centres: np.ndarray, radii: np.ndarray, chosen: np.ndarray, texts: Sequence[str],
    size: tuple[float, float],
) -> list[np.ndarray]:  # fmt: skip
    """Return the centre of each label, beside its circle and clear of the rest if it can be.

    Parameters
    ----------
    centres : ndarray, shape (n, 2)
        Of all circles, in screen pixels from the lower left of the picture.
    radii : ndarray, shape (n,)
    chosen : ndarray of int, shape (m,)
        The circles to label; the first ones have the choice of place.
    texts : sequence of str
        Their labels.
    size : tuple of float
        Width and height of the picture.
    """
    placed: list[np.ndarray] = []
    halves: list[np.ndarray] = []
    for index, text in zip(chosen, texts, strict=True):
        half = np.array([_LETTER * len(text), _HEIGHT]) / 2
        directions = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])
        # the box, not its centre, keeps the distance
        reach = radii[index] + _GAP + np.abs(directions) @ half
        places = centres[index] + directions * reach[:, None]
        costs = [_cost(place, half, centres, radii, placed, halves, size) for place in places]
        placed.append(places[int(np.argmin(costs))])
        halves.append(half)
    return placed


def _cost(
    place: np.ndarray, half: np.ndarray, centres: np.ndarray, radii: np.ndarray,
    placed: list[np.ndarray], halves: list[np.ndarray], size: tuple[float, float],
) -> float:  # fmt: skip
    outside = np.any(place < half) or np.any(place > np.array(size) - half)
    # distance of every circle's centre from the box
    gaps = np.hypot(*np.maximum(np.abs(centres - place) - half, 0).T)
    crossed = int(np.count_nonzero(gaps < radii))
    covered = sum(
        bool(np.all(np.abs(place - p) < half + h + _GAP))
        for p, h in zip(placed, halves, strict=True)
    )
    return 1000.0 * outside + 10.0 * covered + crossed
