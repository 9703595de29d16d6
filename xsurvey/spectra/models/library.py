"""XSPEC's model library: the only module that calls it.

The library keeps its settings in global variables, is not safe in threads, writes to
standard output, and answers with zeros where it lacks data. Here a process has one handle
with a lock, every call is made through `ctypes.PyDLL` (which holds the interpreter's
lock), settings are set when they differ and read back, and outputs are looked at.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.errors import InputError, MissingDataError, ParameterError
from xsurvey.spectra.models.atomdb import atomdb_files, find_atomdb
from xsurvey.spectra.models.definitions import ModelDefinition, model_definitions
from xsurvey.spectra.models.installation import installation
from xsurvey.spectra.models.model_data import require_data, uses_atomdb
from xsurvey.spectra.models.quiet import quiet_output
from xsurvey.spectra.models.settings import ModelSettings

_SPECTRUM = 1
_PACKAGE = "xspectrampoline"
_GETTERS = {
    "FGSOLR": ctypes.c_char_p, "FGXSCT": ctypes.c_char_p, "FGMSTR": ctypes.c_char_p,
    "csmgh0": ctypes.c_float, "csmgq0": ctypes.c_float, "csmgl0": ctypes.c_float,
}  # fmt: skip
_APEC_ROOT = b"APECROOT"
_TRIAL_EDGES = np.array([0.5, 1.0, 2.0])
_TRIAL_PLASMA = np.array([1.0, 1.0, 0.0])


class XspecLibrary:
    """The library in this process; get it with `xspec_library`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._functions: dict[str, Callable[..., None]] = {}
        self._talkative: set[str] = set()
        self._settings: ModelSettings | None = None
        self._atomdb: bytes | None = None
        with self._lock, quiet_output():
            self._library = _load()
            self._library.FPCHAT(0)
        for name, result in _GETTERS.items():
            getattr(self._library, name).restype = result
        if hasattr(os, "register_at_fork"):
            # a thread that is not in the child may have held it
            os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.RLock()

    def evaluate(
        self,
        definition: ModelDefinition,
        edges: np.ndarray,
        parameters: np.ndarray,
        settings: ModelSettings,
        argument: np.ndarray | None = None,
        within_limits: bool = True,
    ) -> np.ndarray:
        """Evaluate one model once.

        Parameters
        ----------
        definition : ModelDefinition
        edges : ndarray, shape (n + 1,)
            Energies in keV, ascending, positive.
        parameters : ndarray, shape (p,)
            Without the norm of an additive model, which multiplies the result.
        settings : ModelSettings
        argument : ndarray, shape (n,), optional
            What a convolution acts on.
        within_limits : bool
            Refuse parameters beyond their hard limits. Only tables, which need the nodes of
            the library's own interpolation, go a little beyond.

        Returns
        -------
        ndarray, shape (n,)
            Photons/cm2/s in each bin for a norm of 1, factors, or the convolved argument.

        Raises
        ------
        ParameterError
            A parameter is not finite or beyond its hard limits (the library may crash
            there), or the model is not finite for them.
        MissingDataError
            Data that the model reads are not installed.
        """
        edges = _doubles(edges)
        values = _doubles(parameters)
        if within_limits:
            check_parameters(definition, values)
        _refuse_unsupported(definition)
        require_data(definition, values)
        if argument is None:
            flux = np.zeros(edges.size - 1)
        else:
            flux = np.array(argument, dtype=np.float64, order="C")
        with self._lock:
            self._set(settings)
            if uses_atomdb(definition, values):
                self._set_atomdb(settings)
            self._call(definition, edges, values, flux)
        return _checked(definition, flux)

    def check(self, definition: ModelDefinition, settings: ModelSettings) -> None:
        """Raise what `evaluate` would raise whatever the parameters are."""
        _refuse_unsupported(definition)
        require_data(definition)
        if uses_atomdb(definition):
            find_atomdb(settings)

    def _call(
        self, definition: ModelDefinition, edges: np.ndarray, values: np.ndarray, flux: np.ndarray
    ) -> None:
        function = self._functions.get(definition.symbol)
        if function is not None and definition.symbol not in self._talkative:
            function(edges, values, flux, definition.initial)
            return
        if function is None:
            function = _function(self._library, definition)
        with quiet_output() as written:  # some announce themselves, some tell all they do
            function(edges, values, flux, definition.initial)
            if written():
                self._talkative.add(definition.symbol)
        self._functions[definition.symbol] = function

    def _set(self, settings: ModelSettings) -> None:
        """Bring the library's global state to the settings, and make sure that it is."""
        if settings is self._settings or settings == self._settings:
            return
        self._settings = None  # whatever goes wrong, the next call begins anew
        self._set_name("SOLR", settings.abund, "abund")
        self._set_name("XSCT", settings.xsect, "xsect")
        self._set_cosmology(settings)
        self._settings = settings

    def _set_atomdb(self, settings: ModelSettings) -> None:
        """Point the library to the files that are found now: ``$ATOMDB`` may have changed."""
        prefix = find_atomdb(settings)
        root = os.fsencode(prefix)
        if root == self._atomdb:
            return
        self._atomdb = None
        self._library.FPMSTR(_APEC_ROOT, root)
        if self._library.FGMSTR(_APEC_ROOT) != root:
            raise _refused("atomdb", os.fsdecode(root))
        self._try_atomdb(prefix)
        self._atomdb = root

    def _try_atomdb(self, prefix: Path) -> None:
        """Evaluate a plasma once: what the library cannot read becomes zeros, not an error."""
        flux = np.zeros(_TRIAL_EDGES.size - 1)
        self._call(model_definitions()["apec"], _TRIAL_EDGES, _TRIAL_PLASMA, flux)
        if not (np.isfinite(flux).all() and (flux > 0).all()):
            raise InputError(
                atomdb_files(prefix)[0], "is not read by the XSPEC library: it or its partner "
                "is damaged", "run `xsurvey data install atomdb`",
            )  # fmt: skip

    def _set_name(self, what: str, name: str, field: str) -> None:
        status = ctypes.c_int(0)
        with quiet_output():
            getattr(self._library, f"FP{what}")(name.encode(), ctypes.byref(status))
        if status.value or getattr(self._library, f"FG{what}")() != name.encode():
            raise _refused(field, name)

    def _set_cosmology(self, settings: ModelSettings) -> None:
        values = (settings.hubble_constant, settings.deceleration, settings.dark_energy)
        self._library.csmpall(*(ctypes.c_float(value) for value in values))
        got = tuple(getattr(self._library, name)() for name in ("csmgh0", "csmgq0", "csmgl0"))
        if got != tuple(float(np.float32(value)) for value in values):
            raise _refused("cosmology", f"{values}")


@cache
def xspec_library() -> XspecLibrary:
    """Return the library of this process, loaded when first asked for.

    Raises
    ------
    MissingDataError
        It is not installed, or does not load.
    """
    return XspecLibrary()


def check_parameters(definition: ModelDefinition, values: np.ndarray) -> None:
    """Raise ParameterError for values at which the model is not defined."""
    for parameter, value in zip(definition.shape_parameters, values, strict=True):
        if not parameter.hard_min <= value <= parameter.hard_max:
            raise ParameterError(
                f"{definition.name}.{parameter.name}",
                f"is {value:g}, beyond {parameter.hard_min:g} to {parameter.hard_max:g} "
                f"{parameter.unit}".rstrip(),
                "keep it within these limits",
            )  # fmt: skip


def _load() -> Any:
    """Load the library into the process.

    The Python package does it when imported: it sets HEADAS and calls the library's
    initialisation, which writes to standard output. Fortran must not keep such output for
    later, when standard output is no longer turned away.
    """
    home = installation()
    unbuffered = "GFORTRAN_UNBUFFERED_PRECONNECTED"
    before = os.environ.get(unbuffered)
    os.environ[unbuffered] = "1"
    try:
        importlib.import_module(_PACKAGE)
        extension = importlib.import_module(f"{_PACKAGE}_helpers").SHARED_LIB_EXT
        library = ctypes.PyDLL(str(home.headas / "lib" / f"libXSFunctions.{extension}"))
    except Exception as error:  # its own exceptions, OSError of the loader
        raise MissingDataError(
            "XSPEC's model library", f"does not load from {home.headas} ({type(error).__name__})",
            f"run `pip install {_PACKAGE}`, and unset HEADAS or initialise HEASoft anew",
        ) from error  # fmt: skip
    finally:
        if before is None:
            del os.environ[unbuffered]
        else:
            os.environ[unbuffered] = before
    return library


def _function(library: Any, definition: ModelDefinition) -> Callable[..., None]:
    """Return the function of a model, called as its prefix in model.dat tells."""
    symbol = definition.symbol
    how, name = (_c_style, symbol) if symbol.startswith("C_") else _by_prefix(symbol)
    try:
        return how(getattr(library, name))
    except AttributeError:
        raise MissingDataError(
            definition.name, "is not in the installed library of models", "use another model"
        ) from None


def _by_prefix(symbol: str) -> tuple[Callable[[Any], Callable[..., None]], str]:
    prefix, _, rest = symbol.partition("_")
    if prefix == "c":
        return _c_style, rest
    if prefix == "F":
        return _fortran_style(np.float64), f"{rest}_"
    return _fortran_style(np.float32), f"{symbol}_"


def _c_style(function: Any) -> Callable[..., None]:
    """Wrap (energies, n, parameters, spectrum, flux, error, init) in double precision."""
    function.restype = None
    function.argtypes = [
        ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int,
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p,
    ]  # fmt: skip

    def call(edges: np.ndarray, values: np.ndarray, flux: np.ndarray, initial: str) -> None:
        error = np.zeros_like(flux)
        function(
            edges.ctypes.data, flux.size, values.ctypes.data, _SPECTRUM,
            flux.ctypes.data, error.ctypes.data, initial.encode(),
        )  # fmt: skip

    return call


def _fortran_style(precision: Any) -> Callable[[Any], Callable[..., None]]:
    """Wrap (energies, n, parameters, spectrum, flux, error), all by reference."""

    def wrap(function: Any) -> Callable[..., None]:
        function.restype = None
        function.argtypes = [ctypes.c_void_p] * 6

        def call(edges: np.ndarray, values: np.ndarray, flux: np.ndarray, initial: str) -> None:
            arrays = [np.array(a, dtype=precision) for a in (edges, values, flux, flux * 0)]
            number, spectrum = ctypes.c_int(flux.size), ctypes.c_int(_SPECTRUM)
            function(
                arrays[0].ctypes.data, ctypes.addressof(number), arrays[1].ctypes.data,
                ctypes.addressof(spectrum), arrays[2].ctypes.data, arrays[3].ctypes.data,
            )  # fmt: skip
            flux[:] = arrays[2]

        return call

    return wrap


def _refuse_unsupported(definition: ModelDefinition) -> None:
    if definition.per_spectrum:
        raise ParameterError(
            definition.name, "depends on keywords of each spectrum, which is not supported",
            "use another model",
        )  # fmt: skip


def _doubles(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float64)


def _checked(definition: ModelDefinition, flux: np.ndarray) -> np.ndarray:
    if not np.isfinite(flux).all():
        raise ParameterError(definition.name, "is not finite for these parameters", "change them")
    return flux


def _refused(field: str, value: str) -> ParameterError:
    return ParameterError(field, f"the XSPEC library does not take {value!r}", "use another")
