"""The eROSITA-DE archive, Data Release 1: event lists by sky tile.

Tiles are named by three digits of right ascension and three of declination counted from the
north pole, in degrees (file naming scheme, https://erosita.mpe.mpg.de/dr1/eSASS4DR1/
eSASS4DR1_ProductsDescription/file_naming_scheme_dr1.html). The download area has the folder
DDD/RRR with ``EXP_010`` (event lists, images) and ``DET_010`` (exposure and background maps);
events are ``eQ01_RRRDDD_020_EventList_c010.fits.gz``, Q the owner: m, b (both consortia) or c.
HEASARC mirrors the release in FTP/srg/data/erosita/erass1/obs/ with the same folders.

Which tiles touch a cone is asked from the archive's own service ``skytile_search_api``: a tile
covers 3.6 deg, its true limits are in the release's table, and not all tiles are public.

Not verified: the download area was published as /dr1/erodat/ and has been seen moved to
/erodat/, so both are asked; the service's answer is read as its public users read it (``tiles``
with ``srvmap`` and ``de_sky``), no description of its fields was found.
"""

import json
import math
import re
import urllib.parse
from typing import Any

from xsurvey.archives.base import Archive, FoundObservation, Product
from xsurvey.archives.web import Web, shown
from xsurvey.errors import ArchiveError, ParameterError
from xsurvey.units import Cone

_TILE = re.compile(r"(?:e[mbc]01_)?([0-9]{3})([0-9]{3})")
_LIMIT = 4 * 1024 * 1024


def _file(name: str, folder: str, band: str, kind: str, description: str, **more: bool) -> Product:
    pattern = rf"e[mbc]01_{{id}}_02{band}_{kind}_c\d{{3}}\.fits(\.gz)?"
    return Product(name, folder, pattern, description, **more)


class ErositaArchive(Archive):
    """Sky tiles of the first all-sky survey."""

    name = "erosita"
    title = "eROSITA-DE Data Release 1 (MPE)"
    example = "em01_080156"
    identifier_help = "a sky tile, three digits of RA and three of declination from the pole"
    bases = (
        "https://erosita.mpe.mpg.de/erodat/data/download/",
        "https://erosita.mpe.mpg.de/dr1/erodat/data/download/",
        "https://heasarc.gsfc.nasa.gov/FTP/srg/data/erosita/erass1/obs/",
    )
    search_service = "https://erosita.mpe.mpg.de/erodat/skyview/skytile_search_api/"
    products = (
        _file("events", "EXP_010", "0", "EventList", "calibrated event list", required=True),
        _file("images", "EXP_010", r"\d", "Image", "counts images by band", default=False),
        _file("exposure", "DET_010", r"\d", "ExposureMap", "exposure maps", default=False),
        _file("background", "DET_010", r"\d", "BackgrImage", "background maps", default=False),
    )

    def identifier(self, text: str) -> str:
        """Return the six digits of a tile; ``em01_`` before them may be left out."""
        match = _TILE.fullmatch(text)
        if not match:
            raise self.wrong(text, "is no sky tile")
        if int(match[1]) >= 360 or int(match[2]) > 180:
            raise self.wrong(text, f"is not on the sky (RA {match[1]}, {match[2]} from the pole)")
        return match[1] + match[2]

    def folder(self, identifier: str) -> str:
        """Return ``DDD/RRR``."""
        return f"{identifier[3:]}/{identifier[:3]}"

    def search(self, web: Web, address: str, cone: Cone) -> list[FoundObservation]:
        """Ask the archive's service for the tiles of its half of the sky."""
        values = {
            "RA": f"{cone.ra:.6f}",
            "DEC": f"{cone.dec:.6f}",
            "RAD": f"{cone.radius / 3600:.6f}",
        }
        url = f"{address}?{urllib.parse.urlencode(values)}"
        found = []
        for tile in _tiles(url, web.read(url, _LIMIT).data):
            try:
                identifier = self.identifier(f"{int(tile['srvmap']):06d}")
            except (KeyError, TypeError, ValueError, ParameterError):
                raise _not_understood(url) from None
            if tile.get("de_sky") is True:
                ra, dec = float(identifier[:3]), 90.0 - float(identifier[3:])
                given = tile.get("dist_deg")
                distance = 60.0 * given if isinstance(given, int | float) else math.nan
                found.append(FoundObservation(
                    self.name, identifier, f"tile {identifier}", ra, dec,
                    distance, math.nan,
                ))  # fmt: skip
        return sorted(
            found, key=lambda o: (not math.isfinite(o.distance), o.distance, o.identifier)
        )


def _tiles(url: str, data: bytes) -> list[dict[str, Any]]:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        raise _not_understood(url) from None
    tiles = answer.get("tiles", []) if isinstance(answer, dict) else None
    if not isinstance(tiles, list) or not all(isinstance(tile, dict) for tile in tiles):
        raise _not_understood(url)
    return tiles


def _not_understood(url: str) -> ArchiveError:
    return ArchiveError(
        shown(url),
        "does not answer with sky tiles",
        "check --search-url, or name the tile yourself",
    )


EROSITA = ErositaArchive()
