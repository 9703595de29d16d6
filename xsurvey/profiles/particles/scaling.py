"""Templates of the particle background scaled in a hard band, where the mirrors see no sky.

Particles fall evenly on the detectors, and no mirror vignettes them. A place that was looked at for
a livetime gets them in proportion to that, whatever part of the field it was seen in. So their
number per livetime and solid angle is the same all over an observation, and is measured in a band
in which there is hardly anything else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.profiles.particles.template import ParticleTemplate


@dataclass(frozen=True)
class HardBandCounts:
    """What o observations counted in the hard band, by region.

    Attributes
    ----------
    counts : ndarray, shape (o, r)
    sky : ndarray, shape (o, r)
        Of these, expected photons of the sky.
    integral : ndarray, shape (o, r)
        Livetime integrated over solid angle, s arcmin2; not vignetted.
    names : tuple of str
        Of the observations.
    """

    counts: np.ndarray
    sky: np.ndarray
    integral: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True)
class ParticleScale:
    """The particle background of one group of detectors.

    Attributes
    ----------
    template : ParticleTemplate
    shape : ndarray, shape (c,)
        The template's counts over those in the hard band.
    shape_variance : ndarray, shape (c,)
        Of it by the counting of each channel.
    rate : ndarray, shape (o,)
        Particles in the hard band, count / s / arcmin2, of each observation.
    rate_error : ndarray, shape (o,)
        One sigma, by the counts of the hard band. All elements are one error where observations
        have one scale.
    template_rate_error : float
        Relative error by the template's counts in the hard band, common to all observations.
    sky_fraction : float
        Part of the hard band's counts that was taken for photons of the sky.
    common : bool
        Whether all observations have one scale.
    """

    template: ParticleTemplate
    shape: np.ndarray
    shape_variance: np.ndarray
    rate: np.ndarray
    rate_error: np.ndarray
    template_rate_error: float
    sky_fraction: float
    common: bool = False

    def expected(self, integral: np.ndarray) -> np.ndarray:
        """Return expected counts.

        Parameters
        ----------
        integral : ndarray, shape (o, r)
            s arcmin2.

        Returns
        -------
        ndarray, shape (r, c)
            Of all observations together.
        """
        return np.outer(self.rate @ integral, self.shape)

    def variance(self, integral: np.ndarray) -> np.ndarray:
        """Return the variance of `expected` by the template's own counts, shape (r, c)."""
        return np.outer((self.rate @ integral) ** 2, self.shape_variance)

    def relative_error(self, integral: np.ndarray) -> float:
        """Return the relative error of all regions together by the counts of the hard band.

        Those of the observations and of the template; it is common to all channels.
        """
        total = integral.sum(axis=1)
        every = self.rate @ total
        if every <= 0:
            return 0.0
        parts = self.rate_error * total
        own = parts.sum() if self.common else np.sqrt((parts**2).sum())
        return float(np.hypot(own / every, self.template_rate_error))


def scale_particles(
    template: ParticleTemplate, hard: np.ndarray, measured: HardBandCounts, used: np.ndarray,
    common: bool = False,
) -> ParticleScale:  # fmt: skip
    r"""Scale a template to what observations counted in the hard band.

    Observation o has :math:`(H_o - S_o)/I_o` particles per livetime and solid angle: counts less
    those of the sky, over the integral of the livetime.

    Parameters
    ----------
    template : ParticleTemplate
    hard : ndarray of bool, shape (c,)
        Channels of the hard band.
    measured : HardBandCounts
    used : ndarray of bool, shape (r,)
        Regions that tell the scale.
    common : bool
        One scale for all observations.

    Raises
    ------
    InputError
        The template, or an observation that has any exposure, has no counts there beyond the sky's.
    ParameterError
        The regions that tell the scale were not seen by an observation that sees others.
    """
    base = float(template.counts[hard].sum())
    if base <= 0:
        raise InputError(
            template.origin, "has no counts in the hard band", "give another hard band or template"
        )
    counts, sky, integral = (
        m[:, used].sum(axis=1) for m in (measured.counts, measured.sky, measured.integral)
    )
    seen = measured.integral.sum(axis=1) > 0
    if common:
        counts, sky, integral = (np.full(len(v), v.sum()) for v in (counts, sky, integral))
    for number in np.flatnonzero(seen):
        if integral[number] <= 0:
            raise ParameterError(
                "particles.scaling_beyond", f"leaves nothing of {measured.names[number]} to scale "
                "its particle background with", "choose a smaller radius, or scaling: common",
            )  # fmt: skip
        if counts[number] <= sky[number]:
            raise InputError(
                measured.names[number], f"has {counts[number]:.0f} counts in the hard band, no "
                f"more than of the sky ({sky[number]:.1f})",
                "use scaling: common, or another hard band",
            )  # fmt: skip
    good = integral > 0
    rate, error = (
        np.divide(v, integral, out=np.zeros(len(v)), where=good)
        for v in (counts - sky, np.sqrt(counts))
    )
    spread = float(template.variance[hard].sum())
    total = measured.counts[:, used].sum()
    return ParticleScale(
        template, template.counts / base, template.variance / base**2, rate, error,
        float(np.sqrt(spread) / base),
        float(measured.sky[:, used].sum() / total) if total > 0 else 0.0, common,
    )  # fmt: skip
