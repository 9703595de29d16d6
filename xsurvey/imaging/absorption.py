"""Images as they were behind another column density of hydrogen, or behind none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xsurvey.errors import InputError
from xsurvey.imaging.sky_image import SkyImage


def transmission_columns(highest: float, number: int = 65) -> np.ndarray:
    """Return column densities at which to tabulate transmissions, shape (number,).

    Closest near zero, where the logarithm of the transmission is curved most: to 0.25 keV all of
    it is met to 1e-3 between 65 of them up to 1e22 / cm2.

    Parameters
    ----------
    highest : float
        In the unit of the result.
    number : int
    """
    return np.asarray(highest * np.linspace(0.0, 1.0, number) ** 2)


def absorption_factor(
    column: np.ndarray, columns: np.ndarray, transmission: np.ndarray, to: float = 0.0
) -> np.ndarray:
    """Return by how much brighter all would be behind one column density.

    Parameters
    ----------
    column : ndarray
        Of hydrogen, 1e22 / cm2; any shape, NaN where it is not known.
    columns, transmission : ndarray, shape (k,)
        Share of the counts that is left behind such columns, ascending; between them it is
        interpolated in its logarithm.
    to : float
        Column density to which all is brought; 0 takes the absorption off.

    Returns
    -------
    ndarray
        Shape of ``column``; NaN where that is.

    Raises
    ------
    InputError
        Column densities outside of the table, or light that does not come through.
    """
    column = np.asarray(column, float)
    known = column[np.isfinite(column)]
    every = np.append(known, to)
    if every.min() < columns[0] or every.max() > columns[-1]:
        raise InputError(
            "column density", f"is not from {columns[0]:g} to {columns[-1]:g} 1e22 / cm2",
            "give column densities of hydrogen in 1e22 / cm2",
        )  # fmt: skip
    if not (transmission > 0).all():
        raise InputError(
            "column density", f"of {columns[-1]:g} 1e22 / cm2 lets no light of the band through",
            "choose a harder band",
        )  # fmt: skip
    logarithm = np.log(transmission)
    return np.asarray(
        np.exp(np.interp(to, columns, logarithm) - np.interp(column, columns, logarithm))
    )


def absorption_corrected(image: SkyImage, factor: np.ndarray) -> SkyImage:
    """Return an image as it were behind another column density of hydrogen.

    Parameters
    ----------
    image : SkyImage
        Brightness of the sky, without other background.
    factor : ndarray, shape (ny, nx) or ()
        As of `absorption_factor`.
    """
    return replace(image, data=image.data * factor)
