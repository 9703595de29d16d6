"""What a user asks for: observations by name, or those in a cone."""

from collections.abc import Sequence

from xsurvey.archives import ARCHIVES, Archive, get_archive, parse_observation
from xsurvey.archives.base import FoundObservation
from xsurvey.archives.parameters import FetchParameters
from xsurvey.archives.web import Web
from xsurvey.errors import ArchiveError, ParameterError
from xsurvey.units import Cone, parse_cone

CONE = "cone"


def named_observations(
    names: Sequence[str], parameters: FetchParameters
) -> list[tuple[Archive, str]]:
    """Return the archives and identifiers of ``MISSION:ID`` texts, each once.

    Raises
    ------
    ParameterError
        A text is none of an observation, or a parameter does not go with names.
    """
    if parameters.mission:
        raise ParameterError("--mission", "is for cones", "write MISSION:ID")
    asked = list(dict.fromkeys(parse_observation(name) for name in names))
    _check_addresses([archive for archive, _ in asked], parameters)
    return asked


def read_cone(texts: Sequence[str]) -> Cone:
    """Return the cone that follows the word.

    Raises
    ------
    ParameterError
        It is not one ``RA,DEC,RADIUS`` with the radius's unit.
    """
    if len(texts) != 1:
        raise ParameterError(CONE, "takes one RA,DEC,RADIUS", "write cone 228.48,-59.14,2arcmin")
    try:
        return parse_cone(texts[0])
    except ValueError as error:
        raise ParameterError(CONE, str(error), "correct the value") from None


def search_cone(
    web: Web, cone: Cone, parameters: FetchParameters
) -> tuple[list[FoundObservation], list[ArchiveError]]:
    """Return the public observations near a cone, of the missions asked for or of all.

    Also the failures of services that do not answer: they do not hide what the others find.

    Raises
    ------
    ParameterError
        No archive has such a name, or one address was given for several archives.
    """
    names = dict.fromkeys(parameters.mission or ARCHIVES)
    archives = [get_archive(name, "--mission") for name in names]
    _check_addresses(archives, parameters)
    found: list[FoundObservation] = []
    failed: list[ArchiveError] = []
    for archive in archives:
        address = archive.search_address(parameters.search_url)
        try:
            found += archive.search(web, address, cone)
        except ArchiveError as error:
            failed.append(error)
    return found, failed


def check_number(found: Sequence[FoundObservation], parameters: FetchParameters) -> None:
    """Raise if a cone holds more than may be fetched.

    Raises
    ------
    ParameterError
        It does.
    """
    if len(found) > parameters.max_observations:
        raise ParameterError(
            CONE, f"finds {len(found)} observations",
            "give a smaller radius, a --mission, or a higher --max-observations",
        )  # fmt: skip


def _check_addresses(archives: Sequence[Archive], parameters: FetchParameters) -> None:
    for option, value in (("--base-url", parameters.base_url),
                          ("--search-url", parameters.search_url)):  # fmt: skip
        if value is not None and len({archive.name for archive in archives}) != 1:
            raise ParameterError(option, "is for one archive", "fetch from one at a time")
