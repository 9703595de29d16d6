"""pyproffit's side of `profiles`: runs under its own Python, knows nothing of xsurvey."""

import importlib.metadata
import json
import sys
import time

import numpy as np
import pyproffit


def main() -> None:
    """Measure what the request on the command line says, print it as the last line."""
    request = json.loads(sys.argv[1])
    data = pyproffit.Data(imglink=request["image"], explink=request["exposure"])
    ra, dec = request["centre"]
    start = time.process_time()
    profile = pyproffit.Profile(
        data, center_choice="custom_fk5", maxrad=request["radius_arcmin"],
        binsize=request["bin_arcsec"], center_ra=ra, center_dec=dec,
    )  # fmt: skip
    profile.SBprofile()
    extracted = time.process_time()
    core, slope = request["core_arcmin"], request["slope"]
    profile.PSF(psffunc=lambda r: (1 + (r / core) ** 2) ** -slope)
    mixed = time.process_time()
    answer = {
        "version": importlib.metadata.version("pyproffit"),
        "bins": int(profile.nbin), "profile_s": extracted - start, "matrix_s": mixed - extracted,
        "matrix": np.asarray(profile.psfmat).tolist(),
    }  # fmt: skip
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
