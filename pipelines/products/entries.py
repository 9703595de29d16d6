"""What is known of a product file: the facts that an index and ObsCore need."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import astropy.units as u
import numpy as np

from xsurvey.events import EventList
from xsurvey.imaging.cutout import PixelBox
from xsurvey.imaging.sky_image import ImageGrid
from xsurvey.units import EnergyBand

EVENTS, IMAGE, PSF, FLUX, REGION = "event list", "image", "psf", "flux posterior", "region"
LIGHT_CURVE, SPECTRUM = "light curve", "spectrum"


@dataclass(frozen=True)
class ProductEntry:
    """One file.

    Attributes
    ----------
    number : int
        Of the source in its stack; 0 for files of the stack as a whole.
    kind : str
        ``event list``, ``image``, ...
    path : str
        Relative to the folder of the stack.
    size : int
        Bytes.
    observation, obs_id, facility, instrument : str
        Empty where the file is of several.
    band : str
        Label, empty where it is of all energies.
    t_min, t_max : float
        MJD (UTC); NaN where not known.
    t_exptime : float
        Livetime, s.
    em_min, em_max : float
        Wavelengths, m.
    s_fov : float
        Diameter, deg.
    s_region : str
        STC-S.
    s_xel1, s_xel2 : int
        Pixels of an image.
    s_resolution : float
        Diameter that holds half of a source's photons, arcsec.
    """

    number: int
    kind: str
    path: str
    size: int = 0
    observation: str = ""
    obs_id: str = ""
    facility: str = ""
    instrument: str = ""
    band: str = ""
    t_min: float = float("nan")
    t_max: float = float("nan")
    t_exptime: float = float("nan")
    em_min: float = float("nan")
    em_max: float = float("nan")
    s_fov: float = float("nan")
    s_region: str = ""
    s_xel1: int = -1
    s_xel2: int = -1
    s_resolution: float = float("nan")

    def as_json(self) -> dict[str, Any]:
        """Return the entry for an index in JSON: without what is not known."""
        values = asdict(self).items()
        known = {k: v for k, v in values if v not in ("", -1)}
        return {k: v for k, v in known.items() if not (isinstance(v, float) and np.isnan(v))}

    def of(self, kind: str, path: str, size: int, **changed: Any) -> ProductEntry:
        """Return the entry of another file of the same source and observation."""
        return replace(self, kind=kind, path=path, size=size, **changed)


def observation_facts(events: EventList) -> dict[str, Any]:
    """Return the fields of an entry that an observation decides."""
    observation = events.observation
    every = [g for g in events.gti.values() if len(g.start)]
    t_min = observation.mjd(min((g.start[0] for g in every), default=np.nan))
    t_max = observation.mjd(max((g.stop[-1] for g in every), default=np.nan))
    return {
        "obs_id": observation.obs_id, "facility": observation.telescope,
        "instrument": observation.instrument, "t_min": t_min, "t_max": t_max,
        "t_exptime": float(events.livetime),
    }  # fmt: skip


def wavelengths(band: EnergyBand) -> dict[str, Any]:
    """Return the shortest and longest wavelength of a band, as fields of an entry."""
    longest, shortest = ((e * u.keV).to_value(u.m, u.spectral()) if e > 0 else np.nan for e in band)
    return {"em_min": float(shortest), "em_max": float(longest)}


def sky_box(grid: ImageGrid, box: PixelBox) -> dict[str, Any]:
    """Return the fields of an entry that the pixels of a cut-out decide."""
    x = np.array([box.x0, box.x1, box.x1, box.x0]) - 0.5
    y = np.array([box.y0, box.y0, box.y1, box.y1]) - 0.5
    ra, dec = grid.to_icrs(x, y)
    corners = " ".join(f"{a:.6f} {b:.6f}" for a, b in zip(ra, dec, strict=True))
    rows, columns = box.shape
    return {
        "s_region": f"POLYGON ICRS {corners}",
        "s_fov": float(np.hypot(rows, columns) * grid.pixel_size / 3600),
        "s_xel1": columns, "s_xel2": rows,
    }  # fmt: skip
