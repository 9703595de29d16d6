"""Master tables of observations, asked through the Table Access Protocol (IVOA TAP 1.1).

HEASARC's service answers synchronous ADQL queries with a VOTable
(https://heasarc.gsfc.nasa.gov/docs/archive/apis.html). Which rows concern a cone is decided
here again from their positions.
"""

from __future__ import annotations

import io
import math
import urllib.parse
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

import numpy as np
from astropy.io.votable import parse_single_table
from astropy.time import Time

from xsurvey.archives.base import FoundObservation
from xsurvey.archives.web import Web
from xsurvey.errors import ArchiveError, ParameterError
from xsurvey.units import Cone

TAP_SERVICE = "https://heasarc.gsfc.nasa.gov/xamin/vo/tap/sync"
_ROWS = 5000
_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True)
class MasterTable:
    """A table with one row an observation.

    Attributes
    ----------
    table : str
        Its name in the service.
    archive : str
        Whose observations it has.
    field : float
        How far from the pointing an observation sees, arcmin.
    conditions : mapping
        Values that columns must have for the data to be public.
    """

    table: str
    archive: str
    field: float
    conditions: Mapping[str, str]


def search_table(
    web: Web, address: str, table: MasterTable, cone: Cone, identify: Callable[[str], str]
) -> list[FoundObservation]:
    """Return the public observations whose field may touch a cone, nearest first.

    Parameters
    ----------
    web : Web
    address : str
        Of the service's synchronous queries.
    table : MasterTable
    cone : Cone
        Its radius is widened by the field's.
    identify : callable
        Reads an identifier; rows whose it cannot be are an error.

    Raises
    ------
    ArchiveError
        The service does not answer, or not with such a table.
    """
    reach = cone.radius / 60 + table.field
    rows = _query(web, address, table.table, cone, reach)
    found: dict[str, FoundObservation] = {}
    today = Time.now().mjd
    for row in rows:
        if _number(row.get("public_date")) > today:  # not so for one that is unknown
            continue
        if any(str(row.get(c, v)).strip().lower() != v for c, v in table.conditions.items()):
            continue
        try:
            identifier = identify(str(row["obsid"]).strip())
            ra, dec = float(row["ra"]), float(row["dec"])
        except (KeyError, TypeError, ValueError, ParameterError):
            raise _not_understood(address) from None
        distance = _separation(cone, ra, dec)
        if distance <= reach:
            found[identifier] = FoundObservation(
                table.archive, identifier, str(row.get("name", "")).strip(), ra, dec, distance,
                _number(row.get("exposure")),
            )  # fmt: skip
    return sorted(found.values(), key=lambda o: (o.distance, o.identifier))


def _query(web: Web, address: str, table: str, cone: Cone, reach: float) -> list[dict[str, Any]]:
    # all columns: which there are beside obsid, ra and dec differs between tables
    query = (
        f"SELECT TOP {_ROWS} * FROM {table} WHERE 1=CONTAINS(POINT('ICRS', ra, dec), "  # noqa: S608
        f"CIRCLE('ICRS', {cone.ra:.6f}, {cone.dec:.6f}, {reach / 60:.6f}))"
    )
    values = {"REQUEST": "doQuery", "LANG": "ADQL", "FORMAT": "votable", "QUERY": query}
    url = f"{address}?{urllib.parse.urlencode(values)}"
    data = web.read(url, _LIMIT).data
    _refuse_unsafe(address, data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small offences against the standard are common
        try:
            parsed = parse_single_table(io.BytesIO(data), verify="ignore").to_table()
        except (ValueError, IndexError, KeyError, TypeError, EOFError, OSError) as error:
            raise _not_understood(address, str(error)) from None
    if len(parsed) >= _ROWS:
        raise ParameterError("cone", f"finds {_ROWS} observations or more", "give a smaller radius")
    names = {name: name.lower() for name in parsed.colnames}
    return [{low: _plain(row[name]) for name, low in names.items()} for row in parsed]


def _refuse_unsafe(address: str, data: bytes) -> None:
    """Refuse documents that define entities or have their data elsewhere.

    The table's reader would open the addresses of such streams, local files among them.
    """
    message: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2].upper()
        if local == "STREAM" and any(a.rpartition(":")[2] == "href" for a in attributes):
            message.append("has its data elsewhere")
        if local == "INFO" and attributes.get("value") == "ERROR":
            message.append("reports an error")

    def entity(*_: object) -> None:
        message.append("defines entities")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise _not_understood(address, str(error)) from None
    if message:
        raise _not_understood(address, f"it {message[0]}")


def _not_understood(address: str, why: str = "") -> ArchiveError:
    cause = "does not answer with a table of observations" + (f" ({why[:200]})" if why else "")
    return ArchiveError(address, cause, "check --search-url, or name the observations yourself")


def _plain(value: Any) -> Any:
    if np.ma.is_masked(value):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return float(value) if isinstance(value, np.floating) else value


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _separation(cone: Cone, ra: float, dec: float) -> float:
    """Return the distance of a position from the cone's centre in arcmin (haversine)."""
    a, b = math.radians(cone.dec), math.radians(dec)
    half = math.sin((b - a) / 2) ** 2
    half += math.cos(a) * math.cos(b) * math.sin(math.radians(ra - cone.ra) / 2) ** 2
    return 60 * math.degrees(2 * math.asin(min(1.0, math.sqrt(half))))
