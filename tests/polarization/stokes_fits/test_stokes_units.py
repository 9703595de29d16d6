"""Spectra sorted by unit and Stokes parameter; what does not belong together is refused."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from xsurvey.errors import InputError, ParameterError
from xsurvey.io.ogip.stokes import area_kind, stokes_parameter
from xsurvey.polarization.spectra.stokes_dataset import unit_datasets
from xsurvey.polarization.spectra.stokes_units import StokesSpectrum, sort_units
from xsurvey.units import EnergyBand

from .conftest import AREA, MODULATION, POLARIZED, exact, make_area

MODEL = "polconst*powerlaw"


def both_units() -> list[StokesSpectrum]:
    return [*exact(MODEL, POLARIZED, "DU2"), *exact(MODEL, POLARIZED, "DU1")]


def of(one: StokesSpectrum, **fields: object) -> StokesSpectrum:
    return replace(one, spectrum=replace(one.spectrum, **fields))  # type: ignore[arg-type]


def with_keyword(one: StokesSpectrum, **keywords: object) -> StokesSpectrum:
    return of(one, header={**one.spectrum.header, **keywords})


def test_any_order_is_sorted() -> None:
    units = sort_units(both_units()[::-1])
    assert [u.name for u in units] == ["DU1", "DU2"]
    assert [[s.stokes for s in u.spectra] for u in units] == [["I", "Q", "U"]] * 2


def test_one_unit_alone_is_enough() -> None:
    assert [u.name for u in sort_units(both_units()[:3])] == ["DU2"]


def test_units_of_several_observations_stay_apart() -> None:
    spectra = [
        with_keyword(x, OBS_ID=obs_id, TSTART=start, TSTOP=start + 1e5)
        for obs_id, start in (("02", 9e6), ("01", 0.0)) for x in both_units()
    ]  # fmt: skip
    units = sort_units(spectra)
    assert [u.name for u in units] == ["01 DU1", "01 DU2", "02 DU1", "02 DU2"]
    assert all(u.name.startswith(s.observation) for u in units for s in u.spectra)
    # units of one of them that were not taken at one time
    late = [*spectra[:9], *(with_keyword(x, TSTART=5e5, TSTOP=6e5) for x in spectra[9:])]
    with pytest.raises(InputError, match="another time"):
        sort_units(late)
    # where some do not tell, they are taken for one
    with pytest.raises(InputError, match="as well as"):
        sort_units([*spectra[:9], *(with_keyword(x, OBS_ID="") for x in spectra[9:])])


@pytest.mark.parametrize("written", ["Stokes:1", "stokes: 1", " STOKES:1.0 "])
def test_the_keyword_in_any_number_and_case(written: str) -> None:
    spectrum = exact(MODEL, POLARIZED)[0].spectrum
    assert stokes_parameter(replace(spectrum, header={"XFLT0003": written})) == "Q"
    for other in ("Stokes:3", "inner: 1", "Stokes"):
        assert stokes_parameter(replace(spectrum, header={"XFLT0001": other})) is None


Change = Callable[[list[StokesSpectrum]], list[StokesSpectrum]]
REFUSED: list[tuple[Change, str]] = [
    (lambda s: [], "are none"),
    (lambda s: s[1:], "DU2, of which Stokes I is not given"),
    (lambda s: s[:4], "DU1, of which Stokes Q and U are not given"),
    (lambda s: [*s, s[0]], "is Stokes I of DU2 as well as"),
    (lambda s: [with_keyword(s[0], XFLT0001="none"), *s[1:]], "does not say which Stokes"),
    (lambda s: [s[0], of(s[1], exposure=9e4), *s[2:]], "exposure of 90000 s"),
    (lambda s: [s[0], of(s[1], backscal=np.full(80, 2.0)), *s[2:]], "region of another size"),
    (lambda s: [s[0], of(s[1], statistical_error=None), *s[2:]], "Q without errors"),
    (lambda s: [s[0], of(s[1], channels=np.arange(79)), *s[2:]], "has 79 channels"),
    (lambda s: [*s[:3], *(with_keyword(x, TSTART=3e5, TSTOP=4e5) for x in s[3:])], "another time"),
    (
        lambda s: [with_keyword(s[0], OBS_ID="1"), *(with_keyword(x, OBS_ID="2") for x in s[1:])],
        "1 DU2, of which Stokes Q and U are not given",
    ),
    (lambda s: [s[0], replace(s[1], area=make_area(AREA, "arf")), *s[2:]], "effective area"),
    (lambda s: [s[0], replace(s[1], area=make_area(AREA)), *s[2:]], "not less than the effective"),
    (lambda s: [s[0], replace(s[1], area=make_area(0.4, "mfact")), *s[2:]], "modulation factor"),
    (lambda s: [replace(s[0], area=make_area(AREA, "mrf")), *s[1:]], "is a modulated area"),
    (lambda s: [s[0], replace(s[1], background=s[1].spectrum), *s[2:]], "has no background"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "cause"), REFUSED, ids=[cause for _, cause in REFUSED])
def test_what_does_not_belong_together(change: Change, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        sort_units(change(both_units()))


def test_kinds_of_responses() -> None:
    assert area_kind(make_area(1.0)) is None
    assert area_kind(make_area(1.0, "MRF")) == "modulated area"
    assert area_kind(make_area(1.0, CCNM0001="MODSPECRESP")) == "modulated area"
    assert area_kind(make_area(1.0, CCNM0001="SPECRESP")) == "area"


def test_times_that_are_not_told_are_no_reason_to_refuse() -> None:
    spectra = both_units()
    for place in (0, 3):
        header = {k: v for k, v in spectra[place].spectrum.header.items() if k != "TSTOP"}
        without = [*spectra]
        without[place] = of(spectra[place], header=header)
        assert len(sort_units(without)) == 2


def unit(**fields: object):  # type: ignore[no-untyped-def]
    spectra = [of(s, **fields) for s in exact(MODEL, POLARIZED)]
    return sort_units(spectra)[0]


def test_q_and_u_are_grouped_as_i_is() -> None:
    grouping = np.tile([1, -1, -1, -1], 20)
    i, q, u = unit_datasets(unit(grouping=grouping), rule="file", bands=[EnergyBand(2, 8)])
    assert len(i.counts) == len(q.counts) == len(u.counts) == 16
    assert np.array_equal(q.channel_first, i.channel_first)
    spectrum = exact(MODEL, POLARIZED)[1].spectrum
    assert np.allclose(q.counts, spectrum.counts[8:72].reshape(16, 4).sum(1))
    assert q.statistical_error is not None and spectrum.statistical_error is not None
    squares = (spectrum.statistical_error**2)[8:72].reshape(16, 4).sum(1)
    assert np.allclose(q.statistical_error**2, squares)


def test_q_and_u_have_groups_of_their_own() -> None:
    i, q, u = unit_datasets(unit(), stokes_rule="every5", bands=[EnergyBand(2, 8)])
    assert (len(i.counts), len(q.counts), len(u.counts)) == (60, 12, 12)
    # groups do not reach across a gap of the energies
    bands = [EnergyBand(2, 2.9), EnergyBand(4, 8)]
    _, q, _ = unit_datasets(unit(), stokes_rule="every5", bands=bands)
    assert np.allclose(q.energy_high - q.energy_low, [0.5, 0.4, *[0.5] * 8])
    with pytest.raises(ParameterError, match="no way of grouping"):
        unit_datasets(unit(), stokes_rule="some")


def test_channels_without_an_error_are_left_out_and_told() -> None:
    spectra = exact(MODEL, POLARIZED)
    error = spectra[1].spectrum.statistical_error
    assert error is not None
    empty = np.where(np.arange(80) >= 70, 0.0, error)
    spectra[1] = of(spectra[1], statistical_error=empty)
    i, q, _ = unit_datasets(sort_units(spectra)[0])
    assert (len(i.counts), len(q.counts)) == (80, 70)
    assert any("10 of 80 groups have no error" in note for note in q.notes)
    spectra[1] = of(spectra[1], statistical_error=np.zeros(80))
    with pytest.raises(InputError, match="zero in all channels"):
        unit_datasets(sort_units(spectra)[0])


def test_groups_of_few_events_are_told() -> None:
    spectra = exact(MODEL, POLARIZED)
    faint = sort_units([
        of(s, counts=0.01 * s.spectrum.counts, statistical_error=0.1 * s.spectrum.statistical_error)  # type: ignore[operator]
        for s in spectra
    ])[0]  # fmt: skip
    told = [[n for n in d.notes if "fewer than 10" in n] for d in unit_datasets(faint)]
    assert all(len(notes) == 1 for notes in told)
    assert "chi2 is biased" in told[0][0] and "too small" in told[1][0]
    assert not any(d.notes for d in unit_datasets(faint, rule="min30"))
    # a Poisson statistic of I needs no groups, Q and U do
    i, q, u = unit_datasets(faint, errors_of_file=False)
    assert not i.notes and q.notes and u.notes
    assert not any(
        d.notes for d in unit_datasets(faint, stokes_rule="every20", errors_of_file=False)
    )
    assert not any(d.notes for d in unit_datasets(sort_units(spectra)[0], bands=[EnergyBand(2, 6)]))


def test_counts_fold_through_the_modulation_response() -> None:
    _, q, _ = unit_datasets(unit())
    flux = np.ones((1, 80))
    i = unit_datasets(unit())[0]
    assert np.allclose(q.folding.fold(flux), MODULATION * i.folding.fold(flux))
