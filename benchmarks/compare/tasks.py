"""What is compared: for each task its inputs, the scripts of both sides, and the quantities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.compare import inputs, readings

SCRIPTS = Path(__file__).parent / "scripts"


class Quantity(NamedTuple):
    """A number that both sides give."""

    name: str
    label: str
    truth: float | None = None
    """What was simulated."""


class Check(NamedTuple):
    """Another way to do the task, which shows why both sides differ. It is not measured."""

    side: str
    """Who does it; what the other side found stays."""
    script: str
    """Its name in ``scripts``: whole, as a user would write it, like those of both sides."""
    label: str
    """What is done, in words."""
    quantities: tuple[str, ...]
    """Names of the quantities that it is about."""


class Task(NamedTuple):
    """A measurement that is done by xsurvey and by a peer on the same files.

    The scripts are ``scripts/NAME_xsurvey.sh`` and ``scripts/NAME_PEER.py``.
    """

    name: str
    title: str
    data: str
    """What the input is, in words."""
    make: Callable[[Path, int, float], None]
    """Puts the input into a folder, with a seed, and a fraction of the exposure."""
    peer: str
    quantities: tuple[Quantity, ...]
    read: Callable[[Path], readings.Record] | None
    """Reads what xsurvey found from the folder; None where xsurvey does not do this."""
    not_yet: str = ""
    """Why xsurvey does not."""
    checks: tuple[Check, ...] = ()

    @property
    def ours(self) -> Path:
        """The script of xsurvey's side."""
        return SCRIPTS / f"{self.name}_xsurvey.sh"

    @property
    def theirs(self) -> Path:
        """The script of the peer's side."""
        return SCRIPTS / f"{self.name}_{self.peer}.py"


_POWER_LAW = (
    Quantity("statistic", "statistic, 39 degrees of freedom"),
    Quantity("nh", "N_H, 10²² cm⁻²"),
    Quantity("index", "photon index"),
    Quantity("norm", "norm, photons / (keV s cm²) at 1 keV"),
    Quantity("flux", "flux 0.5-7 keV, erg / (s cm²)"),
)
_CUBE = tuple(
    Quantity(f"{kind} {energies}", f"{label}, {energies} keV", truth)
    for energies in ("2-4", "4-6", "6-8")
    for kind, label, truth in (
        ("pd", "degree", inputs.DEGREE), ("pa", "angle, deg", inputs.ANGLE),
        ("mdp99", "MDP99", None),
    )
)  # fmt: skip
_SED_FIT = (
    Quantity("statistic", "chi-square, 80 degrees of freedom"),
    Quantity("log10_k", "log10 k, cm⁻³"),
    Quantity("p1", "index below the break"),
    Quantity("p2", "index above it"),
    Quantity("log10_gamma_b", "log10 gamma of the break"),
    Quantity("delta", "Doppler factor"),
    Quantity("log10_B", "log10 B, G"),
)

TASKS = (
    Task(
        "spectrum_wstat", "Spectral fit, phabs*powerlaw, W statistic",
        "3C 273, ACIS-S, data:3c273, 0.5-7 keV in the file's groups",
        inputs.spectrum, "sherpa", _POWER_LAW, readings.spectrum,
    ),
    Task(
        "spectrum_chi2", "Spectral fit, phabs*powerlaw, chi-square of what the background leaves",
        "the same", inputs.spectrum, "sherpa", _POWER_LAW, readings.spectrum,
    ),
    Task(
        "profile", "Brightness in 60 rings, beta model through a PSF, C statistic",
        "a simulated cluster, eROSITA, 20 ks, 922 x 922 pixels of 4\"",
        inputs.cluster_image, "pyproffit",
        (
            Quantity("counts", "counts in the rings"),
            Quantity("statistic", "C, 56 degrees of freedom"),
            Quantity("rc", "core radius, arcmin", inputs.CLUSTER["core_radius"] / 60),
            Quantity("beta", "beta", inputs.CLUSTER["beta"]),
            Quantity("norm", "central brightness, counts / (s arcmin²)"),
            Quantity("background", "sky, counts / (s arcmin²)"),
        ),
        readings.profile,
        checks=(
            Check(
                "pyproffit", "profile_pyproffit_inner.py",
                "pyproffit's model is fitted to the rings within 18' of 20'",
                ("rc", "beta", "norm", "background"),
            ),
        ),
    ),
    Task(
        "cube", "Polarization in three energy bins",
        "a simulated source of 300 000 events in IXPE's three units, without background",
        inputs.polarized_source, "ixpeobssim", _CUBE, readings.cube,
        checks=(
            Check(
                "xsurvey", "cube_xsurvey_pcube.sh",
                "xsurvey takes ixpeobssim's formula of errors, `--estimator pcube`",
                tuple(f"mdp99 {energies}" for energies in ("2-4", "4-6", "6-8")),
            ),
        ),
    ),
    Task(
        "sed_fit", "Fit of synchrotron and self-Compton emission, chi-square",
        "Mrk 421 in 2009, data:mrk421, 86 points from 1e11 Hz to TeV, systematic errors as in "
        "agnpy's documentation", inputs.flux_points, "agnpy", _SED_FIT,
        readings.energy_distribution,
        checks=(
            Check(
                "agnpy", "sed_fit_agnpy_fine.py",
                "agnpy with 25 frequencies of seed photons and 60 energies of electrons a decade, "
                "not 8 and 25", tuple(quantity.name for quantity in _SED_FIT),
            ),
        ),
    ),
)  # fmt: skip

NOT_RUN = {
    "XSPEC and PyXspec": (
        "not installable by pip: part of HEASoft, which is built from source. Its models are "
        "compared through Sherpa, which is built with the same library of them"
    ),
    "CIAO (wavdetect, dmextract, specextract, srcflux)": (
        "not installable by pip: conda packages or an installer of its own. Of CIAO, Sherpa is "
        "compared"
    ),
    "eSASS (erbox, ermldet, srctool)": (
        "not installable by pip: a container image, or built upon HEASoft"
    ),
    "SAS, and XGA and DAXA, which call it": "SAS is not installable by pip",
    "detection: photutils, sep": (
        "pip can install them, but their thresholds are in sigmas of a Gaussian noise: with less "
        "than one count a pixel such a threshold has no false-alarm rate, and completeness at the "
        "same number of false sources would be a matter of how well we set theirs"
    ),
}
"""Peers that are not run, and why."""
