"""Light curves made for tests, as objects and as files like those of strangers."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from xsurvey.timing.light_curve import LightCurve
from xsurvey.units import EnergyBand


def survey_light_curve(
    rates: tuple[float, ...] = (0.5,), visits: int = 12, flare: float = 1.0, seed: int = 1
) -> LightCurve:
    """Visits of 40 s every 4 hours over a background, the fifth visit brighter by a factor."""
    generator = np.random.default_rng(seed)
    shape = (visits, len(rates))
    exposure = generator.uniform(5, 38, (visits, 1)) * np.ones(shape)
    scale = np.full(shape, 0.03)
    factor = np.where(np.arange(visits) == 4, flare, 1)[:, None]
    background = 0.05 * exposure / scale
    counts = generator.poisson(np.array(rates) * factor * exposure + scale * background)
    edges = [0.2, 0.6, 2.3, 5.0]
    return LightCurve(
        time=6.3e8 + 14400.0 * np.arange(visits), timedel=np.full(visits, 40.0),
        bands=tuple(EnergyBand(edges[i], edges[i + 1]) for i in range(len(rates))),
        counts=counts.astype(float), background_counts=generator.poisson(background).astype(float),
        background_scale=scale, exposure=exposure, reference_mjd=51543.875, time_scale="TT",
        telescope="Meridian", instrument="CCD", target="flare star",
    )  # fmt: skip


def write_table(
    path: Path, columns: dict[str, tuple[str, np.ndarray]], name: str = "RATE", **header: object
) -> Path:
    """Write a table; columns are FITS formats and values."""
    hdu = fits.BinTableHDU.from_columns(
        [fits.Column(n, form, array=values) for n, (form, values) in columns.items()], name=name
    )
    for key, value in header.items():
        hdu.header[key] = value
    hdu.writeto(path, overwrite=True)
    return path


def srctool_columns(bins: int = 6, seed: int = 2) -> dict[str, tuple[str, np.ndarray]]:
    """Columns as srctool writes them, two bands."""
    generator = np.random.default_rng(seed)
    return {
        "TIME": ("D", 100.0 + 10 * np.arange(bins)),
        "TIMEDEL": ("D", np.full(bins, 10.0)),
        "COUNTS": ("2J", generator.poisson(9, (bins, 2))),
        "FRACEXP": ("2E", generator.uniform(0.3, 0.9, (bins, 2))),
        "BACK_COUNTS": ("2E", generator.poisson(30, (bins, 2)).astype(float)),
        "BACKRATIO": ("D", np.full(bins, 0.02)),
    }
