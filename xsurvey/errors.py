"""Errors that a user can act on.

Every error meant for a user is one line: what was read (a file, or the dotted path of a
configuration key), what is wrong with it, and what to do. The command line prints it
after ``xsurvey: error:`` and exits with 2.
"""

import difflib
import os
from collections.abc import Callable, Iterable
from typing import TypeVar

_Made = TypeVar("_Made")


def printable(text: object) -> str:
    """Return ``text`` as one line without control characters.

    Headers of strangers' files end up in messages; they must not be able to move the
    cursor of a terminal or to fake a second line.
    """
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def plain_ascii(text: str) -> str:
    """Return ``text`` with ``_`` for every character that is not printable ASCII.

    FITS holds no others: for names of files and texts of headers that become table values.

    Examples
    --------
    >>> plain_ascii("Abell é")
    'Abell _'
    """
    return "".join(c if c.isascii() and c.isprintable() else "_" for c in text)


class XSurveyError(Exception):
    """An error caused by what the user gave, with the way out of it.

    Parameters
    ----------
    subject : str or path
        The file, or the dotted path of the configuration key.
    cause : str
        What is wrong.
    remedy : str
        What to do about it.
    """

    def __init__(self, subject: str | os.PathLike[str], cause: str, remedy: str) -> None:
        self.subject = printable(os.fspath(subject))
        self.cause = printable(cause)
        self.remedy = printable(remedy)
        self.others: tuple[XSurveyError, ...] = ()
        """What else is wrong, where one look found several things; each has its own line."""
        super().__init__(self.subject, self.cause, self.remedy)

    def __str__(self) -> str:
        return f"{self.subject}: {self.cause}; {self.remedy}"

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        # crosses process boundaries on its way back from a worker
        return type(self), (self.subject, self.cause, self.remedy)


class InputError(XSurveyError):
    """A file is missing, unreadable, damaged, or not what is needed."""


class ParameterError(XSurveyError):
    """A configuration key or an option has an unknown name or an impossible value."""


class OutputError(XSurveyError):
    """A product cannot be written where it was asked for."""


class MissingDataError(XSurveyError):
    """Calibration or auxiliary data are not installed; the remedy names the command."""


class ArchiveError(XSurveyError):
    """An archive does not answer, refuses, or sends something damaged."""


class OutOfTime(XSurveyError):
    """A walltime or another limit of time is near: the run stopped, and the next one goes on."""


class Complaints:
    """Errors that are collected, so that a user hears of all of them at once.

    Parameters
    ----------
    found : iterable of XSurveyError
        Those that there are already.
    """

    def __init__(self, found: Iterable[XSurveyError] = ()) -> None:
        self.found = list(found)

    def attempt(self, make: Callable[[], _Made]) -> _Made | None:
        """Return what a function makes, None where it raises an error for users."""
        try:
            return make()
        except XSurveyError as error:
            self.found += [error, *error.others]
            return None

    def raise_any(self) -> None:
        """Raise the first error, which has the others, if there is one.

        Raises
        ------
        XSurveyError
            As it was found.
        """
        if self.found:
            first, *others = self.found
            first.others = tuple(others)
            raise first


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint naming the known names nearest to ``name``.

    Examples
    --------
    >>> nearest("treshold", ["threshold", "bands"])
    "did you mean 'threshold'?"
    """
    choices = sorted(known)
    by_lower = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.6)
    if found:
        return f"did you mean {' or '.join(repr(by_lower[f]) for f in found)}?"
    return f"use one of {', '.join(choices)}" if choices else "leave it out"
