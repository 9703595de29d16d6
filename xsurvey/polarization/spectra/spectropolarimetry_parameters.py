"""What a user chooses for a joint fit of Stokes spectra."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from itertools import pairwise
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from xsurvey.parameters import StepParameters
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.units import Band


def _as_for_spectra(name: str) -> Any:
    """Return a field with the meaning that it has in fits of spectra."""
    return copy(SpectrumFitParameters.model_fields[name])


class SpectropolarimetryParameters(StepParameters):
    """How spectra of Stokes I, Q and U are fitted."""

    titles: ClassVar[Mapping[str, str]] = {
        "model": "Model and parameters",
        "stat": "Statistic, energies and units",
        "confidence": "Fit and intervals",
    }

    model: str | None = Field(
        default=None,
        description="Model, in XSPEC's names, with what polarizes its components: "
        "'tbabs*(polconst*powerlaw)'. polconst, pollin and polpow are known.",
    )
    set: tuple[str, ...] = _as_for_spectra("set")
    freeze: tuple[str, ...] = _as_for_spectra("freeze")
    thaw: tuple[str, ...] = _as_for_spectra("thaw")
    limits: tuple[str, ...] = _as_for_spectra("limits")
    link: tuple[str, ...] = _as_for_spectra("link")
    untie: tuple[str, ...] = Field(
        default=(),
        description="Parameter that each detector unit has for itself; of the second it is called "
        "2:component.parameter. Other parameters are the same in all.",
    )
    prior: tuple[str, ...] = _as_for_spectra("prior")
    stat: Literal["chi2", "wstat", "cstat"] = Field(
        default="chi2",
        description="Statistic of Stokes I. chi2: Gaussian, the background subtracted; wstat: "
        "Poisson, with the background's counts profiled out; cstat: Poisson, without a "
        "background. Q and U are Gaussian, with their errors.",
    )
    chi2_variance: Literal["file", "data", "gehrels", "model"] = Field(
        default="file",
        description="What the variances of chi2 of Stokes I are taken from: the errors in the file "
        "(STAT_ERR), which weighted spectra need, the counts, Gehrels' limits, or the model.",
    )
    energy: tuple[Band, ...] = Field(
        default=(),
        description="Energies to fit, in keV; repeat for several ranges. Groups of channels that "
        "overlap them are kept; all if not given.",
    )
    group: str = Field(
        default="none",
        description="How channels of Stokes I are grouped: none, file (the file's own), opt "
        "(optimal for the resolution and the counts), minN (N source counts) or bminN (N "
        "background counts).",
    )
    stokes_group: str = Field(
        default="same",
        description="How channels of Q and U are grouped: same (as I), none, file, or everyN "
        "channels.",
    )
    unit_norms: Literal["free", "one"] = Field(
        default="free",
        description="Norms of the detector units relative to the first: fitted (unit.NAME), or "
        "one.",
    )
    ebins: str = Field(
        default="2,4,6,8",
        description="Edges in keV of the energy bins in which the polarization is found besides, "
        "with the fitted spectrum.",
    )
    confidence: float = _as_for_spectra("confidence")
    intervals: bool = _as_for_spectra("intervals")
    starts: int = _as_for_spectra("starts")
    contours: bool = Field(
        default=True,
        description="Find the joint confidence contours of degree and angle of each polconst.",
    )

    @field_validator("model")
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("model is empty")
        return value

    @field_validator("ebins")
    @classmethod
    def _increasing(cls, value: str) -> str:
        energy_edges(value)
        return value


def energy_edges(text: str) -> tuple[float, ...]:
    """Return the edges of energy bins that a text such as ``2,4,6,8`` gives.

    Raises
    ------
    ValueError
        They are no increasing numbers, or fewer than two.
    """
    try:
        edges = tuple(float(part) for part in text.split(","))
    except ValueError:
        edges = ()
    if len(edges) < 2 or not all(0 <= a < b < 1e6 for a, b in pairwise(edges)):
        raise ValueError(f"'{text}' is not two or more increasing energies in keV")
    return edges
