"""Fits by PyXspec, HEASoft's Python module ``xspec``, where it is installed.

For comparison with XSPEC itself. Its state is global and it prompts and prints: every fit is
done in a process of its own, and only values come back.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from xsurvey.errors import InputError, MissingDataError, ParameterError, XSurveyError
from xsurvey.spectra.models.atomdb import find_atomdb
from xsurvey.spectra.models.expression import Convolution, Expression, Leaf, Node, Product
from xsurvey.spectra.models.model_data import uses_atomdb
from xsurvey.spectra.models.settings import ModelSettings

_MODULE = "xspec"
_ITERATIONS = 1000
_DELTA = {0.6827: 1.0, 0.9: 2.706}  # of the statistic, for one parameter
_WEIGHTS = {"data": "standard", "gehrels": "gehrels", "model": "model"}
_FLAGGED = "T"  # in the status of an error: something was wrong


@dataclass(frozen=True)
class FittedSpectrum:
    """A spectrum and its companions, which are its own where they are not given.

    Attributes
    ----------
    spectrum : str
        PHA file, ``file.pha{3}`` for a row.
    background, arf, rmf : str, optional
    energy : (float, float), optional
        In keV; channels that overlap are used.
    """

    spectrum: str
    background: str | None = None
    arf: str | None = None
    rmf: str | None = None
    energy: tuple[float, float] | None = None


@dataclass(frozen=True)
class ParameterState:
    """Where a parameter starts: a value, frozen or not, or the parameter that it is equal to."""

    value: float | None = None
    frozen: bool | None = None
    link: str | None = None


@dataclass(frozen=True)
class FitRequest:
    """All of a fit.

    Attributes
    ----------
    expression : Expression
    spectra : tuple of FittedSpectrum
        Their models are equal.
    parameters : mapping
        By name; the others start as XSPEC has them.
    statistic : {'cstat', 'wstat', 'chi2'}
        XSPEC's cstat is W-stat where there is a background: for ``cstat`` it is taken away.
    variance : {'data', 'gehrels', 'model'}
        Of chi2.
    confidence : {0.6827, 0.9}
    """

    expression: Expression
    spectra: tuple[FittedSpectrum, ...]
    parameters: Mapping[str, ParameterState] = field(default_factory=dict)
    statistic: Literal["cstat", "wstat", "chi2"] = "cstat"
    variance: Literal["data", "gehrels", "model"] = "data"
    confidence: float = 0.6827
    settings: ModelSettings = field(default_factory=ModelSettings)


@dataclass(frozen=True)
class FitOutcome:
    """What came of it, with the keys of ``spectrum fit --json``.

    Attributes
    ----------
    statistic : dict
        ``name``, ``value``, ``dof``.
    parameters : dict of dict
        By name: ``value``, ``lower``, ``upper`` (None where XSPEC found no end of the
        interval), ``confidence``, ``unit``, ``frozen``.
    """

    statistic: dict[str, Any]
    parameters: dict[str, dict[str, Any]]

    def record(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def has_pyxspec() -> bool:
    """Tell whether PyXspec is installed; it is not imported."""
    return importlib.util.find_spec(_MODULE) is not None


def fit_with_pyxspec(request: FitRequest) -> FitOutcome:
    """Fit in a process of its own.

    Raises
    ------
    MissingDataError
        PyXspec is not installed.
    ParameterError
        A parameter or an option is not known.
    InputError
        XSPEC refuses a file or ends.
    """
    if not has_pyxspec():
        raise _not_installed()
    _check(request)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(run_fit, request).result()
        except BrokenProcessPool:
            raise InputError(
                request.spectra[0].spectrum, "XSPEC ended while fitting it",
                "try the fit in XSPEC, or use xsurvey's own",
            ) from None  # fmt: skip


def run_fit(request: FitRequest) -> FitOutcome:
    """Fit in this process, which should do nothing else: XSPEC's state is global."""
    try:
        xspec = importlib.import_module(_MODULE)
    except ImportError:
        raise _not_installed() from None
    _check(request)
    try:
        _set_up(xspec, request.settings, request.expression)
        _load(xspec, request)
        model = xspec.Model(xspec_text(request.expression))
        _set_parameters(model, request)
        _fit(xspec, request)
        _find_errors(xspec, model, request)
        return _outcome(xspec, model, request)
    except XSurveyError:
        raise
    except Exception as error:  # PyXspec's own derive from Exception
        raise InputError(
            request.spectra[0].spectrum, f"XSPEC refuses the fit ({error})",
            "correct what it names, or use xsurvey's own fit",
        ) from None  # fmt: skip


def xspec_text(expression: Expression) -> str:
    """Return an expression with the full names of models and all parentheses."""

    def text(node: Node) -> str:
        if isinstance(node, Leaf):
            return expression.components[node.component].definition.name
        if isinstance(node, Convolution):
            name = expression.components[node.component].definition.name
            return f"({name}*({text(node.argument)}))"
        parts = node.factors if isinstance(node, Product) else node.terms
        return f"({('*' if isinstance(node, Product) else '+').join(text(p) for p in parts)})"

    whole = text(expression.tree)
    return whole[1:-1] if whole.startswith("(") else whole


def _check(request: FitRequest) -> None:
    if not request.spectra:
        raise ParameterError("spectra", "are none", "give one or more")
    if request.statistic not in ("cstat", "wstat", "chi2"):
        raise ParameterError("statistic", f"is {request.statistic!r}", "use cstat, wstat or chi2")
    if request.variance not in _WEIGHTS:
        raise ParameterError("variance", f"is {request.variance!r}", "use data, gehrels or model")
    if request.confidence not in _DELTA:
        raise ParameterError("confidence", f"is {request.confidence:g}", "use 0.6827 or 0.9")
    for name, state in request.parameters.items():
        request.expression.find(name)
        if state.link is not None:
            request.expression.find(state.link)
        if state.value is not None and not math.isfinite(state.value):
            raise ParameterError(name, "is not finite", "give it a number")


def _set_up(xspec: Any, settings: ModelSettings, expression: Expression) -> None:
    xspec.Xset.chatter = 0
    xspec.Xset.logChatter = 0
    xspec.Xset.allowPrompting = False
    xspec.Xset.abund = settings.abund
    xspec.Xset.xsect = settings.xsect
    xspec.Xset.cosmo = (
        f"{settings.hubble_constant:g} {settings.deceleration:g} {settings.dark_energy:g}"
    )
    if any(uses_atomdb(component.definition) for component in expression.components):
        xspec.Xset.addModelString("APECROOT", os.fspath(find_atomdb(settings)))


def _load(xspec: Any, request: FitRequest) -> None:
    xspec.AllData.clear()
    xspec.AllModels.clear()
    numbered = enumerate(request.spectra, start=1)
    xspec.AllData(" ".join(f"{i}:{i} {spectrum.spectrum}" for i, spectrum in numbered))
    for i, given in enumerate(request.spectra, start=1):
        spectrum = xspec.AllData(i)
        if given.rmf:
            spectrum.response = given.rmf
        if given.arf:
            spectrum.response.arf = given.arf
        if request.statistic == "cstat":
            spectrum.background = None
        elif given.background:
            spectrum.background = given.background
        if given.energy:
            # XSPEC's notice keeps the channels that the ends fall in, its ignore drops them
            low, high = (float(energy) for energy in given.energy)
            spectrum.ignore("**")
            spectrum.notice(f"{low!r}-{high!r}")
        spectrum.ignore("bad")


def _set_parameters(model: Any, request: FitRequest) -> None:
    places = {request.expression.find(name): s for name, s in request.parameters.items()}
    values = {place + 1: s.value for place, s in places.items() if s.value is not None}
    if values:
        model.setPars(values)
    for place, state in places.items():
        if state.link is not None:
            model(place + 1).link = model(request.expression.find(state.link) + 1)
        elif state.frozen is not None:
            model(place + 1).frozen = state.frozen


def _fit(xspec: Any, request: FitRequest) -> None:
    fit = xspec.Fit
    fit.statMethod = "chi" if request.statistic == "chi2" else "cstat"
    if request.statistic == "chi2":
        fit.weight = _WEIGHTS[request.variance]
    fit.query = "yes"
    fit.nIterations = _ITERATIONS
    fit.perform()


def _is_free(parameter: Any) -> bool:
    return not parameter.frozen and not parameter.link


def _numbers(request: FitRequest) -> Sequence[int]:
    return range(1, len(request.expression.parameters) + 1)


def _find_errors(xspec: Any, model: Any, request: FitRequest) -> None:
    free = [str(i) for i in _numbers(request) if _is_free(model(i))]
    if free:
        xspec.Fit.error(f"{_DELTA[request.confidence]} {' '.join(free)}")


def _outcome(xspec: Any, model: Any, request: FitRequest) -> FitOutcome:
    parameters = {}
    for i, known in zip(_numbers(request), request.expression.parameters, strict=True):
        parameter = model(i)
        lower, upper = _interval(parameter) if _is_free(parameter) else (None, None)
        parameters[known.name] = {
            "value": float(parameter.values[0]), "lower": lower, "upper": upper,
            "confidence": request.confidence, "unit": known.definition.unit,
            "frozen": bool(parameter.frozen),
        }  # fmt: skip
    value = float(xspec.Fit.statistic)
    if not math.isfinite(value):
        raise InputError(
            request.spectra[0].spectrum, "XSPEC's fit has no finite statistic",
            "check the energy range and the start values",
        )  # fmt: skip
    statistic = {"name": request.statistic, "value": value, "dof": int(xspec.Fit.dof)}
    return FitOutcome(statistic, parameters)


def _interval(parameter: Any) -> tuple[float | None, float | None]:
    lower, upper, status = parameter.error
    if _FLAGGED in status:
        return None, None
    return float(lower), float(upper)


def _not_installed() -> MissingDataError:
    return MissingDataError(
        "PyXspec", "is not installed (the module xspec of HEASoft)",
        "install HEASoft and initialise it, or use xsurvey's own fit",
    )  # fmt: skip
