"""Of a joint fit of annuli, what tells which temperature it would find in other gas."""

from __future__ import annotations

import os

import numpy as np
from astropy.io import fits

from xsurvey import __version__
from xsurvey.errors import InputError
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_file import open_fits
from xsurvey.io.fits_writer import write_hdus
from xsurvey.profiles.annuli_likelihood import AnnuliLikelihood, AnnuliProblem
from xsurvey.profiles.spectral_temperature import PlasmaGram, plasma_products
from xsurvey.spectra.fit import Fit

_PRODUCTS, _TEMPERATURES, _ANNULI = "PLASMA_PRODUCTS", "TEMPERATURES", "ANNULI"


def annuli_gram(problem: AnnuliProblem, fit: Fit) -> PlasmaGram:
    """Return the products of plasmas of the annuli (or shells) of a joint fit.

    Light that the PSF, or projection, brings into other regions counts there. Norms of other
    annuli and the background are held: what they share with a temperature is small beside what
    its norm and abundance do.

    Parameters
    ----------
    problem : AnnuliProblem
    fit : Fit
        Of that problem: variances are what it expects, and abundances what it found.
    """
    likelihood = fit.likelihood
    assert isinstance(likelihood, AnnuliLikelihood)
    folded, annuli = problem.folded, range(len(problem.annuli))
    size = 2 * len(folded.gas.kt)
    products = np.zeros((len(annuli), size, size))
    expected = likelihood.model.expected(fit.values[None, :])
    for place, spectrum in enumerate(folded.spectra.spectra):
        one = plasma_products(folded.templates[place][:size], expected[place][0])
        seen = folded.shares[place] * problem.mixing[spectrum.region]
        products += seen[:, None, None] ** 2 * one
    frozen, abundance = np.zeros(len(annuli), bool), np.zeros(len(annuli))
    for annulus in annuli:
        column = likelihood.parameters.index(f"{problem.component(annulus)}.Z")
        parameter = likelihood.parameters.parameters[column]
        frozen[annulus], abundance[annulus] = parameter.frozen, fit.values[column]
    # their scale is free: of one they fit into files of any precision
    scale = products.diagonal(axis1=1, axis2=2).max(axis=1)
    products /= np.where(scale > 0, scale, 1.0)[:, None, None]
    return PlasmaGram(folded.gas.kt, products, abundance, ~frozen)


def write_gram(path: str | os.PathLike[str], gram: PlasmaGram) -> None:
    """Write products of plasmas; `read_gram` reads them back.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    primary = fits.PrimaryHDU()
    primary.header["CREATOR"] = f"xsurvey {__version__}"
    products = fits.ImageHDU(np.asarray(gram.products, float), name=_PRODUCTS)
    products.header["COMMENT"] = (
        "of folded plasmas at the temperatures, without metals and what metals add, over the "
        "variances of the spectra of each annulus"
    )
    temperatures = fits.BinTableHDU.from_columns(
        [fits.Column("kt", "D", "keV", array=gram.kt)], name=_TEMPERATURES
    )
    annuli = fits.BinTableHDU.from_columns([
        fits.Column("abundance", "D", array=gram.abundance),
        fits.Column("free_abundance", "L", array=gram.free_abundance),
    ], name=_ANNULI)  # fmt: skip
    with atomic_output(path) as temporary:
        write_hdus(temporary, [primary, products, temperatures, annuli])


def read_gram(path: str | os.PathLike[str]) -> PlasmaGram:
    """Read what `write_gram` wrote.

    Raises
    ------
    InputError
        The file is missing, damaged, or something else.
    """
    open_fits(path)
    try:
        with fits.open(path) as hdus:
            return PlasmaGram(
                np.array(hdus[_TEMPERATURES].data["kt"], float),
                np.array(hdus[_PRODUCTS].data, float),
                np.array(hdus[_ANNULI].data["abundance"], float),
                np.array(hdus[_ANNULI].data["free_abundance"], bool),
            )
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise InputError(path, f"is damaged ({error})", "make it again") from None
