"""Which columns of a stranger's table are its position."""

from collections.abc import Sequence

import pyarrow as pa

from xsurvey.catalogs.columns import ColumnInfo

_PAIRS = (
    ("ra", "dec"),
    ("ra_icrs", "de_icrs"),
    ("ra_icrs", "dec_icrs"),
    ("raicrs", "deicrs"),
    ("raj2000", "dej2000"),
    ("raj2000", "decj2000"),
    ("_raj2000", "_dej2000"),
    ("ra_j2000", "dec_j2000"),
    ("alpha_j2000", "delta_j2000"),
    ("ra_corr", "dec_corr"),
    ("ra_deg", "dec_deg"),
    ("radeg", "decdeg"),
)
_UCDS = ("pos.eq.ra;meta.main", "pos.eq.dec;meta.main")
_DEGREES = ("", "deg", "degree", "degrees")


def find_position(infos: Sequence[ColumnInfo], schema: pa.Schema) -> tuple[str, str] | None:
    """Return the columns of right ascension and declination, or None.

    Columns whose UCDs say so come first, then the usual names, ICRS before J2000. They must
    be floating-point numbers whose unit is degrees or not given.
    """
    able = [
        info
        for info in infos
        if info.unit.strip().lower() in _DEGREES and is_number(schema.field(info.name).type)
    ]
    by_ucd = {info.ucd.lower(): info.name for info in reversed(able)}
    if all(ucd in by_ucd for ucd in _UCDS):
        return by_ucd[_UCDS[0]], by_ucd[_UCDS[1]]
    by_name = {info.name.lower(): info.name for info in able}
    for ra, dec in _PAIRS:
        if ra in by_name and dec in by_name:
            return by_name[ra], by_name[dec]
    return None


def is_number(kind: pa.DataType) -> bool:
    """Tell whether values of an Arrow type can be degrees."""
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))
