"""Event files of eROSITA and IXPE made by hand, with what is wrong with them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from astropy.io import fits

START = 7e8
RA, DEC = 150.0, 2.2

Columns = dict[str, tuple[str, np.ndarray]]
Gti = Mapping[str, list[tuple[float, float]]]
Edit = Callable[[fits.HDUList], None]


def erosita_columns(count: int = 700, span: float = 1000.0, seed: int = 1) -> Columns:
    """Events spread over a field of 20' and the seven modules, in order of time."""
    generator = np.random.default_rng(seed)
    return {
        "TIME": ("D", START + np.linspace(0, span, count)),
        "X": ("D", generator.uniform(-12_000, 12_000, count)),
        "Y": ("D", generator.uniform(-12_000, 12_000, count)),
        "PI": ("E", generator.uniform(200, 5000, count)),
        "RAWX": ("I", generator.integers(1, 385, count)),
        "RAWY": ("I", generator.integers(1, 385, count)),
        "PAT_TYP": ("I", np.ones(count, int)),
        "TM_NR": ("B", 1 + np.arange(count) % 7),
        "FLAG": ("J", np.zeros(count, int)),
    }


def ixpe_columns(count: int = 300, span: float = 1000.0, seed: int = 1) -> Columns:
    """Events on the middle of the 600 x 600 grid."""
    generator = np.random.default_rng(seed)
    return {
        "TIME": ("D", START + np.linspace(0, span, count)),
        "PI": ("J", generator.integers(50, 200, count)),
        "W_MOM": ("E", np.ones(count)),
        "X": ("E", generator.uniform(200, 400, count)),
        "Y": ("E", generator.uniform(200, 400, count)),
        "Q": ("D", generator.uniform(-2, 2, count)),
        "U": ("D", generator.uniform(-2, 2, count)),
    }


def event_table(
    columns: Columns, pixel: float, projection: str, reference: float, **header: object
) -> fits.BinTableHDU:
    """Return a table EVENTS whose X and Y are sky pixels of some arcsec about RA, DEC."""
    hdu = fits.BinTableHDU.from_columns(
        [fits.Column(name, form, array=values) for name, (form, values) in columns.items()],
        name="EVENTS",
    )
    for axis, name, centre, sign in (("RA--", "X", RA, -1), ("DEC-", "Y", DEC, 1)):
        if name in columns:
            number = list(columns).index(name) + 1
            hdu.header[f"TCTYP{number}"] = f"{axis}-{projection}"
            hdu.header[f"TCRVL{number}"] = centre
            hdu.header[f"TCRPX{number}"] = reference
            hdu.header[f"TCDLT{number}"] = sign * pixel / 3600
            hdu.header[f"TCUNI{number}"] = "deg"
    for key, value in header.items():
        hdu.header[key] = value
    return hdu


def small_table(name: str, **columns: object) -> fits.BinTableHDU:
    """Return a table of doubles."""
    return fits.BinTableHDU.from_columns(
        [fits.Column(key, "D", array=np.atleast_1d(values)) for key, values in columns.items()],
        name=name,
    )


def gti_tables(gti: Gti) -> list[fits.BinTableHDU]:
    """Return tables of good times, by their names; seconds after `START`."""
    tables = []
    for name, pairs in gti.items():
        edges = START + np.array(pairs, dtype=float).reshape(-1, 2)
        tables.append(small_table(name, START=edges[:, 0], STOP=edges[:, 1]))
    return tables


WHOLE = [(0.0, 1000.0)]
ALL_MODULES = {f"GTI{n}": WHOLE for n in range(1, 8)}


def write_erosita(
    path: Path, columns: Columns | None = None, gti: Gti = ALL_MODULES,
    others: list[fits.BinTableHDU] | None = None, **header: object,
) -> Path:  # fmt: skip
    """Write an eROSITA event file; a header value of None leaves the keyword out."""
    known: dict[str, object] = {
        "TELESCOP": "eROSITA", "INSTRUME": "merged", "OBS_MODE": "POINTING", "OBJECT": "field",
        "OBS_ID": "300003", "RA_PNT": RA, "DEC_PNT": DEC, "PA_PNT": 10.0, "MJDREF": 51543.875,
        "TIMESYS": "TT", "FRAMETIM": 50.0,
    }  # fmt: skip
    known = {key: value for key, value in {**known, **header}.items() if value is not None}
    table = event_table(columns or erosita_columns(), 0.05, "SIN", 0.0, **known)
    hdus = [fits.PrimaryHDU(), table, *gti_tables(gti), *(others or [])]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def write_ixpe(
    path: Path, unit: int = 1, columns: Columns | None = None, gti: Gti = {"GTI": WHOLE},  # noqa: B006
    edit: Edit | None = None, **header: object,
) -> Path:  # fmt: skip
    """Write the level 2 file of an IXPE unit; a header value of None leaves the keyword out."""
    known: dict[str, object] = {
        "TELESCOP": "IXPE", "INSTRUME": "GPD", "DETNAM": f"DU{unit}", "OBJECT": "pulsar",
        "OBS_ID": "01003199", "RA_OBJ": RA, "DEC_OBJ": DEC, "RA_PNT": RA, "DEC_PNT": DEC,
        "MJDREFI": 57754, "MJDREFF": 0.00080074074074, "TIMESYS": "TT", "DATE-OBS": "2022-03-07",
        "ONTIME": 1000.0, "LIVETIME": 900.0,
    }  # fmt: skip
    known = {key: value for key, value in {**known, **header}.items() if value is not None}
    table = event_table(columns or ixpe_columns(seed=unit), 2.6, "TAN", 300.5, **known)
    hdus = fits.HDUList([fits.PrimaryHDU(), table, *gti_tables(gti)])
    if edit is not None:
        edit(hdus)
    hdus.writeto(path, overwrite=True)
    return path


def edited(source: Path, target: Path, edit: Edit) -> Path:
    """Copy a file with a change."""
    with fits.open(source) as hdus:
        edit(hdus)
        hdus.writeto(target)
    return target
