"""Records of made-up polarized sources, in the form in which stages write them."""

import numpy as np

from xsurvey.polarization.known_angle import known_angle
from xsurvey.polarization.records import records_of_bins
from xsurvey.polarization.significance import polarization_chi2
from xsurvey.polarization.stokes import StokesBins


def bins(
    edges=(2.0, 4.0, 8.0), q=(0.05, 0.06), u=(0.06, 0.05), error=(0.01, 0.02), angle=None
):  # fmt: skip
    """Return records of energy bins with some Stokes parameters and errors, by the real code."""
    q, u, error = (np.array(v, float) for v in (q, u, error))
    n = len(q)
    covariance = error[:, None, None] ** 2 * np.array([[1.0, 0.1], [0.1, 1.2]])
    pd = np.hypot(q, u)
    found = StokesBins(
        energy_min=np.array(edges[:n]), energy_max=np.array(edges[1 : n + 1]),
        energy=np.full(n, 3.0), counts=np.full(n, 12_345.0), i=np.full(n, 100.0), q=100 * q,
        u=100 * u, covariance=covariance, i_err=np.ones(n), q_err=100 * error, u_err=100 * error,
        modulation=np.full(n, 0.3), mdp99=3.03 * error, effective_counts=np.full(n, 1e4),
        pd_err=error, pa_err_deg=np.degrees(error / 2 / pd),
        chi2=polarization_chi2(q, u, covariance), flags=np.where(np.isfinite(q), 0, 2),
    )  # fmt: skip
    records = records_of_bins(found)
    for i, one in enumerate(records):
        one["background_counts"] = 321
        one["known_angle"] = None
        if angle is not None:
            along = known_angle(q[i : i + 1], u[i : i + 1], covariance[i : i + 1], angle)
            one["known_angle"] = {
                "angle_deg": angle, "error_deg": 3.0, "pd": along.pd[0], "pd_err": along.error[0],
                "pd_upper_99": along.upper_limit(0.99)[0], "significance": along.significance[0],
                "consistency": along.consistency[0],
            }  # fmt: skip
    return records


def polarization(source="pulsar", observation="01", angle=None, **given):
    found = bins(angle=angle, **given)
    whole = bins(edges=(2.0, 8.0), q=given.get("q", (0.05,))[:1], u=given.get("u", (0.06,))[:1],
                 error=given.get("error", (0.009,))[:1], angle=angle)  # fmt: skip
    return {
        "source": source, "observation": observation, "position": {"ra": 150.0, "dec": 2.2},
        "mjd_start": 60000.0, "mjd_stop": 60001.5, "files": ["a_du1.fits"], "telescope": "T",
        "instrument": "P", "target": "object", "obs_id": observation, "livetime_s": 1.2e5,
        "estimator": "empirical", "weighted": False, "acceptance_correction": True,
        "unit": "count / cm2", "region": "circle 60arcsec",
        "responses": {"name": "set:v1", "weighting": "none", "reason": "hold at the date",
                      "files": []},
        "background": {"region": "annulus 150arcsec,300arcsec", "scale": 0.0532, "counts": 642},
        "bins": found, "whole": found[0] if len(found) == 1 else whole[0],
        "known_angle": None if angle is None else {"angle_deg": angle, "error_deg": 3.0},
        "notes": [f"a note of {observation}"],
    }  # fmt: skip


def unmeasured(record):
    """Return a record with null for all that is measured."""
    kept = ("energy_min", "energy_max", "counts", "flags")

    def of(one):
        return {k: v if k in kept else None for k, v in one.items()} | {"flags": ["no_net_signal"]}

    return {**record, "bins": [of(b) for b in record["bins"]], "whole": of(record["whole"])}


def _test(what, p, **more):
    sigma = {0.3: 1.04, 1e-9: 6.1, 0.02: 2.33}[p]
    return {
        "statistic": 21.5, "dof": 18, "p": p, "log_p": float(np.log(p)), "sigma": sigma,
        "null_hypothesis": what, "method": "chi-squared", "trials": None, "bins": 10, **more,
    }  # fmt: skip


def behaviour(source="pulsar", observation="01"):
    free = {"pd": 0.12, "pd_err": 0.02, "pa_deg": -3.0, "pa_err_deg": 4.0, "pd_upper_99": 0.17}
    return {
        "source": source, "observation": observation, "time_bins": [],
        "constancy": _test("the same at all times", 0.3),
        "energy": _test("the same at all energies", 0.3),
        "phases": _test("the same at all phases", 0.02),
        "rotation": _test(
            "a constant angle", 1e-9, method="simulations", trials=999, dof=None, at_edge=True,
            rate_deg_per_day=85.3, rate_err=3.2, pd=0.11, pd_err=0.02, pd_at_rest=0.02,
            polarized=_test("no polarization", 1e-9),
        ),
        "companion": {
            "along": _test("none along", 0.02, **free), "free_angle": _test("none", 0.02, **free),
            "at_rest": free,
        },
        "notes": ["a note of behaviour"],
    }  # fmt: skip


def radial(source="pulsar", observation="01"):
    cells = [
        {
            "radius_min": 30.0 * i, "radius_max": 30.0 * (i + 1), "angle_min": 0.0,
            "angle_max": 360.0, "energy_min": 2.0, "energy_max": 8.0, "counts": 500.0,
            "aligned_q_norm": q, "aligned_u_norm": 0.01, "aligned_q_norm_variance": v,
            "aligned_u_norm_variance": v, "aligned_pd": q, "aligned_pd_err": 0.03,
            "mdp99": 0.1, "aligned_significance": 5.0,
        }
        for i, (q, v) in enumerate(((0.25, 9e-4), (None, None)))
    ]  # fmt: skip
    return {
        "source": source, "observation": observation, "model": "tangential",
        "model_angle_deg": None, "annuli": cells,
        "total_aligned": [{"energy_min": 2.0, "energy_max": 8.0, "q_norm": 0.2,
                           "q_norm_variance": 4e-4, "alignment_sigma": 10.0, "mdp99": 0.06}],
        "trials": {"p_global": 1e-12, "sigma_global": 7.1, "simulations": 0,
                   "p_global_simulated": None},
        "notes": ["a note of annuli"],
    }  # fmt: skip


def sky_map():
    return {
        "observation": "01", "notes": ["a note of the map"],
        "bins": [{"energy_min": 2.0, "energy_max": 8.0, "pixels": 100, "above_mdp99": 12,
                  "above_mdp99_expected_by_chance": 1.0}],
        "trials": {"p_global": 0.0, "sigma_global": None, "simulations": 200,
                   "p_global_simulated": 1 / 201},
        "most_significant": {"ra": 150.01, "dec": 2.21, "pd": 0.35, "pd_err": 0.03,
                             "pa_deg": -41.9, "pa_err_deg": 2.8},
    }  # fmt: skip


def fit():
    def value(number, unit=""):
        return {"value": number, "lower": 0.9 * number, "upper": 1.1 * number, "unit": unit,
                "frozen": False}  # fmt: skip

    return {
        "statistic": {"name": "chi2", "value": 512.3, "dof": 498},
        "parameters": {"polconst.A": value(0.081), "polconst.psi": value(31.2, "deg")},
        "no_polarization": {"delta": 1412.0, "dof": 2, "p_value": 0.0, "log10_p": -306.62,
                            "significance": 37.5},
        "constant_polarization": None,
        "energy_bins": [
            {"energy_min": 2.0, "energy_max": 4.0, "pd": 0.079, "pd_err": 0.009, "pa_deg": 31.0,
             "pa_err_deg": 3.2, "significance": 8.4},
            {"energy_min": 4.0, "energy_max": 8.0, "pd": None, "pd_err": None, "pa_deg": None,
             "pa_err_deg": None, "significance": None},
        ],
        "polarization_curve": {"energy_kev": [2.0, 8.0], "pd": [0.08, 0.08], "pa_deg": [31, 31]},
        "fluxes": [{"energy_min": 2.0, "energy_max": 8.0, **value(2.1e-12, "erg/cm2/s")}],
        "goodness": {"p_value": 0.31}, "model": {"expression": "tbabs*(polconst*powerlaw)"},
        "notes": ["a note of the fit"],
    }  # fmt: skip


def companion():
    points = [
        {"mjd": 60000.0 + i, "pd": 0.1, "pd_err": 0.01, "pd_debiased": 0.099, "pa_deg": 20.0,
         "pa_err_deg": 2.9, "pa_resolved_deg": 20.0 + 180 * i, "branch_probability": None}
        for i in range(3)
    ]  # fmt: skip
    return {
        "name": "optical", "file": "optical.ecsv", "points": points,
        "mean": {"pd": 0.006, "pd_err": 0.002, "mean_pd_debiased": 0.1, "scatter_pd": 0.0085,
                 "constancy": {"statistic": 3786.0, "dof": 46, "log_p": -1775.5, "p": 0.0}},
        "episodes": [{
            "mjd_start": 60000.0, "mjd_stop": 60002.0, "amplitude_deg": 132.0,
            "amplitude_err_deg": 3.2, "rate_deg_per_day": 12.1, "rate_err": 0.4,
            "branch_probability": 1.0,
        }],
        "walks": {"swing_deg": 188.7, "p_swing": 0.0123, "p_rate": 0.001, "walks": 1000},
        "path_probability": 0.97, "ambiguous_steps": 2, "change_rate": 11.3,
        "notes": ["a note of the companion"],
    }  # fmt: skip
