"""agnpy's fit to PKS 1510-089, evaluated and minimised: reads a request as JSON, prints the answer.

``{"fixed": {...}, "systematics": {...}, "min_frequency": 1e11, "grids": {...}, "places": {...},
"starts": [...], "restarts": 2, "seed": 1}``: the model is what ``ExternalComptonModel`` of
``agnpy.fit`` sums, called as it calls agnpy, which needs neither gammapy nor Sherpa: synchrotron
with absorption, SSC, external Compton on the torus, and the light of disk and torus. Points are
those of the table in the package, errors as its loader has them. A grid has "electrons" and
"seeds", each null for agnpy's own, and "external": three numbers for ``logspace``, or one, the
nodes between the slowest and the fastest electrons in the frame of the black hole. Places are
log10_k, p, q, delta, log10_B by name, starts are names of some of them. The answer has the light of
disk and torus and the part of their luminosities that it holds, and by grid chi-square at the
places and where searches from the starts end.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import agnpy
import astropy.units as u
import numpy as np
from agnpy.compton import ExternalCompton, SynchrotronSelfCompton, synchrotron_self_compton
from agnpy.spectra import LogParabola
from agnpy.synchrotron import Synchrotron
from agnpy.targets import RingDustTorus, SSDisk
from astropy.constants import G, M_sun, c, k_B, m_e
from astropy.coordinates import Distance
from astropy.table import Table
from scipy.optimize import minimize

_FLUX = u.Unit("erg / (s cm2)")
_TABLE = Path(agnpy.__file__).parent / "data" / "mwl_seds" / "PKS1510-089_2015b.ecsv"
_SIZES = np.array([0.1, 0.1, 0.03, 1.0, 0.05])
"""Of changes of the parameters: errors of the fit, roughly."""
_STEP, _GAIN, _ROUNDS, _POLISH = 0.4, 0.01, 3, 150


class Fit:
    """The points and what is fixed."""

    def __init__(self, request: dict) -> None:
        self.fixed = request["fixed"]
        table = Table.read(_TABLE)
        nu = table["e_ref"].quantity.to("Hz", equivalencies=u.spectral())
        flux = table["e2dnde"].quantity.to_value(_FLUX)
        statistical = sum(table[f"e2dnde_err{s}"].quantity.to_value(_FLUX) for s in "np") / 2
        fractions = request["systematics"]
        relative = [fractions.get(str(i), fractions["others"]) for i in table["instrument"]]
        kept = nu.value > request["min_frequency"]
        self.nu, self.flux = nu[kept], flux[kept]
        self.sigma = np.hypot(statistical, np.array(relative) * flux)[kept]
        self.distance = Distance(z=self.fixed["z"]).to("cm")
        self.disk, self.torus = (f(self.nu).to_value(_FLUX) for f in (self._disk, self._torus))

    def _disk(self, nu):
        luminosity, unit = self._luminosity, (G * self.fixed["M_BH"] * M_sun / c**2).to("cm")
        inflow = (luminosity / (self.fixed["eta"] * c**2)).to("g / s")
        return SSDisk.evaluate_multi_T_bb_norm_sed(
            nu, self.fixed["z"], luminosity, self.fixed["M_BH"] * M_sun, inflow,
            self.fixed["R_in"] * unit, self.fixed["R_out"] * unit, self.distance,
        )  # fmt: skip

    def _torus(self, nu):
        return RingDustTorus.evaluate_bb_norm_sed(
            nu, self.fixed["z"], self.fixed["xi_dt"] * self._luminosity,
            self.fixed["T_dt"] * u.K, self.fixed["R_dt"] * u.cm, self.distance,
        )  # fmt: skip

    @property
    def _luminosity(self):
        return self.fixed["L_disk"] * u.erg / u.s

    def parts(self) -> dict:
        """Return 4 pi d^2 times the flux at all frequencies, over the luminosity."""
        nu = np.logspace(10, 18, 4000) * u.Hz
        sphere = 4 * np.pi * self.distance.value**2 / self.fixed["L_disk"]
        disk, torus = (
            sphere * np.trapezoid(f(nu).to_value(_FLUX), np.log(nu.value))
            for f in (self._disk, self._torus)
        )
        return {"disk": disk, "torus": torus / self.fixed["xi_dt"]}

    def residuals(self, place: np.ndarray, grid: dict) -> np.ndarray:
        """Return (data - model) / error at log10_k, p, q, delta, log10_B."""
        log10_k, p, q, delta, log10_b = place
        fixed, nu = self.fixed, self.nu
        b = 10**log10_b * u.G
        radius = (c * fixed["t_var"] * u.s * delta / (1 + fixed["z"])).to("cm")
        ends = fixed["gamma_min"], fixed["gamma_max"]
        electrons = (10**log10_k / u.cm**3, p, q, fixed["gamma_0"], *ends)
        jet = (nu, fixed["z"], self.distance, delta, b, radius, LogParabola, *electrons)
        own = {}
        if grid["electrons"]:
            own["gamma"] = np.logspace(*np.log10(ends), grid["electrons"])
        model = Synchrotron.evaluate_sed_flux(*jet, ssa=True, **own)
        model += SynchrotronSelfCompton.evaluate_sed_flux(*jet, ssa=True, **own)
        external = grid["external"]
        if len(external) == 1:
            external = [*np.log10(delta * np.array(ends)), *external]
        photon = 2.7 * (k_B * fixed["T_dt"] * u.K / (m_e * c**2)).to_value("")
        model += ExternalCompton.evaluate_sed_flux_dt(
            nu, fixed["z"], self.distance, delta, fixed["mu_s"], radius, self._luminosity,
            fixed["xi_dt"], photon, fixed["R_dt"] * u.cm, fixed["r"] * u.cm, LogParabola,
            *electrons, gamma=np.logspace(*external),
        )  # fmt: skip
        return (self.flux - model.to_value(_FLUX) - self.disk - self.torus) / self.sigma


class Search:
    """A search that bears a statistic with small jumps, which sums over grids have."""

    def __init__(self, function, generator: np.random.Generator) -> None:
        self._function, self._generator = function, generator
        self.evaluations = 0

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        self.evaluations += 1
        return self._function(x * _SIZES)

    def _value(self, x: np.ndarray) -> float:
        return float(np.sum(self._residuals(x) ** 2))

    def descend(self, x: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        """Return where Levenberg and Marquardt end, chi-square and covariance there."""
        residuals = self._residuals(x)
        damping = 1e-3
        while True:
            rows = [
                (self._residuals(x + d) - self._residuals(x - d)) / (2 * _STEP)
                for d in _STEP * np.eye(len(x))
            ]
            jacobian = np.array(rows).T
            curvature, slope = jacobian.T @ jacobian, jacobian.T @ residuals
            gain = 0.0
            for _ in range(7):
                step = np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), -slope)
                other = self._residuals(x + step)
                gain = residuals @ residuals - other @ other
                if gain > 0:
                    x, residuals, damping = x + step, other, max(damping / 10, 1e-8)
                    break
                damping *= 10
            if gain < _GAIN:
                return x, float(residuals @ residuals), np.linalg.inv(curvature)

    def run(self, start: np.ndarray, restarts: int) -> dict:
        """Descend from a place, then from places near the end, until nothing lower is found."""
        first = best = self.descend(start / _SIZES)
        for _ in range(_ROUNDS):
            before = best[1]
            for _ in range(restarts):
                near = self._generator.multivariate_normal(best[0], best[2])
                best = min(best, self.descend(near), key=lambda found: found[1])
            simplex = best[0] + np.vstack([np.zeros(5), np.eye(5)]) * 0.5
            found = minimize(
                self._value, best[0], method="Nelder-Mead",
                options={"maxfev": _POLISH, "initial_simplex": simplex, "fatol": _GAIN / 10},
            )  # fmt: skip
            if found.fun < best[1]:
                best = (found.x, float(found.fun), best[2])
            if before - best[1] < _GAIN:
                break
        return {
            "local": _record(*first), "lowest": _record(*best), "evaluations": self.evaluations
        }  # fmt: skip


def _record(x: np.ndarray, statistic: float, covariance: np.ndarray) -> dict:
    errors = np.sqrt(np.diag(covariance)) * _SIZES
    return {"chi2": statistic, "place": (x * _SIZES).tolist(), "errors": errors.tolist()}


def main() -> None:
    """Answer the request."""
    request = json.load(sys.stdin)
    fit = Fit(request)
    generator = np.random.default_rng(request["seed"])
    own_seeds = synchrotron_self_compton.nu_to_integrate
    answer = {
        "agnpy": version("agnpy"), "table": str(_TABLE), "frequencies": fit.nu.value.tolist(),
        "light": {"disk": fit.disk.tolist(), "torus": fit.torus.tolist()}, "parts": fit.parts(),
        "grids": {},
    }  # fmt: skip
    for name, grid in request["grids"].items():
        seeds = grid["seeds"]
        synchrotron_self_compton.nu_to_integrate = (
            np.logspace(*seeds) * u.Hz if seeds else own_seeds
        )
        answer["grids"][name] = {
            "chi2": {
                place: float(np.sum(fit.residuals(np.array(values), grid) ** 2))
                for place, values in request["places"].items()
            },
            "searches": {
                place: Search(lambda x, g=grid: fit.residuals(x, g), generator).run(
                    np.array(request["places"][place]), request["restarts"]
                )
                for place in request["starts"]
            },
        }
    print("\n" + json.dumps(answer))


if __name__ == "__main__":
    main()
