"""Errors that a user can act on.

Every error meant for a user is one line: what was read (a file, or the dotted path of a
configuration key), what is wrong with it, and what to do. The command line prints it
after ``xsurvey: error:`` and exits with 2.
"""

import difflib
import os
from collections.abc import Iterable


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
