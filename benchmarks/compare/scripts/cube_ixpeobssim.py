"""Measure the polarization of a source in three energy bins."""

import json

from ixpeobssim.binning.polarization import xBinnedPolarizationCube
from ixpeobssim.core import pipeline

units = [f"source_du{number}.fits" for number in (1, 2, 3)]
files = pipeline.xpbin(
    *units, algorithm="PCUBE", irfname="ixpe:obssim20240101:v13", ebinalg="LIST",
    ebinning=[2.0, 4.0, 6.0, 8.0], acceptcorr=True, overwrite=True,
)  # fmt: skip
cube = xBinnedPolarizationCube.from_file_list(files)

# what the comparison reads
record = {}
for bin, name in enumerate(("2-4", "4-6", "6-8")):
    for kind, value, error in (("pd", cube.PD, cube.PD_ERR), ("pa", cube.PA, cube.PA_ERR)):
        middle, width = float(value[bin]), float(error[bin])
        record[f"{kind} {name}"] = [middle, middle - width, middle + width]
    record[f"mdp99 {name}"] = [float(cube.MDP_99[bin])]
print("\n" + json.dumps(record))
