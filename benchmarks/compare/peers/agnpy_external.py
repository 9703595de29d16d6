"""External Compton and proton synchrotron by agnpy: reads a request as JSON, prints the answer.

``{"cases": [...], "frequencies": [...], "nodes": {...}, "clustered": false}``: cases are zones as
`agnpy_ssc` describes them, with "mu_s", "r" (cm), "protons" as electrons are, with their
"distribution", and "targets", a dictionary of the values of each. Nodes of agnpy's grids are by
target and of "protons": of Lorentz factors between those of all particles, of angles to the axis
and about it. Clustered are angles to the disk and the broad lines, which agnpy spaces evenly in the
cosine, evenly in the logarithms of the radius and of the distance from the sphere. The answer has
nu F_nu, erg / s / cm2, by target and of "protons".
"""

import json
import sys
from importlib.metadata import version

import astropy.units as u
import numpy as np
from agnpy import spectra
from agnpy.compton import ExternalCompton
from agnpy.emission_regions import Blob
from agnpy.synchrotron import ProtonSynchrotron
from agnpy.targets import CMB, RingDustTorus, SphericalShellBLR, SSDisk
from astropy.constants import M_sun, m_p

_LUMINOSITY = u.erg / u.s


def particles(distribution: str, values: dict, **more):
    """Return agnpy's distribution of particles."""
    arguments = dict(values)
    return getattr(spectra, distribution)(k=arguments.pop("k") / u.cm**3, **arguments, **more)


def target(name: str, values: dict, redshift: float):
    """Return agnpy's source of photons."""
    if name == "cmb":
        return CMB(redshift)
    luminosity = values["L_disk"] * _LUMINOSITY
    if name == "disk":
        return SSDisk(
            values["M_BH"] * M_sun, luminosity, values["eta"], values["R_in"], values["R_out"],
            R_g_units=True,
        )  # fmt: skip
    if name == "blr":
        return SphericalShellBLR(luminosity, values["xi_line"], "Lyalpha", values["R_line"] * u.cm)
    return RingDustTorus(luminosity, values["xi_dt"], values["T_dt"] * u.K, values["R_dt"] * u.cm)


def even_in_ln_radius(inner: float, outer: float, r: float, size: int = 100) -> np.ndarray:
    """Return cosines of angles at which radii of the disk are seen, increasing."""
    return 1 / np.sqrt(1 + (np.geomspace(outer, inner, size) / r) ** 2)


def even_in_ln_distance(radius: float, r: float, size: int) -> np.ndarray:
    """Return cosines of places on a shell, increasing, of distances from the sphere."""
    x = np.geomspace(radius + r, abs(radius - r), size)
    return np.clip((radius**2 + r**2 - x**2) / (2 * radius * r), -1, 1)


def external(case: dict, name: str, nodes: tuple[int, int, int], clustered: bool):
    """Return the function of frequencies that agnpy has for a target."""
    lorentz, zenith, azimuth = nodes
    if clustered:
        SSDisk.evaluate_mu_from_r_tilde = staticmethod(even_in_ln_radius)
    source = target(name, case["targets"][name], case["redshift"])
    electrons = particles(case["distribution"], case["electrons"])
    sphere = Blob(z=case["redshift"])
    common = [case["redshift"], sphere.d_L, case["delta"], case["mu_s"], case["radius"] * u.cm]
    distance = case["r"] * u.cm
    slowest, fastest = (
        np.log10(case["delta"] * case["electrons"][end]) for end in ("gamma_min", "gamma_max")
    )
    grids = {
        "gamma": np.logspace(slowest, fastest, lorentz), "phi": np.linspace(0, 2 * np.pi, azimuth)
    }  # fmt: skip
    if name == "disk":
        own = [source.M_BH, source.L_disk, source.eta, source.R_in, source.R_out, distance]
        function, grids["mu_size"] = ExternalCompton.evaluate_sed_flux_ss_disk, zenith
    elif name == "torus":
        own = [source.L_disk, source.xi_dt, source.epsilon_dt, source.R_dt, distance]
        function = ExternalCompton.evaluate_sed_flux_dt
    else:
        grids["mu"] = np.linspace(-1, 1, zenith)
        if name == "blr" and clustered:
            grids["mu"] = even_in_ln_distance(source.R_line.value, case["r"], zenith)
        if name == "blr":
            own = [source.L_disk, source.xi_line, source.epsilon_line, source.R_line, distance]
            function = ExternalCompton.evaluate_sed_flux_blr
        else:
            own = [source.epsilon_0, source.u_0]
            function = ExternalCompton.evaluate_sed_flux_iso_mono
    return lambda nu: function(nu, *common, *own, electrons, *electrons.parameters, **grids)


def protons(case: dict, nodes: int):
    """Return the function of frequencies of protons' synchrotron emission."""
    values = dict(case["protons"])
    kind = values.pop("distribution")
    sphere = Blob(
        R_b=case["radius"] * u.cm, z=case["redshift"], delta_D=case["delta"], Gamma=case["delta"],
        B=case["b"] * u.G, n_p=particles(kind, values, mass=m_p), gamma_p_size=nodes,
    )  # fmt: skip
    return ProtonSynchrotron(sphere).sed_flux


def main() -> None:
    """Answer the request."""
    request = json.load(sys.stdin)
    answer = []
    for case in request["cases"]:
        functions = {
            name: external(case, name, request["nodes"][name], request["clustered"])
            for name in case["targets"]
        }
        functions["protons"] = protons(case, request["nodes"]["protons"][0])
        # agnpy's arrays have a number for each frequency, particle and direction
        answer.append(
            {
                name: [
                    float(function(np.array([nu]) * u.Hz)[0].to_value("erg / (s cm2)"))
                    for nu in request["frequencies"]
                ]
                for name, function in functions.items()
            }
        )
    print("\n" + json.dumps({"agnpy": version("agnpy"), "cases": answer}))


if __name__ == "__main__":
    main()
