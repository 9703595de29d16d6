"""What an archive is: how identifiers become folders and files, and how cones find them."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from xsurvey.archives.web import Web, check_address
from xsurvey.errors import ParameterError, nearest
from xsurvey.units import Cone


@dataclass(frozen=True)
class Product:
    """A kind of files of an observation.

    Attributes
    ----------
    name : str
        As the option --product has it.
    folder : str
        Below the observation's folder; empty for that itself, else without a slash at the end.
    pattern : str
        Regular expression of whole file names; ``{id}`` stands for the identifier as it is
        written in file names.
    description : str
    default : bool
        Fetched when nothing is asked for.
    required : bool
        An observation without it is an error if it is asked for, not only a note.
    """

    name: str
    folder: str
    pattern: str
    description: str
    default: bool = True
    required: bool = False

    def matches(self, file_name: str, identifier: str) -> bool:
        """Tell whether a file of the listing is of this kind."""
        pattern = self.pattern.replace("{id}", re.escape(identifier))
        return re.fullmatch(pattern, file_name) is not None


@dataclass(frozen=True)
class FoundObservation:
    """An observation that a catalog service finds near a cone.

    Attributes
    ----------
    archive, identifier : str
    name : str
        The target's, empty if there is none.
    ra, dec : float
        Pointing, ICRS degrees; NaN if the service does not tell.
    distance : float
        From the cone's centre to the pointing, arcmin; NaN if unknown.
    exposure : float
        Seconds; NaN if unknown.
    """

    archive: str
    identifier: str
    name: str
    ra: float
    dec: float
    distance: float
    exposure: float

    @property
    def what(self) -> str:
        """As the user would ask for it."""
        return f"{self.archive}:{self.identifier}"


class Archive(ABC):
    """A mission's public archive.

    Attributes
    ----------
    name : str
        The mission's, before the colon of an identifier.
    title : str
        For people.
    example : str
        An identifier that exists.
    identifier_help : str
        What an identifier looks like.
    bases : sequence of str
        Addresses of folders that hold the observations, the first preferred; the others are
        asked when one says that it has no such observation.
    search_service : str
        Address of the service that finds observations.
    products : sequence of Product
    """

    name: ClassVar[str]
    title: ClassVar[str]
    example: ClassVar[str]
    identifier_help: ClassVar[str]
    bases: ClassVar[Sequence[str]]
    search_service: ClassVar[str]
    products: ClassVar[Sequence[Product]]

    @abstractmethod
    def identifier(self, text: str) -> str:
        """Return an identifier in its one form.

        Raises
        ------
        ParameterError
            It cannot be one.
        """

    @abstractmethod
    def folder(self, identifier: str) -> str:
        """Return an observation's folder below a base, without a slash at the end."""

    def file_identifier(self, identifier: str) -> str:
        """Return the identifier as file names have it."""
        return identifier

    def newest(self, names: Sequence[str]) -> list[str]:
        """Leave out files of which the folder has a newer version."""
        return list(names)

    @abstractmethod
    def search(self, web: Web, address: str, cone: Cone) -> list[FoundObservation]:
        """Return the public observations whose field may touch a cone, nearest first.

        Raises
        ------
        ArchiveError
            The service does not answer, or not what can be understood.
        """

    def choose(self, names: Sequence[str]) -> list[Product]:
        """Return the products that a user asks for.

        Raises
        ------
        ParameterError
            An unknown name.
        """
        if not names:
            return [p for p in self.products if p.default]
        if "all" in names:
            return list(self.products)
        known = {p.name: p for p in self.products}
        for name in names:
            if name not in known:
                cause = f"'{name}' is no product of {self.name}"
                raise ParameterError("--product", cause, nearest(name, [*known, "all"]))
        return [known[name] for name in dict.fromkeys(names)]

    def wrong(self, text: str, why: str) -> ParameterError:
        """Return the error for an impossible identifier."""
        remedy = f"give {self.identifier_help}, such as {self.name}:{self.example}"
        return ParameterError(f"{self.name}:{text}", why, remedy)

    def addresses(self, given: str | None) -> list[str]:
        """Return the bases in force: the given one, the environment's, or the archive's own."""
        variable = self.variable
        if given is None:
            given = os.environ.get(variable) or None
            if given is None:
                return list(self.bases)
            check_address(given, variable)
        return [given.rstrip("/") + "/"]

    def search_address(self, given: str | None) -> str:
        """Return the search service in force: given, the environment's, or the archive's own."""
        if given is not None:
            return given
        variable = f"{self.variable}_SEARCH"
        return check_address(os.environ.get(variable) or self.search_service, variable)

    @property
    def variable(self) -> str:
        """Environment variable that replaces the bases."""
        return f"XSURVEY_ARCHIVE_{self.name.upper()}"
