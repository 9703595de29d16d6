"""Sky regions: DS9 files and astropy-regions, as tests on sky pixels."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS
from regions import PixCoord, PixelRegion, Regions, SkyRegion

from xsurvey.errors import InputError

PixelFrame = Literal["physical", "image"]


@dataclass(frozen=True)
class RegionSet:
    """The union of some regions without some others.

    Attributes
    ----------
    include, exclude : tuple of regions.PixelRegion
        In 0-based pixels. With nothing to include, everything not excluded is inside.
    name : str
        For messages and headers.
    """

    include: tuple[PixelRegion, ...]
    exclude: tuple[PixelRegion, ...]
    name: str = "region"

    def contains(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Tell which points are inside.

        Parameters
        ----------
        x, y : ndarray
            1-based (FITS) pixel coordinates, such as an event list's X and Y.

        Returns
        -------
        ndarray of bool
        """
        points = PixCoord(np.asarray(x, float) - 1, np.asarray(y, float) - 1)
        inside = np.full(np.shape(x), not self.include)
        for region in self.include:
            inside |= region.contains(points)
        for region in self.exclude:
            # regions answers for the outside when meta says exclude: ask the bare shape
            inside &= ~region.contains(points)
        return inside

    def without(self, mask: RegionSet | None) -> RegionSet:
        """Return the region with all shapes of another one, of either sign, cut out."""
        if mask is None:
            return self
        return RegionSet(self.include, (*self.exclude, *mask.include, *mask.exclude), self.name)

    def __str__(self) -> str:
        return self.name


def region_set(regions: Sequence[Any], wcs: WCS, name: str = "region") -> RegionSet:
    """Make a `RegionSet` of astropy-regions, sky or pixel.

    Parameters
    ----------
    regions : sequence of regions.Region
        ``meta['include']`` false excludes.
    wcs : astropy.wcs.WCS
        Of the pixels that will be tested.

    Raises
    ------
    InputError
        A point, a line, or a shape with sizes that are no numbers.
    """
    include: list[PixelRegion] = []
    exclude: list[PixelRegion] = []
    for region in regions:
        excluded = region.meta.get("include", True) in (False, 0, "-")
        pixel = region.to_pixel(wcs) if isinstance(region, SkyRegion) else region.copy()
        centre = getattr(pixel, "center", None)
        if centre is not None and not np.all(np.isfinite([centre.x, centre.y])):
            raise InputError(
                name, f"a {type(region).__name__} in it is on the other side of the sky",
                "give regions in the field",
            )  # fmt: skip
        if not (np.isfinite(pixel.area) and pixel.area > 0):
            raise InputError(
                name, f"a {type(region).__name__} in it has no area", "use circles, boxes, ..."
            )
        pixel.meta["include"] = True
        (exclude if excluded else include).append(pixel)
    return RegionSet(tuple(include), tuple(exclude), name)


def read_region_file(
    path: str | os.PathLike[str], wcs: WCS, pixel_frame: PixelFrame = "physical"
) -> RegionSet:
    """Read a DS9 region file.

    Parameters
    ----------
    path : path
    wcs : astropy.wcs.WCS
        Of the pixels that will be tested.
    pixel_frame : {'physical', 'image'}
        Which of DS9's pixel frames those pixels are: an event list's X, Y are physical.

    Raises
    ------
    InputError
        Not a text file, a shape or frame that cannot be read, or no region at all: a line
        is never skipped in silence.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "does not exist", "check the path of the region file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(path, "is not a DS9 region file", "save regions as text") from error
    other = "image" if pixel_frame == "physical" else "physical"
    if re.search(rf"(?mi)(^|;)\s*{other}\s*($|;)", text):
        raise InputError(
            path, f"has regions in {other} coordinates, which need another file",
            "save them in fk5 or icrs",
        )  # fmt: skip
    # the reader knows DS9's physical pixels by the name image only
    text = re.sub(r"(?mi)(^|;)(\s*)physical(\s*)($|;)", r"\1\2image\3\4", text)
    with warnings.catch_warnings():
        warnings.simplefilter("error", AstropyUserWarning)
        try:
            parsed = Regions.parse(text, format="ds9")
        except AstropyUserWarning as warning:
            raise InputError(path, str(warning), "save regions as DS9 writes them") from warning
        except Exception as error:
            raise InputError(
                path, f"is not a DS9 region file ({error})", "save regions as DS9 writes them"
            ) from error
    if not len(parsed):
        raise InputError(path, "holds no region", "draw one and save it again")
    return region_set(list(parsed), wcs, str(path))
