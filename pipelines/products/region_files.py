"""DS9 region files of single sources: apertures, annuli, and where the source is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from xsurvey.detection.parameters import PhotometryParameters
from xsurvey.errors import printable

_ELLIPSES = (("95", "magenta"), ("68", "white"))


def source_region_text(
    name: str, row: Mapping[str, Any], observations: Sequence[tuple[str, Mapping[str, Any]]],
    photometry: PhotometryParameters,
) -> str:  # fmt: skip
    """Return a DS9 region file of one source.

    Parameters
    ----------
    name : str
        Of the source.
    row : mapping
        Its columns. Position, error ellipses (or the radius of the error) and extent are drawn.
    observations : sequence of (str, mapping)
        Name and columns of each observation, with ``psf_radius``; its aperture and annulus are
        drawn, the annulus tagged as background.
    photometry : PhotometryParameters
        Of the annuli.

    Returns
    -------
    str
        Regions in ICRS; angles of ellipses are DS9's, from the west over north.
    """
    place = f"{row['ra']:.7f},{row['dec']:.7f}"
    lines = ["# Region file format: DS9", f"# {printable(name)}", "icrs"]
    for observation, measured in observations:
        radius = float(measured["psf_radius"])
        if not (math.isfinite(radius) and radius > 0):
            continue
        inner, outer = (float(r) for r in photometry.annulus(radius))  # type: ignore[arg-type]
        label = _label(observation)
        lines += [
            f'circle({place},{radius:.4f}") # color=green text={{{label}}} tag={{aperture}}',
            f'annulus({place},{inner:.4f}",{outer:.4f}") '
            f"# color=yellow dash=1 background tag={{background {label}}}",
        ]
    lines += _position_lines(place, row)
    extent = row.get("extent")
    if extent is not None and math.isfinite(extent) and extent > 0:
        lines.append(f'circle({place},{extent:.4f}") # color=cyan text={{core}} tag={{extent}}')
    return "\n".join(lines) + "\n"


def _position_lines(place: str, row: Mapping[str, Any]) -> list[str]:
    lines = []
    for percent, colour in _ELLIPSES:
        axes = [row.get(f"error_{axis}_{percent}") for axis in ("major", "minor")]
        angle = row.get("error_angle")
        if all(v is not None and math.isfinite(v) and v > 0 for v in axes) and angle is not None:
            # DS9 counts from the axis that points west
            turned = (float(angle) + 90) % 360 if math.isfinite(angle) else 0.0
            lines.append(
                f'ellipse({place},{axes[0]:.4f}",{axes[1]:.4f}",{turned:.2f}) '
                f"# color={colour} tag={{position {percent}%}}"
            )
    error = row.get("position_error")
    if not lines and error is not None and math.isfinite(error) and error > 0:
        lines.append(f'circle({place},{error:.4f}") # color=white tag={{position 68%}}')
    return lines or [f"point({place}) # point=cross color=white tag={{position}}"]


def _label(text: str) -> str:
    return printable(text).replace("{", "(").replace("}", ")")
