"""Speed of surface-brightness profiles: bins, PSF mixing matrix, a fit, a deprojection.

An image of 512 x 512 pixels of 4 arcsec with a beta model, exposed unevenly; 100 bins. With
``--peer PYTHON``, an interpreter that has pyproffit, or ``--peer venv``, that of ``make compare``,
the same is done there on the same files. Times are CPU seconds of one core, so that what else runs
does not count.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.wcs import WCS
from scipy.signal import fftconvolve

from benchmarks.command import benchmark
from benchmarks.compare.environments import PROGRAMS, peer_python
from benchmarks.deprojection import speed as deprojection_speed
from xsurvey.imaging.psf_image import psf_image
from xsurvey.imaging.sky_image import SkyImage, grid_from_wcs
from xsurvey.profiles.brightness_models import BetaModel
from xsurvey.profiles.extraction import extract_profile
from xsurvey.profiles.geometry import RadialGeometry
from xsurvey.profiles.profile_fit import fit_profile
from xsurvey.profiles.profile_mixing import profile_mixing
from xsurvey.profiles.psf_mixing import mixing_matrix
from xsurvey.psf import KingPsf
from xsurvey.units import SkyPosition

SIZE, PIXEL = 512, 4.0
BINS = 100
CENTRE = SkyPosition(150.0, 2.2)
TRUTH = (0.03, 1.5, 0.65, 1e-3)
EXPOSURE = 2e4
PSF = KingPsf(1.7, 60.0)
LINES = {"profile_and_matrix_s": 0.5, "deprojection_s": 10.0}
REPEATS = 5


def make_field(seed: int) -> tuple[SkyImage, SkyImage]:
    """Return an image of counts and its exposure map."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = list(CENTRE)
    wcs.wcs.crpix = [(SIZE + 1) / 2] * 2
    wcs.wcs.cdelt = [-PIXEL / 3600, PIXEL / 3600]
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    grid = grid_from_wcs(wcs, (SIZE, SIZE))
    radius = grid.off_axis(CENTRE)
    exposure = SkyImage(EXPOSURE / (1 + (radius / 20) ** 2), grid, "s")
    brightness = BetaModel().brightness(np.array([TRUTH]), radius.ravel())[0].reshape(SIZE, SIZE)
    half = SIZE // 2 - 1
    kernel = psf_image(PSF.mixture(0.0), half, half, (2 * half + 1, 2 * half + 1), PIXEL)
    # what lies beyond the image is as bright as its edge
    around = np.pad(brightness, SIZE // 2, mode="edge")
    seen = fftconvolve(around, kernel / kernel.sum(), mode="same")
    seen = seen[SIZE // 2 : -(SIZE // 2), SIZE // 2 : -(SIZE // 2)]
    expected = np.maximum(seen, 0) * exposure.data * (PIXEL / 60) ** 2
    counts = np.random.default_rng(seed).poisson(expected).astype(float)
    return SkyImage(counts, grid, "count"), exposure


def edges() -> np.ndarray:
    """Return the edges of the bins, out to the middle of the image's sides."""
    return np.linspace(0, SIZE / 2 * PIXEL / 60, BINS + 1)


def fastest(function: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, Any]:
    """Return the shortest of several CPU times, s, and what the function gave."""
    times, result = [], None
    for _ in range(repeats):
        start = time.process_time()
        result = function()
        times.append(time.process_time() - start)
    return min(times), result


def run(seed: int, fraction: float, peer: str | None = None) -> dict[str, Any]:
    """Measure profile, mixing matrix, fit and deprojection, beside pyproffit's."""
    counts, exposure = make_field(seed)
    geometry = RadialGeometry(CENTRE)
    repeats = max(1, round(REPEATS * fraction))
    profile_s, profile = fastest(
        lambda: extract_profile(counts, exposure, geometry, edges()), repeats
    )
    matrix_s, mixing = fastest(lambda: profile_mixing(profile, geometry, exposure, PSF), repeats)
    bare_s, bare = fastest(
        lambda: mixing_matrix(
            profile.label_image, profile.label_image, np.ones((SIZE, SIZE)), None, PSF, PIXEL / 60
        ),
        repeats,
    )
    fit_s, fit = fastest(lambda: fit_profile(profile, "beta", mixing=mixing), 1)
    finer = mixing_matrix(
        profile.label_image, profile.label_image, np.ones((SIZE, SIZE)), None, PSF, PIXEL / 60,
        log2_points=18 if fraction == 1 else 15,
    )  # fmt: skip
    area = np.bincount(profile.label_image[profile.label_image >= 0]) * (PIXEL / 60) ** 2
    error = np.abs(bare - finer) / area
    result: dict[str, Any] = {
        "pixels": SIZE, "bins": BINS, "lines": LINES,
        "profile_s": profile_s, "matrix_with_outer_rings_s": matrix_s, "matrix_s": bare_s,
        "profile_and_matrix_s": profile_s + bare_s, "beta_fit_with_intervals_s": fit_s,
        "beta_fit": fit.record(), "truth": list(TRUTH),
        "matrix_error": {"largest": float(error.max()),
                         "median_of_rings": float(np.median(error.max(axis=0)))},
        "deprojection": deprojection_speed(seed),
    }  # fmt: skip
    if peer is not None:
        theirs = ask_peer(peer, counts, exposure)
        matrix = np.array(theirs.pop("matrix"))
        result["pyproffit"] = theirs
        # theirs are fractions by rings of light, ours arcmin2 by bins
        shares = bare / area
        result["pyproffit"]["largest_difference_of_matrix"] = float(np.abs(shares - matrix.T).max())
    return result


def ask_peer(python: str, counts: SkyImage, exposure: SkyImage) -> dict[str, Any]:
    """Return what pyproffit measures on the same images."""
    command = [str(peer_python("pyproffit", python)), str(PROGRAMS / "pyproffit_matrix.py")]
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("image.fits", "exposure.fits")]
        counts.write(files[0])
        exposure.write(files[1])
        request = {
            "image": files[0], "exposure": files[1], "centre": list(CENTRE),
            "bin_arcsec": float(edges()[1] * 60), "radius_arcmin": float(edges()[-1]),
            "core_arcmin": float(PSF.radius(0.9, np.zeros(1))[0]) / 60
            / float(np.sqrt(0.1 ** (1 / (1 - PSF.slope)) - 1)), "slope": PSF.slope,
        }  # fmt: skip
        answer = subprocess.run(
            [*command, json.dumps(request)], check=True, capture_output=True, text=True
        )
    return dict(json.loads(answer.stdout.splitlines()[-1]))


if __name__ == "__main__":
    benchmark(
        run, 20261126, options={"peer": "Python that has pyproffit, or venv: that of make compare"}
    )
