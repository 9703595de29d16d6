r"""Expected counts of all regions of a layout, as a function of the gas in annuli and of the sky.

Of region i and detector group g they are

.. math:: A_{ig}\Big[e^{-N_H\sigma} \sum_j \mu_{ij} n_j f(kT_j, Z_j)
   + \Omega_{ig} (b_i + (1 + \delta_i) c)\Big] + p_g P_{ig}

with the folding A, the solid angle :math:`\mu_{ij}` of annulus j whose light is counted in i (of
gas between annuli, see `xsurvey.profiles.light_between_annuli`), norms
n per arcmin2, plasmas f, the sky's foreground b and unresolved sources c per arcmin2 on the
counted solid angle :math:`\Omega`, the deviation :math:`\delta` of the sources (or of all of the
sky), and the template P of particles with its scale p. What is folded is folded once
(`folded_plasma`): a batch of parameters costs a product a spectrum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError
from xsurvey.profiles.folded_plasma import Absorbed, folded_plasma, nodes_between
from xsurvey.profiles.light_between_annuli import LightBetweenAnnuli
from xsurvey.profiles.outskirts import Outskirts
from xsurvey.profiles.region_spectrum import RegionSpectra, RegionSpectrum
from xsurvey.spectra.models.settings import ModelSettings

_LEAST_NORM = 1e-30


@dataclass(frozen=True)
class GasColumns:
    """Columns of the parameters of the plasmas, among all parameters.

    Attributes
    ----------
    place : ndarray of int, shape (a,)
        Annulus, by its place among the annuli, that each plasma is in.
    kt, abundance, norm : ndarray of int, shape (a,)
    """

    place: np.ndarray
    kt: np.ndarray
    abundance: np.ndarray
    norm: np.ndarray


@dataclass(frozen=True)
class BackgroundColumns:
    """Columns of the sky's parameters (r,), and of the particles' scale (s,) of each spectrum.

    ``outskirts`` is that of the logarithm by which brightness beyond the last annulus is off.
    ``sources_scatter`` tells that deviations are of the unresolved sources, not of all of the sky.
    """

    lhb_kt: np.ndarray
    lhb_norm: np.ndarray
    halo_kt: np.ndarray
    halo_norm: np.ndarray
    cxb_norm: np.ndarray
    scatter: np.ndarray
    particles: np.ndarray
    outskirts: int | None = None
    sources_scatter: bool = True


class FoldedSpectra:
    """All that is folded once for a joint fit.

    Parameters
    ----------
    spectra : RegionSpectra
    redshift : float
    nh : ndarray, shape (r,)
        Column density towards each region, 1e22 cm-2.
    kt_range, lhb_range, halo_range : (float, float)
        keV, within which temperatures will be.
    cxb_index : float
    settings : ModelSettings, optional

    Attributes
    ----------
    spectra, redshift, settings
        As given.
    gas, lhb, halo : TemperatureNodes
    templates : list of ndarray, shape (t, m)
        Of each spectrum: gas without metals and what metals add, at the nodes; Local Hot Bubble
        and halo at theirs; power law; particles.
    shares : ndarray, shape (s,)
        Of each spectrum: its solid angle over that of its region, which mixing is of.
    """

    def __init__(
        self, spectra: RegionSpectra, redshift: float, nh: np.ndarray,
        kt_range: tuple[float, float], lhb_range: tuple[float, float],
        halo_range: tuple[float, float], cxb_index: float, settings: ModelSettings | None = None,
    ) -> None:  # fmt: skip
        settings = settings or ModelSettings()
        self.spectra, self.redshift, self.settings = spectra, redshift, settings
        self.gas = nodes_between(*kt_range, settings)
        self.lhb = nodes_between(*lhb_range, settings)
        self.halo = nodes_between(*halo_range, settings)
        self.shares = group_shares(spectra)
        models = Absorbed(settings)
        self.templates = [
            self._templates(models, s, redshift, float(nh[s.region]), cxb_index)
            for s in spectra.spectra
        ]

    def _templates(
        self, models: Absorbed, spectrum: RegionSpectrum, redshift: float, nh: float, index: float
    ) -> np.ndarray:
        data = spectrum.dataset
        bare, metals = folded_plasma(models, data, self.gas, redshift, nh)
        lhb = folded_plasma(models, data, self.lhb, 0.0, None, (1.0,))[0]
        halo = folded_plasma(models, data, self.halo, 0.0, nh, (1.0,))[0]
        cxb = models.folded(data, "tbabs*powerlaw", np.array([[nh, index, 1.0]]))
        sky = np.concatenate((lhb, halo, cxb)) * spectrum.area
        return np.concatenate((bare, metals - bare, sky, spectrum.particle[None, :]))


class AnnuliModel:
    """Expected counts of all spectra, for all parameters of a fit.

    Parameters
    ----------
    folded : FoldedSpectra
    mixing : ndarray, shape (r, n)
        arcmin2 of each of n annuli (or, for shells, the part of each) that is counted in a region.
    gas : GasColumns
    background : BackgroundColumns
    outskirts : Outskirts, optional
        What lies beyond the last annuli; its parameter is one of the background's.
    between : LightBetweenAnnuli, optional
        What the PSF moves is of gas between annuli; of one spectrum an annulus without it.
    """

    def __init__(
        self, folded: FoldedSpectra, mixing: np.ndarray, gas: GasColumns,
        background: BackgroundColumns, outskirts: Outskirts | None = None,
        between: LightBetweenAnnuli | None = None,
    ) -> None:  # fmt: skip
        self.folded, self.gas, self.background = folded, gas, background
        self._between = between
        self._mixing = mixing[:, gas.place]
        self._beyond = None if outskirts is None else outskirts.mixing[:, gas.place]
        self._kt_factor = None if outskirts is None else outskirts.kt_factor[gas.place]

    def expected(self, full: np.ndarray, only: int | None = None) -> list[np.ndarray]:
        """Return the expected counts of the spectra, (b, m) each, or those of one of them.

        Parameters
        ----------
        full : ndarray, shape (b, p)
            All parameters.
        only : int, optional
            Place of a spectrum.
        """
        weights = self._plasma_weights(full)
        beyond = self._weights_beyond(full, weights)
        sky = self._sky_weights(full)
        annuli = None if self._between is None else self._annuli(full)
        result = []
        for place, spectrum in enumerate(self.folded.spectra.spectra):
            if only is not None and place != only:
                continue
            if annuli is None or self._between is None:
                gas = self._mixing[spectrum.region] @ weights
            else:
                gas = self._between.weights(*annuli, spectrum.region)
            if self._beyond is not None:
                gas += self._beyond[spectrum.region] @ beyond
            gas *= self.folded.shares[place]
            scale = full[:, self.background.particles[place], None]
            row = np.concatenate((gas, sky[spectrum.region], scale), axis=1)
            result.append(row @ self.folded.templates[place])
        return result

    def _annuli(self, full: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the brightness of annuli, (b, n), and weights for a norm of one, (b, n, 2 n)."""
        assert self._between is not None
        seen = self._between.projection[:, self.gas.place]
        # of gas without a norm, too, is known what it would shine like
        least = np.maximum(full[:, self.gas.norm], _LEAST_NORM)
        norm = least @ seen.T
        plasma = seen @ self._plasma_weights(full, norm=least)
        return full[:, self.gas.norm] @ seen.T, plasma / norm[:, :, None]

    def _weights_beyond(self, full: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the weights of what lies beyond each plasma, (b, a, 2 n): none without it."""
        if self._kt_factor is None or self.background.outskirts is None:
            return weights
        if np.any(self._kt_factor != 1):
            weights = self._plasma_weights(full, self._kt_factor)
        return weights * np.exp(full[:, self.background.outskirts, None, None])

    def _plasma_weights(
        self, full: np.ndarray, factor: np.ndarray | float = 1.0, norm: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the weights of the nodes without and with metals, (b, a, 2 n)."""
        norm = (full[:, self.gas.norm] if norm is None else norm)[..., None]
        nodes = self.folded.gas
        kt = np.clip(full[:, self.gas.kt] * factor, nodes.kt[0], nodes.kt[-1])
        weights = nodes.weights(kt) * norm
        return np.concatenate((weights, weights * full[:, self.gas.abundance, None]), axis=2)

    def _sky_weights(self, full: np.ndarray) -> list[np.ndarray]:
        """Return, of each region, the weights of the sky's templates, (b, t)."""
        own = self.background
        result = []
        kept: dict[int, np.ndarray] = {}
        for region in range(len(own.scatter)):
            for columns, nodes in ((own.lhb_kt, self.folded.lhb), (own.halo_kt, self.folded.halo)):
                column = int(columns[region])
                if column not in kept:
                    kept[column] = nodes.weights(full[:, column])
            brighter = 1 + full[:, own.scatter[region], None]
            foreground = 1.0 if own.sources_scatter else brighter
            parts = (
                kept[int(own.lhb_kt[region])] * full[:, own.lhb_norm[region], None] * foreground,
                kept[int(own.halo_kt[region])] * full[:, own.halo_norm[region], None] * foreground,
                full[:, own.cxb_norm[region], None] * brighter,
            )
            result.append(np.concatenate(parts, axis=1))
        return result


def group_shares(spectra: RegionSpectra) -> np.ndarray:
    """Return the solid angle of each spectrum over the mean of its region's spectra, (s,).

    The mixing matrix is of regions; where a group of detectors saw more or less of one than the
    others (weighted by exposure), so much more or less of all light came to it.
    """
    totals: dict[int, tuple[float, float]] = {}
    for s in spectra.spectra:
        if not (s.area > 0 and s.dataset.exposure > 0):
            raise InputError(s.dataset.name, "has no exposed solid angle", "leave the region out")
        area, time = totals.get(s.region, (0.0, 0.0))
        totals[s.region] = area + s.area * s.dataset.exposure, time + s.dataset.exposure
    return np.array([s.area * totals[s.region][1] / totals[s.region][0] for s in spectra.spectra])


def region_areas(spectra: RegionSpectra) -> np.ndarray:
    """Return the counted solid angle of each region, arcmin2, shape (r,): mean of its groups."""
    area, time = np.zeros((2, len(spectra.layout.regions)))
    for s in spectra.spectra:
        area[s.region] += s.area * s.dataset.exposure
        time[s.region] += s.dataset.exposure
    return np.divide(area, time, out=np.zeros_like(area), where=time > 0)


def annuli_of(spectra: RegionSpectra) -> list[int]:
    """Return the places of the annuli among the regions.

    Raises
    ------
    InputError
        There is none, or no region of the sky, or a region has no spectrum.
    """
    regions = spectra.layout.regions
    annuli = [i for i, region in enumerate(regions) if region.kind == "annulus"]
    if not annuli:
        raise InputError("annuli", "there are none", "give edges of annuli")
    if len(annuli) == len(regions):
        raise InputError("annuli", "there is no region of the sky", "give one or more")
    missing = set(range(len(regions))) - {s.region for s in spectra.spectra}
    if missing:
        names = ", ".join(regions[i].name for i in sorted(missing))
        raise InputError(names, "has no spectrum", "leave the region out of the layout")
    return annuli


def check_spectra(spectra: RegionSpectra) -> None:
    """Refuse what cannot be fitted.

    Raises
    ------
    InputError
        Shapes do not belong together, or numbers are no numbers or negative.
    """
    count = len(spectra.layout.regions)
    if spectra.mixing.shape != (count, count) or spectra.geometric_area.shape != (count,):
        raise InputError(
            "mixing matrix", f"of shape {spectra.mixing.shape} does not belong to {count} regions",
            "make it of the same layout",
        )  # fmt: skip
    _check_finite("mixing matrix", spectra.mixing)
    for s in spectra.spectra:
        if len(s.particle) != len(s.dataset.counts):
            raise InputError(
                s.dataset.name, f"has {len(s.dataset.counts)} groups of channels, its particles "
                f"{len(s.particle)}", "group both alike",
            )  # fmt: skip
        _check_finite(f"particles of {s.dataset.name}", s.particle)
        _check_finite(f"particles' variance of {s.dataset.name}", s.particle_variance)


def _check_finite(subject: str, values: Sequence[float] | np.ndarray) -> None:
    if not (np.isfinite(values).all() and np.min(values, initial=0.0) >= 0):
        raise InputError(subject, "is negative or not finite", "make it again")
