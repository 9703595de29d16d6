"""The IXPE archive at HEASARC.

Layout: https://heasarc.gsfc.nasa.gov/FTP/ixpe/data/obs/ has folders of the first two digits of
the eight of an ObsID, in them one an ObsID with ``event_l1``, ``event_l2``, ``auxil``, ``hk`` and
often a ``README`` on known issues (HEASARC's tutorial "Getting started with preprocessed IXPE
data", https://heasarc.gsfc.nasa.gov/docs/ixpe/analysis/). Level 2 files are
``ixpeOBSID_detN_evt2_vNN.fits.gz``, N from 1 to 3. The table of observations is ``ixmaster``.

Not verified: whether folders keep older versions ``vNN``; if so, the newest is taken.
"""

import re
from collections.abc import Sequence

from xsurvey.archives.base import Archive, FoundObservation, Product
from xsurvey.archives.tap import TAP_SERVICE, MasterTable, search_table
from xsurvey.archives.web import Web
from xsurvey.units import Cone

_FIELD = 9.0  # half the diagonal of the 12.9 arcmin square that all detector units see
_VERSION = re.compile(r"(?P<head>.+)_v(?P<version>\d+)(?P<tail>\.fits(\.gz)?)")


class IxpeArchive(Archive):
    """Observations by ObsID."""

    name = "ixpe"
    title = "IXPE archive (HEASARC)"
    example = "02009001"
    identifier_help = "an ObsID of eight digits"
    bases = ("https://heasarc.gsfc.nasa.gov/FTP/ixpe/data/obs/",)
    search_service = TAP_SERVICE
    products = (
        Product(
            "event_l2", "event_l2", r"ixpe{id}_det[123]_evt2\w*\.fits(\.gz)?",
            "level 2 events of the detector units", required=True,
        ),
        Product("readme", "", r"README[\w.]*", "known issues of the observation"),
        # segments of an observation carry ObsIDs of their own in hk, event_l1 and auxil
        Product("hk", "hk", r"ixpe\d{8}_\w+\.fits(\.gz)?", "housekeeping, orbit, attitude",
                default=False),
        Product("auxil", "auxil", r"ixpe\d{8}_\w+\.fits(\.gz)?", "auxiliary files", default=False),
        Product("event_l1", "event_l1", r"ixpe\d{8}_det[123]_evt1\w*\.fits(\.gz)?",
                "level 1 events with tracks: gigabytes", default=False),
    )  # fmt: skip

    def identifier(self, text: str) -> str:
        """Return the eight digits."""
        if not re.fullmatch(r"[0-9]{8}", text):
            raise self.wrong(text, "is no ObsID")
        return text

    def folder(self, identifier: str) -> str:
        """Return ``FIRST_TWO/OBSID``."""
        return f"{identifier[:2]}/{identifier}"

    def newest(self, names: Sequence[str]) -> list[str]:
        """Keep the highest ``vNN`` of each file."""
        best: dict[str, tuple[int, str]] = {}
        for name in names:
            match = _VERSION.fullmatch(name)
            key = match["head"] if match else name
            version = int(match["version"]) if match else 0
            best[key] = max(best.get(key, (version, name)), (version, name))
        return [name for _, name in best.values()]

    def search(self, web: Web, address: str, cone: Cone) -> list[FoundObservation]:
        """Ask HEASARC's master table."""
        table = MasterTable("ixmaster", self.name, _FIELD, {})
        return search_table(web, address, table, cone, self.identifier)


IXPE = IxpeArchive()
