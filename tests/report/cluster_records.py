"""Records of a made-up cluster, in the form in which the stages of its pipeline write them."""

import numpy as np

EDGES = np.r_[0.0, np.geomspace(0.5, 30, 13)]


def interval(value, spread=0.1, **more):
    ends = {"lower": None, "upper": None}
    if value is not None:
        ends = {"lower": value * (1 - spread), "upper": value * (1 + spread)}
    return {"value": value, **ends, **more}


def brightness(sectors=True, models=("beta",)):
    middle, width = (EDGES[1:] + EDGES[:-1]) / 2, np.diff(EDGES)
    light = 0.2 * (1 + (middle / 2) ** 2) ** -1.5 + 1e-3
    names = {"beta": {"norm": 0.2, "rc": 2.0, "beta": 2 / 3, "background": 1e-3}}
    part = {
        "brightness": light.tolist(), "brightness_err": (0.1 * light).tolist(),
        "brightness_lower": (0.9 * light).tolist(), "brightness_upper": (1.1 * light).tolist(),
        "significance": [*(light[:-1] / 1e-3).tolist(), None],
    }  # fmt: skip
    fits = {
        name: {
            "statistic": {"name": "cstat", "value": 12.3, "dof": 9},
            "parameters": {
                k: interval(v, unit="arcmin" if k == "rc" else None, frozen=False)
                for k, v in names[name].items()
            },
        }
        for name in models
    }  # fmt: skip
    record = {
        "center": {"ra": 150.0, "dec": -2.0}, "band": [0.5, 2.0], "ellipse": None, "sector": None,
        "radius_arcmin": middle.tolist(), "radius_width_arcmin": width.tolist(), **part,
        "fits": fits, "notes": ["a note <b>of stars</b>"], "exposure_map": "APPROX",
        "sky": {"level": 1e-3, "level_error": 1e-5, "scatter": 2e-5,
                "scatter_area_arcmin2": 600.0, "unit": "count / (s arcmin2)"},
        "radii": {
            "whole": {"sigma": 9.0, "inner_arcmin": 0.0, "outer_arcmin": 30.0},
            "r200": {"sigma": 2.5, "inner_arcmin": 18.0, "outer_arcmin": 22.0}, "r500": None,
        },
        "background_error": 0.05,
        "target": {"redshift": 0.05, "nh": 0.08, "r200": "1200arcsec", "r500": None, "h0": 70.0,
                   "omega_m": 0.3},
    }  # fmt: skip
    if sectors:
        record["sectors"] = [
            {"sector": [0.0, 180.0], **part, "fits": fits},
            {"sector": [180.0, 360.0], "name": "south", **part, "fits": {}},
        ]
        record["sector_excess"] = [{
            "inner_arcmin": 0.0, "outer_arcmin": 20.0, "sectors": [
                {"sector": [0.0, 180.0], "sigma": 4.25, "ratio": 1.31, "counts": 9e3,
                 "expected": 7e3},
                {"sector": [180.0, 360.0], "sigma": -3.5, "ratio": None, "counts": 7e3,
                 "expected": 9e3},
            ],
        }]  # fmt: skip
        record["azimuthal_scatter"] = {
            "value": [0.1] * len(middle), "statistical": [0.05] * len(middle),
        }  # fmt: skip
    return record


def spectral():
    annuli = []
    for i, (inner, outer) in enumerate(((0.0, 2.0), (2.0, 5.0), (5.0, 12.0))):
        none = interval(None)
        annuli.append({
            "name": f"annulus_0{i + 1}", "inner_arcmin": inner, "outer_arcmin": outer,
            "sector": None, "counts": 4000.0, "flags": 4 if i == 2 else 0,
            "two_temperature_gain": None if i else 3.2, "kt": interval(3.0 - 0.5 * i),
            "abundance": interval(0.4), "norm": interval(1e-3 / (1 + i) ** 3),
            "kt_cool": none if i else interval(0.9), "norm_cool": none if i else interval(1e-5),
            "flux": interval(1e-12),
        })  # fmt: skip
    low = np.linspace(0.5, 6.9, 65)
    shape = 100 * np.exp(-low)
    spectra = [
        {"region": name, "group": "ALL", "exposure_s": 1e4, "energy_low": low.tolist(),
         "energy_high": (low + 0.1).tolist(), "counts": np.round(shape).tolist(),
         "model": shape.tolist(), "sky": (0.2 * shape).tolist(),
         "particles": (0.1 * shape).tolist()}
        for name in ("annulus_01", "sky_sector_1")
    ]  # fmt: skip
    return {
        "annuli": annuli, "spectra": spectra, "deprojected": False, "confidence": 0.683,
        "kt_covariance_kev2": (0.01 * np.eye(3)).tolist(),
        "statistic": {"name": "cstat", "value": 800.0, "dof": 700},
        "goodness": {"expected": 720.0, "standard_deviation": 38.0},
        "background": {
            "lhb.kT": interval(0.1, unit="keV", frozen=True),
            "halo_1.norm": interval(1e-6, unit="cm-5"), "halo_2.norm": interval(2e-6, unit="cm-5"),
            "sky_scatter.annulus_01": {"value": 0.01, "lower": None, "upper": None, "unit": "",
                                       "prior": "normal:0,0.05,-0.9,10"},
            "particles.ALL": {"value": None, "lower": None, "upper": None, "unit": ""},
        },
        "notes": ["a note <b>of stars</b>"], "target": {"redshift": 0.05},
    }  # fmt: skip


def density():
    radius = np.geomspace(0.3, 28, 30)
    record = {"method": "multiscale", "confidence": 0.683, "kpc_per_arcmin": 58.6,
              "converged": True, "notes": [], "radius_arcmin": radius.tolist()}  # fmt: skip
    for name, values in (
        ("density", 1e-2 * (1 + radius**2) ** -1), ("log_slope", -2 * radius / (1 + radius)),
        ("gas_mass", 1e12 * radius**2),
    ):  # fmt: skip
        spread = 0.1 * np.abs(values)
        record |= {name: values.tolist(), f"{name}_lower": (values - spread).tolist(),
                   f"{name}_upper": (values + spread).tolist()}  # fmt: skip
    return record


def mass():
    radius = np.geomspace(0.5, 25, 20)

    def columns(values, unit):
        return {"value": values.tolist(), "lower": (0.9 * values).tolist(),
                "upper": (1.1 * values).tolist(), "unit": unit}  # fmt: skip

    return {
        "converged": False, "notes": [], "confidence": 0.683,
        "quantities": {
            "m500": interval(1.2e14, unit="solMass", confidence=0.683),
            "r500": interval(740.0, unit="kpc"), "r200": interval(1100.0, unit="kpc"),
            "c200": interval(6.2, unit=""),
        },
        "temperatures": {
            "inner_arcmin": [0.0, 2.0], "outer_arcmin": [2.0, 5.0], "kt": [3.0, 2.5],
            "kt_error": [0.2, 0.2], "predicted": [3.1, 2.4], "predicted_lower": [3.0, 2.3],
            "predicted_upper": [3.2, 2.5], "deprojected": False,
        },
        "profiles": {
            "radius_arcmin": radius.tolist(), "density": columns(1e-2 / radius, "cm-3"),
            "temperature": columns(3 - 0.05 * radius, "keV"),
            "entropy": columns(50 * radius, "keV cm2"),
            "pressure": columns(1e-2 / radius**2, "keV cm-3"),
            "cooling_time": columns(3 * radius, "Gyr"), "mass": columns(1e13 * radius, "solMass"),
            "gas_mass": columns(1e12 * radius, "solMass"),
        },
        "comparisons": [
            {"name": "some_profile", "quantity": "entropy", "reference": "Somebody (2005)",
             "radius_arcmin": [1.0, 5.0], "value": [60.0, 240.0], "error": [5.0, 20.0],
             "expected": [55.0, None], "expected_error": [2.0, None], "chi2": 1.2, "dof": 1,
             "p_value": 0.3, "slope": {"slope": 1.0, "error": 0.1, "expected": 1.1}},
            {"name": "theirs", "quantity": "temperature", "radius_arcmin": [],
             "note": "the run has no such profile"},
        ],
    }  # fmt: skip
