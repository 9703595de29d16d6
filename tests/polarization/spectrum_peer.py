"""Stokes spectra of ixpeobssim, made in a process of its own: JSON on standard output.

Arguments: responses, and event files of the units.
"""

import json
import sys

from astropy.io import fits
from ixpeobssim.core import pipeline


def main() -> None:
    """Make the spectra with and without weights, of each unit in the order of the files."""
    irf, *files = sys.argv[1:]
    result = {}
    for weighted in (False, True):
        for stokes, algorithm in (("I", "PHA1"), ("Q", "PHA1Q"), ("U", "PHA1U")):
            made = pipeline.xpbin(
                *files, algorithm=algorithm, weights=weighted, suffix=f"{stokes}{weighted}",
                irfname=f"{irf[:-4]}_alpha075:v13" if weighted else irf,
            )  # fmt: skip
            rows = []
            for path in made:
                with fits.open(path) as hdus:
                    table, header = hdus["SPECTRUM"].data, hdus["SPECTRUM"].header
                    rows.append({
                        "rate": [float(v) for v in table["RATE"]],
                        "error": [float(v) for v in table["STAT_ERR"]],
                        "exposure": float(header["EXPOSURE"]), "xflt": header["XFLT0001"],
                        "rmf": header["RESPFILE"], "arf": header["ANCRFILE"],
                    })  # fmt: skip
            result[f"{stokes}{weighted}"] = rows
    print("RESULT" + json.dumps(result))


if __name__ == "__main__":
    main()
