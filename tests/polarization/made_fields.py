"""Event files of polarized fields, and responses to measure them with, made by hand."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from ..mission_files import START, write_ixpe

PIXEL = 2.6
MIDDLE = 300.5
UNITS = (1, 2, 3)
CHANNELS = np.arange(50, 200)
ENERGY = 0.04 * np.arange(375) + 0.02


def factor_at(energy: np.ndarray) -> np.ndarray:
    """Return a modulation factor that rises with energy as those of gas detectors do."""
    return np.clip(0.6 * (1 - np.exp(-np.maximum(energy - 1, 0) / 3)), 0.02, 0.6)


def area_at(energy: np.ndarray, unit: int) -> np.ndarray:
    """Return an effective area, cm2."""
    return (8 - 0.3 * unit) * np.exp(-energy / 3)


def write_responses(folder: Path) -> Path:
    """Write areas and modulation factors of the three units, for events weighted or not."""
    folder.mkdir(parents=True, exist_ok=True)
    low = ENERGY[25:300] - 0.02
    for unit in UNITS:
        for flavour in ("", "_alpha075", "_alpha075simple"):
            area = area_at(low + 0.02, unit)
            name = f"ixpe_d{unit}_obssim20230101{flavour}"
            _table(folder / f"{name}_v013.arf", low, area, "cm2")
            if flavour != "_alpha075simple":
                values = factor_at(low + 0.02)
                _table(folder / f"{name}_mfact_v013.fits", low, values, "")
    return folder


def _table(path: Path, low: np.ndarray, values: np.ndarray, unit: str) -> None:
    hdu = fits.BinTableHDU.from_columns([
        fits.Column("ENERG_LO", "E", unit="keV", array=low),
        fits.Column("ENERG_HI", "E", unit="keV", array=low + 0.04),
        fits.Column("SPECRESP", "E", unit=unit, array=values),
    ], name="SPECRESP")  # fmt: skip
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)


def phases(
    channel: np.ndarray, degree: np.ndarray, angle: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Return 2 psi of events with the density 1 + mu P cos(2 psi - 2 psi0); angles in degrees."""
    m = np.broadcast_to(degree, channel.shape) * factor_at(ENERGY[channel])
    phase = generator.uniform(0, 2 * np.pi, len(channel))
    phase += np.pi * (generator.random(len(channel)) > (1 + m * np.cos(phase)) / 2)
    return phase + 2 * np.radians(angle)


def write_field(
    folder: Path, x: np.ndarray, y: np.ndarray, degree: np.ndarray | float = 0.0,
    angle: np.ndarray | float = 0.0, seed: int = 1, *, weighted: bool = False, **header: object,
) -> list[Path]:  # fmt: skip
    """Write events at sky pixels, each of a degree and an angle (deg), dealt to the units."""
    generator = np.random.default_rng(seed)
    channel = generator.choice(CHANNELS, len(x), p=_shares())
    phase = phases(channel, degree, np.broadcast_to(angle, x.shape), generator)
    weight = generator.uniform(0.1, 1.5, len(x)) if weighted else np.ones(len(x))
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for unit in UNITS:
        own = slice(unit - 1, None, 3)
        columns = {
            "TIME": ("D", START + np.linspace(0, 1000, len(x[own]))), "PI": ("J", channel[own]),
            "W_MOM": ("E", weight[own]), "X": ("E", x[own]), "Y": ("E", y[own]),
            "Q": ("D", 2 * np.cos(phase[own])), "U": ("D", 2 * np.sin(phase[own])),
        }  # fmt: skip
        paths.append(write_ixpe(folder / f"field_du{unit}.fits", unit, columns, **header))
    return paths


def _shares() -> np.ndarray:
    share = ENERGY[CHANNELS] ** -1.5 * np.exp(-ENERGY[CHANNELS] / 4)
    return np.asarray(share / share.sum())


def disk(
    number: int, radius: float, generator: np.random.Generator, inner: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return sky pixels uniform in a disk or ring of radii in arcsec about the middle."""
    r = np.sqrt(generator.uniform(inner**2, radius**2, number)) / PIXEL
    phi = generator.uniform(0, 2 * np.pi, number)
    return MIDDLE + r * np.cos(phi), MIDDLE + r * np.sin(phi)


def direction(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return position angles from the middle, north through east: east is towards lower x."""
    return np.degrees(np.arctan2(-(x - MIDDLE), y - MIDDLE))
