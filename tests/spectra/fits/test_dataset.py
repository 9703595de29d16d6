"""What a fit sees of a spectrum: channels, groups, bands, backgrounds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xsurvey.errors import InputError, ParameterError
from xsurvey.spectra.dataset import make_dataset
from xsurvey.spectra.response import build_response
from xsurvey.units import EnergyBand

from .conftest import CHANNELS, EXPOSURE, dataset_of, make_arf, make_pha, make_rmf

NUMBER = len(CHANNELS) - 1
COUNTS = np.arange(NUMBER) % 7


def quality(**flags: int) -> np.ndarray:
    """Quality of all channels: ``c5=2`` marks position 5."""
    values = np.zeros(NUMBER, int)
    for name, flag in flags.items():
        values[int(name[1:])] = flag
    return values


def test_channels_one_by_one() -> None:
    data = dataset_of(make_pha(COUNTS))
    assert data.counts.tolist() == COUNTS.tolist()
    assert data.channel_first.tolist() == data.channel_last.tolist() == list(range(1, NUMBER + 1))
    assert data.energy_low == pytest.approx(CHANNELS[:-1])
    assert data.time == pytest.approx(EXPOSURE)
    assert data.background is None
    assert (data.background_scale == 0).all()
    assert data.name == "made.pha"
    assert dataset_of(make_pha(COUNTS, row=3)).name == "made.pha{3}"


def test_bad_channels_are_left_out() -> None:
    source = make_pha(COUNTS, quality=quality(c3=1, c4=5, c5=2))
    back = make_pha(COUNTS, quality=quality(c8=5, c9=2))
    positions = dataset_of(source, background=back).channel_first - 1
    assert sorted(set(range(NUMBER)) - set(positions)) == [3, 4, 8]
    grouping = np.tile([1, -1], NUMBER // 2)
    by_file = dataset_of(replace(source, grouping=grouping), rule="file", background=back)
    left_out = set(range(0, NUMBER, 2)) - set(by_file.channel_first - 1)
    assert sorted(left_out) == [2, 4, 8]  # groups with a bad channel, 2 (dubious) too
    assert by_file.counts[0] == COUNTS[0] + COUNTS[1]


def test_bands_keep_the_groups_that_overlap_them() -> None:
    bands = (EnergyBand(1.0, 2.0), EnergyBand(4.01, 4.02))
    data = dataset_of(make_pha(COUNTS), bands=bands)
    low, high = CHANNELS[:-1], CHANNELS[1:]
    kept = ((high > 1) & (low < 2)) | ((high > 4.01) & (low < 4.02))
    assert (data.channel_first - 1).tolist() == np.flatnonzero(kept).tolist()
    touching = dataset_of(make_pha(COUNTS), bands=(EnergyBand(CHANNELS[4], CHANNELS[6]),))
    assert touching.channel_first.tolist() == [5, 6]


def test_groups_by_counts() -> None:
    source, back = make_pha(COUNTS), make_pha(np.arange(NUMBER) % 3)
    by_source = dataset_of(source, rule="min10", background=back)
    assert (by_source.counts >= 10).all()
    assert by_source.counts.sum() == COUNTS.sum()
    by_background = dataset_of(source, rule="bmin2", background=back)
    assert by_background.background is not None
    assert (by_background.background.counts >= 2).all()
    optimal = dataset_of(source, rule="opt")
    assert len(optimal.counts) <= NUMBER
    assert optimal.counts.sum() == COUNTS.sum()


@pytest.mark.parametrize("rule", ["none", "min10", "bmin2", "opt"])
def test_groups_that_are_made_end_at_the_edges_of_the_band(rule: str) -> None:
    source, back = make_pha(COUNTS), make_pha(np.arange(NUMBER) % 3)
    data = dataset_of(source, rule=rule, background=back, bands=(EnergyBand(1.0, 2.0),))
    low, high = CHANNELS[:-1], CHANNELS[1:]
    inside = (high > 1) & (low < 2)
    assert data.energy_low[0] == low[inside][0]
    assert data.energy_high[-1] == high[inside][-1]
    assert data.counts.sum() == COUNTS[inside].sum()


def test_scales_of_the_background() -> None:
    areascal = np.linspace(0.5, 1, NUMBER)
    source = make_pha(COUNTS, backscal=0.2, areascal=areascal, exposure=100.0)
    back = make_pha(COUNTS, backscal=0.8, exposure=50.0)
    data = dataset_of(source, background=back, rule="min20")
    groups = zip(data.grouping.first, data.grouping.last, strict=True)
    expected = [100 * 0.2 * areascal[a:b].mean() / (50 * 0.8) for a, b in groups]
    assert data.background_scale == pytest.approx(expected)
    assert data.background is not None
    assert data.background.channel_scale == pytest.approx(100 * 0.2 * areascal / 40)
    assert data.background.error == pytest.approx(np.sqrt(data.background.counts))


def test_areascal_scales_the_model_not_the_counts() -> None:
    plain = dataset_of(make_pha(COUNTS))
    half = dataset_of(make_pha(COUNTS, areascal=0.5))
    flux = np.ones((1, len(plain.folding.edges) - 1))
    assert half.folding.fold(flux) == pytest.approx(0.5 * plain.folding.fold(flux))
    assert half.counts.tolist() == plain.counts.tolist()


def test_a_background_scale_of_zero_is_no_division() -> None:
    back = make_pha(COUNTS, quality=quality(c7=1))
    back.backscal[7] = 0.0
    data = dataset_of(make_pha(COUNTS), background=back)
    assert data.background is not None
    assert np.isfinite(data.background.channel_scale).all()
    assert 8 not in data.channel_first


def test_errors_and_systematics_of_the_file() -> None:
    source = make_pha(
        COUNTS, statistical_error=np.full(NUMBER, 2.0), systematic_error=np.full(NUMBER, 0.1),
        grouping=np.tile([1, -1, -1, -1], NUMBER // 4),
    )  # fmt: skip
    data = dataset_of(source, rule="file")
    assert data.statistical_error == pytest.approx(np.full(NUMBER // 4, 4.0))
    assert data.systematic_error == pytest.approx(np.full(NUMBER // 4, 0.1))


def test_channels_from_zero_are_those_of_a_response_from_one() -> None:
    spectrum = make_pha(COUNTS, channels=np.arange(NUMBER), first_channel=0)
    data = dataset_of(spectrum)
    assert data.energy_low == pytest.approx(CHANNELS[:-1])


def test_warnings_are_told_with_their_file() -> None:
    source = make_pha(COUNTS, warnings=("odd",))
    back = make_pha(COUNTS, path=Path("back.pha"), warnings=("odd", "odd"))
    assert dataset_of(source, background=back).notes == ("made.pha: odd", "back.pha: odd")


@pytest.mark.parametrize(
    ("fields", "options", "error", "message"),
    [
        ({}, {"rule": "max3"}, ParameterError, "no way of grouping"),
        ({}, {"rule": "min0"}, ParameterError, "no way of grouping"),
        ({}, {"rule": "bmin1"}, ParameterError, "needs a background"),
        ({"grouping": None}, {"rule": "file"}, InputError, "no GROUPING"),
        ({}, {"rule": "min99999"}, InputError, "makes no group by 'min99999'"),
        ({"quality": np.ones(NUMBER, int)}, {}, InputError, "no good channel;"),
        ({}, {"bands": (EnergyBand(20, 30),)}, InputError, "no good channel in 20-30 keV"),
        ({"detector_channels": 150}, {}, InputError, "150 channels"),
        ({"channels": np.arange(3, NUMBER + 3)}, {}, InputError, "channels"),
        ({"counts": -COUNTS.astype(float), "poisson": False}, {"rule": "min3"}, InputError,
         "negative"),
    ],
)  # fmt: skip
def test_what_is_refused(
    fields: dict[str, object], options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        dataset_of(replace(make_pha(COUNTS), **fields), **options)  # type: ignore[arg-type]


def test_a_background_of_other_channels_is_refused() -> None:
    with pytest.raises(InputError, match="give a background of the same channels"):
        dataset_of(make_pha(COUNTS), background=make_pha(COUNTS[:-1]))


def test_a_response_of_other_channels_is_refused() -> None:
    response = build_response(make_rmf(channels=CHANNELS[:100]), make_arf())
    with pytest.raises(InputError, match=r"made\.rmf"):
        make_dataset(make_pha(COUNTS), response)
