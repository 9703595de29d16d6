r"""The vignetting of a band: the mean over its energies, as a spectrum weights them.

Of a source of :math:`S(E)` photons a band has :math:`\int A(E) S(E) V(\theta, E) dE` counts, with
the effective area A on the optical axis. Over what it has on the axis, this is the vignetting of
the band, and the exposure map that gives rates on the axis is livetime times this. A map is linear
in the vignetting: that of a band costs as much as that of one energy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import optimize

from xsurvey.imaging.attitude_exposure import Vignetting, exposure_by_vignetting
from xsurvey.imaging.exposure import APPROXIMATE
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.missions import Mission

_NODES = 1000  # off-axis angles, between which vignetting is straight to 1e-5
_REACH = 15.0  # arcmin, of fields that are not round: as far as missions' tables are measured
_ENERGIES = 200


@dataclass(frozen=True)
class BandVignetting:
    """Mean vignetting of a band.

    Attributes
    ----------
    mission : Mission
    energies : ndarray, shape (n,)
        keV, ascending.
    weights : ndarray, shape (n,)
        Of the counts on the axis, by the energy of their photons; they add up to one.
    spectrum : str
        What they are of, for headers.
    """

    mission: Mission
    energies: np.ndarray
    weights: np.ndarray
    spectrum: str

    def __call__(self, off_axis: np.ndarray) -> np.ndarray:
        """Return the effective area relative to the optical axis at angles, arcmin."""
        angle = np.abs(np.asarray(off_axis, float))
        nodes = np.linspace(0.0, max(float(np.max(angle, initial=0.0)), 1e-3), _NODES)
        return np.asarray(np.interp(angle, nodes, self._mean(nodes)))

    def _mean(self, off_axis: np.ndarray) -> np.ndarray:
        mean = np.zeros(len(off_axis))
        for energy, weight in zip(self.energies, self.weights, strict=True):
            if weight > 0:
                mean += weight * self.mission.vignetting(off_axis, float(energy))
        return mean

    @cached_property
    def effective_energy(self) -> float:
        """The energy whose vignetting is nearest to the band's over the field, keV.

        By least squares over the solid angle. It is no substitute for the mean where vignetting
        bends with energy: at the edge of a field it may be off by one per cent.
        """
        off_axis = np.linspace(0.0, self.mission.field_radius or _REACH, _NODES)
        mean = self._mean(off_axis)

        def distance(energy: float) -> float:
            difference = self.mission.vignetting(off_axis, energy) - mean
            return float(off_axis @ difference**2)

        used = self.energies[self.weights > 0]
        low, high = float(used[0]), float(used[-1])
        middle = float(np.exp(self.weights @ np.log(self.energies)))
        # where vignetting does not change with energy, the mean energy is as good as any
        some = np.concatenate(([middle], np.geomspace(low, high, _ENERGIES)))
        best = float(some[int(np.argmin([distance(float(e)) for e in some]))])
        step = (high / low) ** (1 / (_ENERGIES - 1))
        if step <= 1:
            return best
        found = optimize.minimize_scalar(
            distance, bounds=(best / step, best * step), method="bounded"
        )
        return float(found.x) if found.fun < distance(best) else best


def has_one_energy(field: Field, label: str) -> bool:
    """Tell whether a map was made here, in seconds, with the vignetting of one energy.

    Maps that were given are what they are, and a scan without attitude has no vignetting.
    """
    image = field.exposure[label]
    stamps = image.stamps
    return (
        field.events is not None and field.mission is not None and image.unit == "s"
        and stamps.get("EXPMAP") == APPROXIMATE and "VIGNSPEC" not in stamps
        and isinstance(stamps.get("VIGNKEV"), int | float)
    )  # fmt: skip


def with_band_vignetting(field: Field, label: str, vignetting: BandVignetting) -> SkyImage:
    """Return an observation's exposure map with the vignetting of its band.

    Parameters
    ----------
    field : Field
    label : str
        Of a band with a map that `has_one_energy`.
    vignetting : BandVignetting

    Returns
    -------
    SkyImage
        Seconds. The map there is times the ratio of exposures with both vignettings, so that
        footprints and cuts are as they were. ``VIGNSPEC`` has the spectrum, ``VIGNKEV`` the
        effective energy.
    """
    image = field.exposure[label]
    mission, energy = vignetting.mission, float(image.stamps["VIGNKEV"])

    def before(off_axis: np.ndarray) -> np.ndarray:
        return mission.vignetting(off_axis, energy)

    stamps = {
        **image.stamps, "VIGNKEV": round(vignetting.effective_energy, 4),
        "VIGNSPEC": vignetting.spectrum,
    }  # fmt: skip
    ratio = _ratio(field, image, before, vignetting)
    return replace(image, data=image.data * ratio, stamps=stamps)


def _ratio(field: Field, image: SkyImage, before: Vignetting, after: Vignetting) -> np.ndarray:
    """Return the ratio of exposures with two vignettings, shape of the image."""
    assert field.events is not None and field.mission is not None
    if field.events.attitude and field.mission.field_radius is not None:
        old, new = exposure_by_vignetting(field.events, image.grid, [before, after], field.mission)
        return np.divide(new, old, out=np.ones(old.shape), where=(old > 0) & (new > 0))
    off_axis = image.grid.off_axis(field.events.observation.pointing)
    return np.asarray(after(off_axis) / before(off_axis))
