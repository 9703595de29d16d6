"""The likelihood of the spectra of all regions together."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from xsurvey.errors import ParameterError, nearest
from xsurvey.inference.parameter_set import FitParameter, ParameterSet, apply_settings
from xsurvey.inference.priors import Normal
from xsurvey.profiles.annuli_model import (
    AnnuliModel,
    BackgroundColumns,
    FoldedSpectra,
    GasColumns,
    annuli_of,
    check_spectra,
    region_areas,
)
from xsurvey.profiles.annuli_parameters import SkyParameters, SpectralProfileParameters
from xsurvey.profiles.light_between_annuli import LightBetweenAnnuli, light_between
from xsurvey.profiles.outskirts import Outskirts, outskirts_of
from xsurvey.profiles.projection import shell_mixing
from xsurvey.profiles.region_spectrum import RegionSpectra
from xsurvey.profiles.sky_model import SkyColumns, sky_parameters
from xsurvey.spectra.likelihood import Member, SpectralLikelihood
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.statistics.cash import CStat

COOL = "_cool"
"""What the component of an annulus' second plasma is called after."""
_KT, _ABUNDANCE, _NORM, _COOLER = 2.0, 0.3, 1e-6, 0.5
_UNIT = {False: "10**14 arcmin-2 cm-5", True: "10**14 cm-5"}


class FoldedOnce:
    """Stands for the photons of a model that is only known folded."""

    description: Mapping[str, str] = MappingProxyType({"apec": "tables, folded once"})

    def __call__(self, parameters: np.ndarray) -> np.ndarray:
        """Raise: there are no photons before folding."""
        raise NotImplementedError("spectra of regions are evaluated folded")


@dataclass(frozen=True)
class RegionMember(Member):
    """One spectrum of a joint fit of regions.

    Attributes
    ----------
    regions : AnnuliModel
    place : int
        Of the spectrum.
    """

    regions: AnnuliModel | None = None
    place: int = 0

    def source(self, full: np.ndarray) -> np.ndarray:
        """Return the expected counts of gas, sky and particles, shape (b, m)."""
        assert self.regions is not None
        return self.regions.expected(full, self.place)[0]

    def expected(self, full: np.ndarray) -> np.ndarray:
        """Return the expected counts, shape (b, m)."""
        return self.source(full)


class AnnuliLikelihood(SpectralLikelihood):
    """The statistic of all spectra of all regions.

    Parameters
    ----------
    model : AnnuliModel
    parameters : ParameterSet
    kinks : mapping of str to ndarray
        Temperatures at which the model bends, by parameter.
    """

    def __init__(
        self, model: AnnuliModel, parameters: ParameterSet, kinks: Mapping[str, np.ndarray]
    ) -> None:
        self.model, self.kinks = model, dict(kinks)
        members = [
            RegionMember(
                spectrum.dataset, FoldedOnce(), np.empty(0, int), CStat(spectrum.dataset.counts),
                regions=model, place=place,
            )
            for place, spectrum in enumerate(model.folded.spectra.spectra)
        ]  # fmt: skip
        super().__init__(members, parameters)

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        """Return expected counts of all spectra, shape (b, M), for free parameters (b, k)."""
        full = self.parameters.expand(np.atleast_2d(theta))
        model = np.concatenate(self.model.expected(full), axis=1)
        if self._has_links:
            model[~self.parameters.inside(full)] = np.nan
        return model

    @property
    def free_kinks(self) -> dict[int, np.ndarray]:
        """Temperatures at which the model bends, by place among the free parameters."""
        names = self.parameters.free_names
        return {i: self.kinks[name] for i, name in enumerate(names) if name in self.kinks}


@dataclass(frozen=True)
class AnnuliProblem:
    """A joint fit, of which the number of temperatures is still open.

    Attributes
    ----------
    folded : FoldedSpectra
    mixing : ndarray, shape (r, n)
        Of annuli, or of shells.
    annuli : list of int
        Their places among the regions.
    names : list of str
        Of all regions, as parameters are named.
    sky : SkyParameters
    parameters : SpectralProfileParameters
    template_error : float
        Relative one-sigma error of the particles' level.
    outskirts : Outskirts or None
        Of annuli, or of shells: the cluster in regions of the sky.
    between : LightBetweenAnnuli or None
        What the PSF moves, of gas between annuli.
    """

    folded: FoldedSpectra
    mixing: np.ndarray
    annuli: list[int]
    names: list[str]
    sky: SkyParameters
    parameters: SpectralProfileParameters
    template_error: float
    outskirts: Outskirts | None = None
    between: LightBetweenAnnuli | None = None

    @property
    def spectra(self) -> RegionSpectra:
        """What is fitted."""
        return self.folded.spectra

    def with_scatter(self, scatter: float) -> AnnuliProblem:
        """Return the problem with the sky's scatter known."""
        return replace(self, sky=self.sky.model_copy(update={"scatter": scatter}))

    def likelihood(self, two_temperatures: Collection[int] = ()) -> AnnuliLikelihood:
        """Return the likelihood.

        Parameters
        ----------
        two_temperatures : collection of int
            Annuli, by place among the annuli, with a second plasma.

        Raises
        ------
        ParameterError
            Settings name unknown parameters, or values that cannot be.
        InputError
            A sector of the sky has no region of the sky.
        """
        regions = list(self.spectra.layout.regions)
        rows, gas = self._gas(sorted(two_temperatures))
        area = region_areas(self.spectra)
        more, sky = sky_parameters(regions, self.names, area, self.sky)
        particles, of_spectrum = self._particles()
        beyond = [] if self.outskirts is None else [self.outskirts.parameter()]
        parameters = ParameterSet([*rows, *more, *particles, *beyond])
        background = self._background(parameters, sky, of_spectrum)
        model = AnnuliModel(self.folded, self.mixing, gas, background, self.outskirts, self.between)
        return AnnuliLikelihood(model, self._settled(parameters), self._kinks(parameters))

    def component(self, annulus: int, cool: bool = False) -> str:
        """Return the name of a plasma, of an annulus by its place among them."""
        return self.names[self.annuli[annulus]] + (COOL if cool else "")

    def _gas(self, two: Sequence[int]) -> tuple[list[FitParameter], GasColumns]:
        rows: list[FitParameter] = []
        columns: list[tuple[int, int, int, int]] = []
        for annulus in range(len(self.annuli)):
            name, first = self.component(annulus), len(rows)
            rows += [self._kt(name, _KT), self._abundance(name), self._norm(name, _NORM)]
            columns.append((annulus, first, first + 1, first + 2))
            if annulus in two:
                name = self.component(annulus, cool=True)
                rows += [self._kt(name, _KT * _COOLER), self._norm(name, 0.1 * _NORM)]
                columns.append((annulus, first + 3, first + 1, first + 4))
        return rows, GasColumns(*np.array(columns).T)

    def _kt(self, name: str, value: float) -> FitParameter:
        low, high = self.parameters.kt_min, self.parameters.kt_max
        return FitParameter(
            name=f"{name}.kT", value=min(max(value, low), high), minimum=low, maximum=high,
            unit="keV", step=0.05,
        )  # fmt: skip

    def _abundance(self, name: str) -> FitParameter:
        most = self.parameters.abundance_max
        return FitParameter(
            name=f"{name}.Z", value=min(_ABUNDANCE, most), minimum=0.0, maximum=most, step=0.05
        )

    def _norm(self, name: str, value: float) -> FitParameter:
        return FitParameter(
            name=f"{name}.norm", value=value, minimum=0.0, maximum=1e6, step=value,
            unit=_UNIT[self.parameters.deproject], is_norm=True,
        )  # fmt: skip

    def _particles(self) -> tuple[list[FitParameter], list[str]]:
        rows = []
        of_group = {group: f"particles.{_plain(group)}" for group in self.groups}
        for group, name in of_group.items():
            own = [s for s in self.spectra.spectra if s.group == group]
            total = sum(float(s.particle.sum()) for s in own)
            # regions share one template, so that its counting errors add up linearly
            counting = sum(float(np.sqrt(s.particle_variance.sum())) for s in own)
            scaling = max(s.scale_error for s in own)
            errors = (self.template_error, scaling, counting / total) if total > 0 else (0.0,)
            sigma = float(np.linalg.norm(errors))
            rows.append(FitParameter(
                name=name, value=1.0, minimum=0.0, maximum=10.0, step=max(sigma, 1e-3),
                frozen=sigma == 0, prior=Normal(1.0, sigma, 0.0, 10.0) if sigma else None,
            ))  # fmt: skip
        return rows, [of_group[s.group] for s in self.spectra.spectra]

    @property
    def groups(self) -> list[str]:
        """Groups of detectors, in the order of their first spectra."""
        return list(dict.fromkeys(s.group for s in self.spectra.spectra))

    def _background(
        self, parameters: ParameterSet, sky: SkyColumns, particles: list[str]
    ) -> BackgroundColumns:
        def columns(names: list[str]) -> np.ndarray:
            return np.array([parameters.index(name) for name in names])

        return BackgroundColumns(
            columns(sky.lhb_kt), columns(sky.lhb_norm), columns(sky.halo_kt),
            columns(sky.halo_norm), columns(sky.cxb_norm), columns(sky.scatter),
            columns(particles),
            None if self.outskirts is None else parameters.index(self.outskirts.parameter().name),
            self.sky.scatter_of == "sources",
        )  # fmt: skip

    def _kinks(self, parameters: ParameterSet) -> dict[str, np.ndarray]:
        nodes = {"lhb": self.folded.lhb.kt, "halo": self.folded.halo.kt}
        found = {
            p.name: nodes.get(p.component.partition("_")[0], self.folded.gas.kt)
            for p in parameters.parameters
            if p.name.endswith(".kT")
        }
        for annulus in range(len(self.annuli)) if self.outskirts is not None else ():
            for cool in (False, True):
                name = f"{self.component(annulus, cool)}.kT"
                if name in found and self.outskirts is not None:
                    found[name] = self.outskirts.kinks(annulus, self.folded.gas.kt)
        return found

    def _settled(self, parameters: ParameterSet) -> ParameterSet:
        own = self.parameters
        links = []
        for group in own.tie_abundance:
            first, *others = [self._annulus(name) for name in group.split(",")]
            links += [f"{other}.Z={first}.Z" for other in others]
        return apply_settings(
            parameters, values=own.set, freeze=own.freeze, links=links, limits=own.limits,
            priors=own.prior,
        )  # fmt: skip

    def _annulus(self, name: str) -> str:
        known = [self.component(i) for i in range(len(self.annuli))]
        if name.strip() not in known:
            raise ParameterError(
                "tie_abundance", f"there is no annulus '{name.strip()}'", nearest(name, known)
            )
        return name.strip()


def make_problem(
    spectra: RegionSpectra, redshift: float, nh: float | np.ndarray,
    sky: SkyParameters | None = None, parameters: SpectralProfileParameters | None = None,
    template_error: float = 0.05, settings: ModelSettings | None = None,
    light: np.ndarray | None = None,
) -> AnnuliProblem:  # fmt: skip
    """Fold all that a joint fit of annuli needs.

    Parameters
    ----------
    spectra : RegionSpectra
    redshift : float
        Of the gas.
    nh : float or ndarray, shape (r,)
        Column density, of all regions or of each, 1e22 cm-2: known, and not fitted.
    sky, parameters
    template_error : float
        Relative one-sigma error of the particles' level.
    settings : ModelSettings, optional
    light : ndarray, shape (r,), optional
        Mean light of a model of the brightness in each region, which ties the cluster in regions
        of the sky to its last annulus: see `xsurvey.profiles.outskirts`.

    Raises
    ------
    InputError
        Spectra that do not belong together or cannot be fitted.
    ParameterError
        A redshift, column density or error that cannot be.
    MissingDataError
        The models' data are not installed.
    """
    sky, parameters = sky or SkyParameters(), parameters or SpectralProfileParameters()
    check_spectra(spectra)
    annuli = annuli_of(spectra)
    regions = list(spectra.layout.regions)
    columns = np.broadcast_to(np.asarray(nh, float), (len(regions),))
    for name, good in (
        ("redshift", -0.1 < redshift < 10),
        ("nh", bool(np.all((columns >= 0) & (columns < 100)))),
        ("template_error", 0 <= template_error < 1),
    ):
        if not good:
            raise ParameterError(name, "cannot be", "give another value")
    names = [_plain(region.name) for region in regions]
    if len(set(names)) < len(names):
        raise ParameterError("layout", "two regions have one name", "name them apart")
    mixing = spectra.mixing[:, annuli]
    outskirts = outskirts_of(spectra, annuli, light, sky)
    projection = None
    whole = mixing
    if parameters.deproject:
        of_annuli, slope = [regions[i] for i in annuli], parameters.outer_slope
        projection = shell_mixing(np.eye(len(annuli)), of_annuli, slope)
        mixing = shell_mixing(mixing, of_annuli, slope)
        if outskirts is not None:
            outskirts = replace(outskirts, mixing=shell_mixing(outskirts.mixing, of_annuli, slope))
    folded = FoldedSpectra(
        spectra, redshift, columns, (parameters.kt_min, parameters.kt_max),
        (sky.lhb_kt_min, sky.lhb_kt_max), (sky.halo_kt_min, sky.halo_kt_max), sky.cxb_index,
        settings,
    )  # fmt: skip
    between = None
    if spectra.light_radii is not None:
        between = light_between(whole, spectra.light_radii, regions, annuli, projection)
    return AnnuliProblem(
        folded, mixing, annuli, names, sky, parameters, template_error, outskirts, between
    )


def _plain(name: str) -> str:
    """Return a name as parameters may be called after."""
    plain = re.sub(r"\W", "_", name)
    return plain if plain[:1].isalpha() else f"r{plain}"
