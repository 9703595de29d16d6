"""Figures on white, for paper: the same pictures with their lightness turned round."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from xsurvey.report.plate import PLATE


def light_png(png: bytes) -> bytes:
    """Return a figure on a white ground: hue and saturation (HSL) stay, lightness is inverted.

    What is as dark as the plate becomes white. For lines and text; images of the sky are no longer
    what their colour bars say.

    Parameters
    ----------
    png : bytes
        As `xsurvey.report.plate.png_bytes` makes it, on the plate.
    """
    with Image.open(io.BytesIO(png)) as image:
        colours = np.asarray(image.convert("RGB"))
        dots = image.info.get("dpi")
    # lightness is the mean of the largest and smallest part: all parts move by twice its distance
    # from the middle; neither difference is less than 0, nor their sum more than 255
    largest, smallest = colours.max(axis=2, keepdims=True), colours.min(axis=2, keepdims=True)
    turned = (colours - smallest) + (255 - largest)
    plate = np.array(to_rgb(PLATE)) * 255
    white = 255 - plate.max()  # the least of the plate's parts once it is turned
    brightened = np.clip(np.rint(np.arange(256) * (255 / white)), 0, 255).astype(np.uint8)
    result = brightened[turned]
    buffer = io.BytesIO()
    Image.fromarray(result).save(buffer, "PNG", compress_level=6, **({"dpi": dots} if dots else {}))
    return buffer.getvalue()
