"""Event files of polarized sources, drawn through the responses of the units."""

from pathlib import Path

import numpy as np

from xsurvey.missions import get_mission
from xsurvey.missions.ixpe_stokes import find_stokes_responses

from ..mission_files import write_ixpe

LIVETIME = 900.0
"""Of `write_ixpe`, s."""


def draw_observation(
    folder: Path, *, seed: int = 1, norm: float = 2.0, index: float = 2.0, degree: float = 0.3,
    angle: float = 35.0, background: int = 4000, date: str = "2022-03-07", name: str = "drawn",
    weighted: bool = False, **header: object,
) -> list[Path]:  # fmt: skip
    """Write the files of three units: a power law in the middle, and a flat background.

    norm in photon/(cm2 s keV) at 1 keV, background in events of each unit; others as written.
    Weighted events have the responses of weights, and all the same weight of a half.
    """
    generator = np.random.default_rng(seed)
    psf = get_mission("ixpe").psf()
    fractions = (np.arange(500) + 0.5) / 500
    radii = np.array([float(psf.radius(f, np.zeros(()))) for f in fractions]) / 2.6
    found = find_stokes_responses((1, 2, 3), date, "neff" if weighted else "none")
    paths = []
    for unit in found.units:
        low, high = unit.arf.energy_low, unit.arf.energy_high
        photons = norm * (low ** (1 - index) - high ** (1 - index)) / (index - 1)
        number = generator.poisson(photons * unit.arf.effective_area * LIVETIME)
        matrix = unit.rmf.matrix.toarray()
        channel = np.concatenate([
            generator.choice(matrix.shape[1], n, p=row / row.sum())
            for n, row in zip(number, matrix, strict=True)
        ])  # fmt: skip
        factor = np.repeat(unit.mrf.effective_area / unit.arf.effective_area, number)
        phase = generator.uniform(0, 2 * np.pi, len(channel))
        kept = generator.random(len(channel)) < (1 + degree * factor * np.cos(phase)) / 2
        phase = np.where(kept, phase, phase + np.pi) + 2 * np.radians(angle)
        radius = np.interp(generator.random(len(channel)), fractions, radii)
        place = generator.uniform(0, 2 * np.pi, len(channel))
        x = np.append(300.5 + radius * np.cos(place), generator.uniform(150, 450, background))
        y = np.append(300.5 + radius * np.sin(place), generator.uniform(150, 450, background))
        phase = np.append(phase, generator.uniform(0, 2 * np.pi, background))
        channel = np.append(channel, generator.integers(25, 300, background))
        total = len(x)
        columns = {
            "TIME": ("D", 7e8 + np.linspace(0, 1000, total)), "PI": ("J", channel),
            "W_MOM": ("E", np.full(total, 0.5)), "X": ("E", x), "Y": ("E", y),
            "Q": ("D", 2 * np.cos(phase)), "U": ("D", 2 * np.sin(phase)),
        }  # fmt: skip
        path = folder / f"{name}_du{unit.detector}.fits"
        keywords = {"MJDREFI": 51544, **header}
        paths.append(write_ixpe(path, unit.detector, columns, **keywords))
    return paths
