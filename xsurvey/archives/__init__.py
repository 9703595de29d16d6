"""Public archives of the missions: what users ask for, found and fetched.

One module an archive; `ARCHIVES` is the list of them. Everything here works with any archive
that describes itself as :class:`xsurvey.archives.base.Archive` does.
"""

from xsurvey.archives.base import Archive
from xsurvey.archives.chandra import CHANDRA
from xsurvey.archives.erosita import EROSITA
from xsurvey.archives.ixpe import IXPE
from xsurvey.errors import ParameterError, nearest

__all__ = ["ARCHIVES", "Archive", "get_archive", "parse_observation"]

ARCHIVES: dict[str, Archive] = {archive.name: archive for archive in (CHANDRA, EROSITA, IXPE)}


def get_archive(name: str, subject: str) -> Archive:
    """Return an archive by its mission's name.

    Raises
    ------
    ParameterError
        There is none of that name.
    """
    if name not in ARCHIVES:
        raise ParameterError(subject, f"no archive is named '{name}'", nearest(name, ARCHIVES))
    return ARCHIVES[name]


def parse_observation(text: str) -> tuple[Archive, str]:
    """Return the archive and the identifier of ``MISSION:ID``.

    Raises
    ------
    ParameterError
        It is not of that form, or there is no such archive, or no such identifier.

    Examples
    --------
    >>> parse_observation("chandra:00754")[1]
    '754'
    """
    name, colon, identifier = text.strip().partition(":")
    if not colon or not name:
        examples = ", ".join(f"{a.name}:{a.example}" for a in ARCHIVES.values())
        raise ParameterError(
            text or "WHAT",
            "is not MISSION:ID",
            f"give one such as {examples}, or cone RA,DEC,RADIUS",
        )
    archive = get_archive(name.lower(), text)
    return archive, archive.identifier(identifier)
