"""Polarization cubes of ixpeobssim, made in a process of its own: JSON on standard output.

Arguments: responses, edges with commas, and event files of the units.
"""

import json
import sys

from ixpeobssim.binning.polarization import xBinnedPolarizationCube
from ixpeobssim.core import pipeline

COLUMNS = (
    "COUNTS", "I", "Q", "U", "I_ERR", "Q_ERR", "U_ERR", "PD", "PD_ERR", "PA", "PA_ERR", "MDP_99",
    "MU", "QN", "UN", "QN_ERR", "UN_ERR", "QUN_COV", "N_EFF", "SIGNIF", "E_MEAN",
)  # fmt: skip


def main() -> None:
    """Make a cube for each way of weighting."""
    irf, edges, *files = sys.argv[1:]
    result = {}
    for weighted in (False, True):
        for acceptance in (False, True):
            made = pipeline.xpbin(
                *files, algorithm="PCUBE", irfname=f"{irf[:-4]}_alpha075:v13" if weighted else irf,
                ebinalg="LIST", ebinning=[float(e) for e in edges.split(",")], weights=weighted,
                acceptcorr=acceptance, suffix=f"{weighted}{acceptance}", overwrite=True,
            )  # fmt: skip
            cube = xBinnedPolarizationCube.from_file_list(made)
            result[f"{weighted},{acceptance}"] = {
                name: [float(v) for v in getattr(cube, name)] for name in COLUMNS
            }
    print("RESULT" + json.dumps(result))


if __name__ == "__main__":
    main()
