"""Spectra of one source in several observations, added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, diags_array

from xsurvey.errors import InputError
from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum, RedistributionMatrix
from xsurvey.spectra.extraction.spectra import ExtractedSpectra


def merge_spectra(spectra: Sequence[ExtractedSpectra]) -> ExtractedSpectra:
    r"""Add up spectra of one source.

    Counts and exposures :math:`t_i` are added; effective areas are means weighted with the
    exposures, and matrices with exposure times area. BACKSCAL of the source is the mean weighted
    with the exposures; that of the background is such that the background scaled to the source,
    :math:`B\,t s/(t_b s_b)`, is the sum of what the single ones give. For spectra whose
    background scales differ much the shape of the background is only nearly right: fit those
    jointly instead.

    Parameters
    ----------
    spectra : sequence of ExtractedSpectra
        At least one; on the same channels.

    Raises
    ------
    InputError
        They have other channels or energies, or some have a background or an effective area and
        others not.
    """
    first = spectra[0]
    if len(spectra) == 1:
        return first
    for other in spectra[1:]:
        _check_alike(first, other)
    exposures = np.array([s.source.exposure for s in spectra])
    source = _added([s.source for s in spectra], _mean([s.source for s in spectra]))
    background = None
    if first.background is not None:
        background = _merged_background(spectra, source)
    pileup = np.array([s.pileup_fraction for s in spectra])
    known = pileup[np.isfinite(pileup)]
    warnings = dict.fromkeys(w for s in spectra for w in s.warnings)
    return ExtractedSpectra(
        source, background, _mean_area(spectra, exposures), _mean_matrix(spectra, exposures),
        float(np.max(known, initial=-1)) if len(known) else float("nan"),
        _common_stamps(spectra), tuple(warnings),
    )  # fmt: skip


def _check_alike(first: ExtractedSpectra, other: ExtractedSpectra) -> None:
    path = other.source.path
    if not np.array_equal(first.source.channels, other.source.channels):
        raise InputError(
            path, f"has other channels than {first.source.path}",
            "merge spectra of one detector, or fit them jointly",
        )  # fmt: skip
    for name in ("background", "arf", "rmf"):
        if (getattr(first, name) is None) != (getattr(other, name) is None):
            raise InputError(
                path, f"has no {name}, or alone has one", "extract all of them in the same way"
            )
    a, b = first.rmf, other.rmf
    if a is not None and b is not None:
        same = len(a.energy_low) == len(b.energy_low) and np.allclose(a.energy_low, b.energy_low)
        bounds = np.allclose(a.channel_low, b.channel_low, atol=1e-5)
        if not (same and bounds):
            raise InputError(
                path, f"has a matrix on other energies than {first.source.path}",
                "give one --rmf for all of them",
            )  # fmt: skip


def _mean(spectra: Sequence[PhaSpectrum]) -> np.ndarray:
    """Return BACKSCAL weighted with the exposures."""
    total = sum(s.exposure for s in spectra)
    return np.asarray(sum(s.exposure * s.backscal for s in spectra) / total)


def _added(spectra: Sequence[PhaSpectrum], backscal: np.ndarray) -> PhaSpectrum:
    names = dict.fromkeys(str(s.header.get("OBS_ID", "")) for s in spectra)
    total = sum(s.exposure for s in spectra)
    area = sum(s.exposure * s.region_area for s in spectra) / total
    header = {
        **spectra[0].header, "OBS_ID": " ".join(names), "NMERGED": len(spectra),
        "EXPAREA": (float(backscal.mean()), "deg2, of the region, exposed (BACKSCAL)"),
    }  # fmt: skip
    for key in ("DATE-OBS", "TSTART", "TSTOP", "RA_PNT", "DEC_PNT", "MJDREF"):
        header.pop(key, None)  # of one of them only
    return replace(
        spectra[0], counts=np.sum([s.counts for s in spectra], axis=0), exposure=total,
        backscal=backscal, region_area=area, header=header,
    )  # fmt: skip


def _merged_background(spectra: Sequence[ExtractedSpectra], source: PhaSpectrum) -> PhaSpectrum:
    backgrounds = [s.background for s in spectra if s.background is not None]
    added = _added(backgrounds, _mean(backgrounds))
    ratios = np.array([
        s.source.exposure * s.source.backscal / (b.exposure * b.backscal)
        for s, b in zip(spectra, backgrounds, strict=True)
    ])  # fmt: skip
    totals = np.array([b.counts.sum() for b in backgrounds], dtype=float)
    if not totals.any():
        totals = np.array([b.exposure for b in backgrounds])
    ratio = totals @ ratios / totals.sum()
    backscal = source.exposure * source.backscal / (added.exposure * ratio)
    header = {
        **added.header,
        "EXPAREA": (float(_mean(backgrounds).mean()), "deg2, of the region, exposed, mean"),
    }
    return replace(added, backscal=backscal, header=header)


def _mean_area(
    spectra: Sequence[ExtractedSpectra], exposures: np.ndarray
) -> AncillaryResponse | None:
    areas = [s.arf for s in spectra if s.arf is not None]
    if not areas:
        return None
    total = exposures @ np.array([a.effective_area for a in areas]) / exposures.sum()
    return replace(areas[0], effective_area=total, exposure=float(exposures.sum()))


def _mean_matrix(
    spectra: Sequence[ExtractedSpectra], exposures: np.ndarray
) -> RedistributionMatrix | None:
    first = spectra[0].rmf
    if first is None:
        return None
    weights = np.array([
        t * (s.arf.effective_area if s.arf is not None else np.ones(len(first.energy_low)))
        for t, s in zip(exposures, spectra, strict=True)
    ])  # fmt: skip
    # where none has any area, a row is their plain mean
    weights = np.where(weights.sum(axis=0) > 0, weights, exposures[:, None])
    weights = weights / weights.sum(axis=0)
    total: csr_array | None = None
    for weight, one in zip(weights, spectra, strict=True):
        assert one.rmf is not None
        part = csr_array(diags_array(weight) @ one.rmf.matrix)
        total = part if total is None else csr_array(total + part)
    assert total is not None
    return replace(first, matrix=total)


def _common_stamps(spectra: Sequence[ExtractedSpectra]) -> dict:
    stamps = dict(spectra[0].stamps)
    for key, (value, comment) in spectra[0].stamps.items():
        others = [s.stamps.get(key, (None, ""))[0] for s in spectra[1:]]
        if all(other == value for other in others):
            continue
        if key in ("EXPMAP", "RMFAPPR", "ARFAPPR"):
            stamps[key] = ("APPROX", comment)
        elif isinstance(value, float):
            stamps[key] = (max([value, *(o for o in others if o is not None)]), comment)
        else:
            stamps[key] = ("MIXED", comment)
    for other in spectra[1:]:
        for key, pair in other.stamps.items():
            stamps.setdefault(key, pair)
    return stamps
