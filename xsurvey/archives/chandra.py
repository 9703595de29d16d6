"""The Chandra Data Archive.

Layout: https://cxc.cfa.harvard.edu/cdaftp/byobsid/ has ten folders named for the last digit of
the ObsID, in them one folder an ObsID with ``primary/`` and ``secondary/`` (the archive's
00README.byobsid). Which products are in which: https://asc.cfa.harvard.edu/cda/ddcontents.html
and ``ahelp download_chandra_obsid``. HEASARC mirrors it, and its table ``chanmaster`` says with
``status = 'archived'`` which observations are public
(https://heasarc.gsfc.nasa.gov/W3Browse/chandra/chanmaster.html).

Names of products follow from those documents but the versions in them (``N004``) are the
archive's to choose, and observations with several intervals have ``_001`` before it: patterns
are matched against the listing.
"""

from xsurvey.archives.base import Archive, FoundObservation, Product
from xsurvey.archives.tap import TAP_SERVICE, MasterTable, search_table
from xsurvey.archives.web import Web
from xsurvey.units import Cone

_EVENTS = r"(acis|hrc)f{id}(?!\d)\w*"
# ACIS-S reaches 25 arcmin along its row of chips, ACIS-I 12 arcmin to its corners
_FIELD = 15.0
_LARGEST = 99_999


def _file(name: str, folder: str, ending: str, description: str, **more: bool) -> Product:
    return Product(name, folder, rf"{_EVENTS}_{ending}\.fits(\.gz)?", description, **more)


class ChandraArchive(Archive):
    """Observations by ObsID."""

    name = "chandra"
    title = "Chandra Data Archive (CXC)"
    example = "754"
    identifier_help = "an ObsID of up to five digits"
    bases = (
        "https://cxc.cfa.harvard.edu/cdaftp/byobsid/",
        "https://heasarc.gsfc.nasa.gov/FTP/chandra/data/byobsid/",
    )
    search_service = TAP_SERVICE
    products = (
        _file("evt2", "primary", "evt2", "level 2 events", required=True),
        Product("asol", "primary", r"pcad\w+_asol1\.fits(\.gz)?", "aspect solution"),
        _file("bpix", "primary", "bpix1", "bad pixels"),
        _file("fov", "primary", "fov1", "field of view as regions"),
        _file("msk", "secondary", "msk1", "detector mask"),
        Product("eph", "primary", r"orbit\w+_eph1\.fits(\.gz)?", "orbit ephemeris", default=False),
        _file("evt1", "secondary", "evt1a?", "level 1 events", default=False),
        _file("flt", "secondary", "flt1", "good time intervals", default=False),
        _file("mtl", "secondary", "mtl1", "mission timeline", default=False),
        _file("stat", "secondary", "stat1", "exposure statistics", default=False),
        Product("oif", "", r"oif\.fits(\.gz)?", "index of the observation", default=False),
    )

    def identifier(self, text: str) -> str:
        """Return an ObsID without leading zeros."""
        if not (text.isascii() and text.isdigit()):
            raise self.wrong(text, "is no ObsID")
        if not 0 < int(text) <= _LARGEST:
            raise self.wrong(text, f"is no ObsID (1 to {_LARGEST})")
        return str(int(text))

    def folder(self, identifier: str) -> str:
        """Return ``LAST_DIGIT/OBSID``."""
        return f"{identifier[-1]}/{identifier}"

    def file_identifier(self, identifier: str) -> str:
        """Return the ObsID with leading zeros."""
        return f"{int(identifier):05d}"

    def search(self, web: Web, address: str, cone: Cone) -> list[FoundObservation]:
        """Ask HEASARC's master table."""
        table = MasterTable("chanmaster", self.name, _FIELD, {"status": "archived"})
        return search_table(web, address, table, cone, self.identifier)


CHANDRA = ChandraArchive()
