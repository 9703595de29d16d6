"""False sources of blank images as a function of likelihood and background in a beam.

Makes the table of ``xsurvey/detection/false_rates.yaml``: with ``--table FILE`` it is written
there. Images are drawn pixel by pixel, which is what binned events are.
"""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from benchmarks.fields import blank_field, search_parameters
from xsurvey.detection.detect import find_sources
from xsurvey.detection.false_rates import BEAM
from xsurvey.imaging.stack import single_stack

REFERENCE = 7.0
BACKGROUNDS = (0.05, 0.2, 0.8, 3.2, 12.8, 51.2)
SIGMA = 1.0
SIDE = 512
IMAGES = 20


def run(seed: int, fraction: float, table: str | None = None) -> dict[str, Any]:
    """Search blank images of several backgrounds, and fit the numbers with an exponential."""
    number = trials(IMAGES, fraction)
    seeds = np.random.SeedSequence(seed).generate_state(number * len(BACKGROUNDS))
    tasks = [(b, int(s)) for b, s in zip(np.repeat(BACKGROUNDS, number), seeds, strict=True)]
    found = in_parallel(likelihoods, tasks)
    beams = number * SIDE**2 / (BEAM * SIGMA**2)
    excess = np.concatenate(found) - REFERENCE
    # one slope for all backgrounds: there is no trend among them, and each alone has few
    slope = len(excess) / float(excess.sum())
    rows = []
    for background in BACKGROUNDS:
        mine = sum(len(v) for (b, _), v in zip(tasks, found, strict=True) if b == background)
        rows.append({
            "background": background, "rate": mine / beams, "slope": slope, "number": mine
        })  # fmt: skip
    if table is not None:
        lines = [f"reference: {REFERENCE}  # -ln P", "rows:  # a beam's background; false a beam"]
        lines += [
            f"  - {{background: {r['background']}, rate: {r['rate']:.4g}, "
            f"slope: {r['slope']:.4f}, number: {r['number']}}}"
            for r in rows
        ]
        lines.insert(0, f"# python -m benchmarks.false_rates --seed {seed} --fraction {fraction}")
        Path(table).write_text("\n".join(lines) + "\n")
    return {
        "reference": REFERENCE,
        "slope_error": slope / np.sqrt(len(excess)),
        "images": number,
        "pixels": SIDE**2,
        "rows": rows,
    }


def likelihoods(background: float, seed: int) -> np.ndarray:
    """Return the likelihoods of what is found in one blank image."""
    field = blank_field(background / (BEAM * SIGMA**2), seed, (SIDE, SIDE), gaps=False)
    found = find_sources(single_stack("blank", field), search_parameters(SIGMA, REFERENCE))
    return found.sources.likelihood


if __name__ == "__main__":
    benchmark(run, seed=20261125, options={"table": "write the package's table there"})
