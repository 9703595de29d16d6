"""Polarization map cubes of ixpeobssim, made in a process of its own: arrays in an NPZ file.

Arguments: responses, edges with commas, pixels a side, size of a pixel (arcsec), the file to write,
and event files of the units.
"""

import sys

import numpy as np
from ixpeobssim.binning.polarization import xBinnedPolarizationMapCube
from ixpeobssim.core import pipeline

NAMES = ("COUNTS", "I", "Q", "U", "QN", "UN", "PD", "PA", "MDP_99", "MU", "SIGNIF", "QN_ERR")


def main() -> None:
    """Make a map cube for each way of weighting."""
    irf, edges, pixels, size, output, *files = sys.argv[1:]
    result: dict[str, np.ndarray] = {}
    for weighted, acceptance in ((False, True), (True, False)):
        made = pipeline.xpbin(
            *files, algorithm="PMAPCUBE", irfname=f"{irf[:-4]}_alpha075:v13" if weighted else irf,
            ebinalg="LIST", ebinning=[float(e) for e in edges.split(",")], weights=weighted,
            acceptcorr=acceptance, npix=int(pixels), pixsize=float(size),
            suffix=f"map{weighted}{acceptance}",
        )  # fmt: skip
        cube = xBinnedPolarizationMapCube.from_file_list(made)
        result |= {f"{weighted},{acceptance},{n}": np.array(getattr(cube, n)) for n in NAMES}
    np.savez(output, **result)


if __name__ == "__main__":
    main()
