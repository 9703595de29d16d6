"""The parameters of a fit: start values, limits, which are free, which follow others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from xsurvey.errors import ParameterError, nearest
from xsurvey.inference.links import Link, parse_link
from xsurvey.inference.priors import Prior, parse_prior


@dataclass(frozen=True)
class FitParameter:
    """One parameter.

    Attributes
    ----------
    name : str
        Of models that are made of components ``component.parameter``; of a second and further
        data set, where it is not tied to the first one's, with its number before:
        ``2:powerlaw.norm``.
    value : float
        Where the fit starts, or stays if frozen.
    minimum, maximum : float
        Hard limits.
    step : float
        A change that matters, for differences and starts.
    link : Link or None
        What it follows.
    prior : Prior or None
        None: flat between the limits.
    is_norm : bool
        Whether the model is proportional to it.
    fittable : bool
        Whether it may vary: not a switch, which selects a method.
    alias : str
        Another name that is understood: with the whole name of the model.
    description : str
        What it is, for those who read tables of parameters.
    """

    name: str
    value: float
    minimum: float
    maximum: float
    unit: str = ""
    frozen: bool = False
    step: float = 0.01
    link: Link | None = None
    prior: Prior | None = None
    is_norm: bool = False
    fittable: bool = True
    alias: str = ""
    description: str = ""

    @property
    def component(self) -> str:
        """The component, of whatever spectrum it is."""
        return self.name.rpartition(":")[2].partition(".")[0]

    @property
    def free(self) -> bool:
        """Whether the fit changes it by itself."""
        return not self.frozen and self.link is None

    @property
    def limits(self) -> tuple[float, float]:
        """The hard limits, cut to where the prior is above zero."""
        if self.prior is None:
            return self.minimum, self.maximum
        return max(self.minimum, self.prior.low), min(self.maximum, self.prior.high)


class ParameterSet:
    """All parameters of a fit, in order; immutable.

    Attributes
    ----------
    parameters : tuple of FitParameter
    free : ndarray of int
        Columns of those that are fitted.
    """

    def __init__(self, parameters: Iterable[FitParameter]) -> None:
        self.parameters = tuple(parameters)
        self.free = np.array([i for i, p in enumerate(self.parameters) if p.free], dtype=int)
        self.values = np.array([p.value for p in self.parameters])
        self._links = self._in_order()

    def __len__(self) -> int:
        return len(self.parameters)

    @property
    def free_names(self) -> list[str]:
        """Names of the fitted parameters."""
        return [self.parameters[i].name for i in self.free]

    @property
    def start(self) -> np.ndarray:
        """Start values of the fitted parameters, shape (k,)."""
        return self.values[self.free]

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper limits of the fitted parameters, hard ones and priors', (k,) each."""
        limits = np.array([self.parameters[i].limits for i in self.free]).reshape(-1, 2)
        return limits[:, 0], limits[:, 1]

    @property
    def steps(self) -> np.ndarray:
        """Changes that matter, shape (k,)."""
        return np.array([self.parameters[i].step for i in self.free])

    def index(self, name: str) -> int:
        """Return the column of a parameter; the case of letters does not matter.

        Raises
        ------
        ParameterError
            There is none of that name.
        """
        names = [p.name for p in self.parameters]
        wanted = name.strip().lower().removeprefix("1:")
        for candidates in (names, [p.alias for p in self.parameters]):
            for number, known in enumerate(candidates):
                if known and known.lower() == wanted:
                    return number
        raise ParameterError(name.strip() or "parameter", "no parameter of the model has that name",
                             nearest(name, names))  # fmt: skip

    def expand(self, theta: np.ndarray) -> np.ndarray:
        """Return all parameters.

        Parameters
        ----------
        theta : ndarray, shape (b, k)
            The fitted ones.

        Returns
        -------
        ndarray, shape (b, p)
        """
        full = np.empty((len(theta), len(self.values)))
        full[:] = self.values
        full[:, self.free] = theta
        for column, link in self._links:
            full[:, column] = link.evaluate(full)
        return full

    def inside(self, full: np.ndarray) -> np.ndarray:
        """Tell which rows of all parameters (b, p) are within the hard limits, links' too."""
        low = np.array([p.minimum for p in self.parameters])
        high = np.array([p.maximum for p in self.parameters])
        with np.errstate(invalid="ignore"):
            return np.all((full >= low) & (full <= high), axis=1)

    def change(self, name: str, **fields: object) -> ParameterSet:
        """Return a set in which one parameter has other fields.

        Raises
        ------
        ParameterError
            Unknown name, or a value that is not within the limits.
        """
        column = self.index(name)
        changed = replace(self.parameters[column], **fields)  # type: ignore[arg-type]
        low, high = changed.limits
        if not (low <= changed.value <= high):
            raise ParameterError(
                changed.name, f"{changed.value:g} is not within its limits {low:g} to {high:g}",
                "give another value",
            )  # fmt: skip
        rows = list(self.parameters)
        rows[column] = changed
        return ParameterSet(rows)

    def with_values(self, theta: np.ndarray) -> ParameterSet:
        """Return a set that starts at other values of the fitted parameters, shape (k,)."""
        full = self.expand(np.asarray(theta, float)[None, :])[0]
        return ParameterSet(
            replace(p, value=float(v)) for p, v in zip(self.parameters, full, strict=True)
        )

    def _in_order(self) -> list[tuple[int, Link]]:
        """Return the links so that each comes after those that it follows."""
        waiting = {i: p.link for i, p in enumerate(self.parameters) if p.link is not None}
        ordered: list[tuple[int, Link]] = []
        while waiting:
            ready = [i for i, link in waiting.items() if not set(link.sources) & set(waiting)]
            if not ready:
                names = ", ".join(self.parameters[i].name for i in waiting)
                raise ParameterError("link", f"{names} follow each other in a circle", "cut it")
            ordered.extend((i, waiting.pop(i)) for i in ready)
        return ordered


def apply_settings(
    parameters: ParameterSet, *, values: Sequence[str] = (), freeze: Sequence[str] = (),
    thaw: Sequence[str] = (), links: Sequence[str] = (), limits: Sequence[str] = (),
    priors: Sequence[str] = (),
) -> ParameterSet:  # fmt: skip
    """Apply what a user says of parameters, in the forms of the command line.

    Parameters
    ----------
    values : sequence of str
        ``comp.par=1.2``: start values. Names are those of the set, with a component or without.
    freeze : sequence of str
        ``comp.par`` or ``comp.par=1.2``.
    thaw : sequence of str
    links : sequence of str
        ``comp.par=expression``.
    limits : sequence of str
        ``comp.par=low,high``: hard limits in place of the model's.
    priors : sequence of str
        ``comp.par=normal:1,0.1``.

    Raises
    ------
    ParameterError
        Unknown parameters, values that are no numbers or outside of the limits, circles of links,
        switches that are thawed, and what has no effect: values and priors of linked parameters,
        priors of frozen ones.
    """
    rows = parameters
    held = {rows.index(text.partition("=")[0]) for text in freeze}
    for text in thaw:
        if rows.index(text) in held:
            raise ParameterError("thaw", f"{text} is frozen too", "leave out one of the two")
    for text in limits:
        rows = _with_limits(rows, *_assignment(rows, text, "limits"))
    for text in values:
        name, given = _assignment(rows, text, "set")
        rows = rows.change(name, value=_number(given, name))
    for text in freeze:
        name, sign, given = text.partition("=")
        fields: dict[str, object] = {"frozen": True}
        if sign:
            fields["value"] = _number(given, name)
        rows = rows.change(name, **fields)
    for text in thaw:
        rows = _thawed(rows, text)
    for text in links:
        name, given = _assignment(rows, text, "link")
        rows = rows.change(name, link=parse_link(given, rows.index, "link"), frozen=False)
    for text in priors:
        rows = _with_prior(rows, *_assignment(rows, text, "prior"))
    linked = {p.name for p in rows.parameters if p.link is not None}
    for option, texts in (("set", values), ("freeze", freeze), ("thaw", thaw), ("prior", priors)):
        for text in texts:
            name = rows.parameters[rows.index(text.partition("=")[0])].name
            if name in linked:
                raise ParameterError(
                    option, f"{name} is linked, and follows other parameters",
                    "leave out one of the two",
                )  # fmt: skip
    return _linked_values(rows)


def _thawed(parameters: ParameterSet, name: str) -> ParameterSet:
    old = parameters.parameters[parameters.index(name)]
    if not old.fittable:
        raise ParameterError("thaw", f"{old.name} selects a method", "give it a value with --set")
    return parameters.change(name, frozen=False)


def _with_limits(parameters: ParameterSet, name: str, text: str) -> ParameterSet:
    """Return the set with other limits; a start value outside of them is moved to the nearer.

    Beyond their own hard limits models are not defined; they only are proportional to norms.
    """
    low, high = _pair(text, name)
    old = parameters.parameters[parameters.index(name)]
    if not old.is_norm and (low < old.minimum or high > old.maximum):
        raise ParameterError(
            "limits", f"{old.name} is defined from {old.minimum:g} to {old.maximum:g}, and not "
            f"in all of {low:g} to {high:g}", "give limits within these",
        )  # fmt: skip
    return parameters.change(name, minimum=low, maximum=high, value=min(max(old.value, low), high))


def _with_prior(parameters: ParameterSet, name: str, text: str) -> ParameterSet:
    """Return the set with a prior; a start value outside of it is moved to its middle."""
    old = parameters.parameters[parameters.index(name)]
    if old.frozen:
        raise ParameterError("prior", f"{old.name} is frozen", "thaw it, or leave the prior out")
    try:
        prior = parse_prior(text).truncated(old.minimum, old.maximum)
    except ValueError as error:
        raise ParameterError("prior", f"{name}: {error}", "correct it") from None
    value = old.value
    if not prior.low <= value <= prior.high:
        value = float(prior.transform(np.array([0.5]))[0])
    return parameters.change(name, prior=prior, value=value)


def _linked_values(parameters: ParameterSet) -> ParameterSet:
    """Check that links give values within the limits at the start."""
    full = parameters.expand(parameters.start[None, :])[0]
    for p, value in zip(parameters.parameters, full, strict=True):
        if p.link is not None and not (p.minimum <= value <= p.maximum):
            raise ParameterError(
                "link", f"{p.name} = {p.link.text} is {value:g}, outside of its limits "
                f"{p.minimum:g} to {p.maximum:g}", "give other start values or another link",
            )  # fmt: skip
    return parameters


def _assignment(parameters: ParameterSet, text: str, subject: str) -> tuple[str, str]:
    name, sign, given = text.partition("=")
    if not sign or not name.strip() or not given.strip():
        of_components = any("." in p.name for p in parameters.parameters)
        form = f"{'component.' if of_components else ''}parameter=value"
        raise ParameterError(subject, f"'{text}' is not of the form {form}", "write it so")
    return name.strip(), given.strip()


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ParameterError(name.strip(), f"'{text.strip()}' is not a number", "give a number")
    return value


def _pair(text: str, name: str) -> tuple[float, float]:
    parts = text.split(",")
    low, high = (_number(p, name) for p in parts) if len(parts) == 2 else (1.0, 0.0)
    if not low < high:
        raise ParameterError(name, f"'{text}' is not low,high", "give two increasing numbers")
    return low, high


def require_priors(parameters: ParameterSet) -> None:
    """Raise where evidences, which depend on all priors, cannot be computed.

    Raises
    ------
    ParameterError
        Nothing is free, or a free parameter has no prior.
    """
    if not len(parameters.free):
        raise ParameterError("nested", "no parameter is free", "thaw one, or do without")
    for row in (parameters.parameters[i] for i in parameters.free):
        if row.prior is None:
            raise ParameterError(
                row.name, "has no prior, on which the evidence depends",
                f"give one, such as --prior {row.name}=uniform:LOW,HIGH",
            )  # fmt: skip
