"""All figures of a cluster, from what the stages of its pipeline wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from xsurvey.report.cluster_brightness import (
    brightness_figure,
    density_figure,
    sectors_figure,
    significance_figure,
)
from xsurvey.report.cluster_images import brightness_image, cluster_image, residual_image
from xsurvey.report.cluster_mass import mass_figure, thermodynamics_figure
from xsurvey.report.cluster_spectral import (
    annulus_spectra_figure,
    sky_figure,
    spectral_profile_figure,
)
from xsurvey.report.light import light_png
from xsurvey.report.plate import PAPER_DPI, png_bytes

_SKY, _RESIDUALS = ("image", "smoothed", "corrected", "wavelets"), "residuals_"


@dataclass(frozen=True)
class ClusterResults:
    """What the stages of a cluster found; empty of those that failed or were not asked for.

    Attributes
    ----------
    brightness, spectral, density, mass, absorption : mapping
        JSON records of the stages ``surface_brightness``, ``spectral_profile``, ``deprojection``,
        ``mass`` and ``absorption``.
    images : path or None
        Folder with ``counts_BAND.fits``, ``mask.fits``, ``display_*.fits``, ``residuals_*.fits``.
    """

    brightness: Mapping[str, Any] = field(default_factory=dict)
    spectral: Mapping[str, Any] = field(default_factory=dict)
    density: Mapping[str, Any] = field(default_factory=dict)
    mass: Mapping[str, Any] = field(default_factory=dict)
    absorption: Mapping[str, Any] = field(default_factory=dict)
    images: Path | None = None

    @property
    def comparisons(self) -> list[Mapping[str, Any]]:
        """Profiles beside references."""
        return list(self.mass.get("comparisons") or [])

    @property
    def marks(self) -> dict[str, float]:
        """R500 and R200, arcmin: those that were fitted, else those that were given."""
        found: dict[str, float] = {}
        scale = self.density.get("kpc_per_arcmin")
        quantities = self.mass.get("quantities") or {}
        for name in ("r500", "r200"):
            fitted = (quantities.get(name) or {}).get("value")
            if fitted and scale:
                found[name.upper()] = float(fitted) / float(scale)
                continue
            given = self.given(name)
            if given is not None:
                found[name.upper()] = given
        return found

    def given(self, name: str) -> float | None:
        """Return a radius that the configuration gives, arcmin."""
        target = self.brightness.get("target") or self.spectral.get("target") or {}
        text = target.get(name)
        if text is None:
            return None
        return float(str(text).removesuffix("arcsec")) / 60


def cluster_figures(results: ClusterResults) -> dict[str, Figure]:
    """Return the figures of a cluster by name, those for which there are results.

    Names, in their order on the page: ``image``, ``smoothed``, ``corrected``, ``wavelets``,
    ``residuals_MODEL``, ``brightness``, ``sectors``, ``significance``, ``spectral_profile``,
    ``spectra``, ``sky``, ``density``, ``thermodynamics``, ``mass``.

    Raises
    ------
    InputError
        An image cannot be read.
    """
    return {name: figure for name, figure in _figures(results) if figure is not None}


def figure_files(figures: Mapping[str, Figure]) -> dict[str, bytes]:
    """Return figures as PNG for papers, by file name: ``NAME.png``, as they are on the page.

    Those that are no images of the sky are there on white as well, as ``NAME_light.png``.
    """
    files = {}
    for name, figure in figures.items():
        files[f"{name}.png"] = png = png_bytes(figure, PAPER_DPI)
        if name not in _SKY and not name.startswith(_RESIDUALS):
            files[f"{name}_light.png"] = light_png(png)
    return files


def _figures(results: ClusterResults) -> Iterator[tuple[str, Figure | None]]:
    marks = results.marks
    if results.brightness:
        yield from _images(results, marks)
        yield "brightness", brightness_figure(results.brightness, marks)
        yield "sectors", sectors_figure(results.brightness, marks)
        yield "significance", significance_figure(results.brightness, marks)
    if results.spectral:
        yield (
            "spectral_profile",
            spectral_profile_figure(results.spectral, marks, results.comparisons),
        )
        yield "spectra", annulus_spectra_figure(results.spectral)
        yield "sky", sky_figure(results.spectral)
    if results.density:
        yield "density", density_figure(results.density, marks)
    if results.mass:
        yield "thermodynamics", thermodynamics_figure(results.mass, marks, results.comparisons)
        yield "mass", mass_figure(results.mass, marks)


def _images(
    results: ClusterResults, marks: Mapping[str, float]
) -> Iterator[tuple[str, Figure | None]]:
    folder = results.images
    if folder is None:
        return
    yield "image", cluster_image(folder, results.brightness, results.spectral or None, marks)
    drawn: list[tuple[str, Path, Callable[..., Figure]]] = [
        ("smoothed", folder / "display_smoothed.fits", brightness_image),
        *((("corrected", folder / "display_corrected.fits", brightness_image),)
          if results.absorption.get("map") else ()),
        ("wavelets", folder / "display_wavelet_sum.fits", brightness_image),
        *(
            (path.stem, path, residual_image)
            for path in sorted(folder.glob("residuals_*.fits"))
        ),
    ]  # fmt: skip
    for name, path, draw in drawn:
        if path.is_file():
            yield name, draw(path, results.brightness, marks)
