"""Templates of particles: where they are from, how they are scaled, how well."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from xsurvey.errors import InputError, ParameterError
from xsurvey.imaging.seen_sky import ENERGIES
from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.io.ogip.write_pha import write_pha
from xsurvey.missions import get_mission, open_events
from xsurvey.missions.responses import ChannelGrid
from xsurvey.profiles.particles.maps import particle_map
from xsurvey.profiles.particles.parameters import ParticleParameters
from xsurvey.profiles.particles.scaling import HardBandCounts, scale_particles
from xsurvey.profiles.particles.sky_photons import STERADIAN, cxb_photons, sky_rate
from xsurvey.profiles.particles.template import (
    ParticleTemplate,
    channels_within,
    fractions_within,
    read_templates,
    template_of_events,
    template_of_model,
)
from xsurvey.spectra.extraction.gaussian_response import gaussian_matrix
from xsurvey.units import EnergyBand

from .images import flat
from .regions import closed, tile

CHANNELS = ChannelGrid.uniform(1, 96, 0.1, start=0.4)
HARD = channels_within(CHANNELS, EnergyBand(6.7, 9.0))
GROUPS = {"TM8": (1, 2, 3, 4, 6), "TM9": (5, 7)}


def spectrum(counts: np.ndarray, first: int = 1) -> PhaSpectrum:
    number = len(counts)
    return PhaSpectrum(
        Path("t.pha"), np.arange(first, first + number), first, number, counts, 1000.0,
        np.ones(number), np.ones(number), header={"TELESCOP": "eROSITA"},
    )  # fmt: skip


def template(counts: np.ndarray, variance: np.ndarray | None = None) -> ParticleTemplate:
    return ParticleTemplate("TM8", counts, counts if variance is None else variance, 1.0, "t.pha")


def matrix():  # type: ignore[no-untyped-def]
    edges = np.arange(0.2, 12.001, 0.02)
    return gaussian_matrix(edges[:-1], edges[1:], CHANNELS, np.full(len(edges) - 1, 0.1))


@pytest.mark.parametrize("common", [False, True])
def test_scale_and_its_error(common: bool) -> None:
    """Pulls of the scaled counts of all regions, with everything drawn that is counted."""
    generator = np.random.default_rng(7)
    truth = 40 * np.linspace(2, 1, len(CHANNELS.numbers)) ** 2  # of the template, expected
    rates = np.full(3, 2e-3) if common else np.array([1e-3, 2e-3, 4e-3])
    integral = generator.uniform(1e4, 6e4, (3, 4))
    sky = 0.05 * rates[:, None] * integral
    shape = truth / truth[HARD].sum()
    wanted = np.outer(rates @ integral, shape)
    outside = ~HARD
    pulls, errors, channel_pulls = [], [], []
    for _ in range(600):
        drawn = generator.poisson(truth).astype(float)
        hard = generator.poisson(rates[:, None] * integral + sky)
        scale = scale_particles(
            template(drawn), HARD, HardBandCounts(hard, sky, integral, ("a", "b", "c")),
            np.array([False, True, True, True]), common,
        )  # fmt: skip
        found, error = scale.expected(integral), scale.relative_error(integral)
        # the template's channels outside of the hard band add errors of their own
        own = np.sqrt(drawn[outside].sum()) / drawn[outside].sum()
        ratio = found[:, outside].sum() / wanted[:, outside].sum()
        errors.append(error)
        pulls.append((ratio - 1) / np.hypot(error, own))
        relative = (found[0] / found[0, HARD].sum() - shape)[outside]
        channel_pulls.append(relative / np.sqrt(scale.variance(integral)[0, outside]) *
                             found[0, HARD].sum())  # fmt: skip
    assert np.mean(pulls) == pytest.approx(0, abs=0.15)  # a ratio's bias is a square of its error
    assert np.std(pulls) == pytest.approx(1, abs=0.08)
    assert 0.02 < np.mean(errors) < 0.12
    # beside the channel's own error there is that of the hard band's counts, which is small
    assert np.std(channel_pulls) == pytest.approx(1, abs=0.05)


def test_a_scale_without_noise_is_exact() -> None:
    integral = np.array([[1e6, 2e6]])
    counts = np.linspace(1e6, 2e6, len(CHANNELS.numbers))
    measured = HardBandCounts(np.array([[1200, 2400]]), np.array([[200.0, 400]]), integral, ("a",))
    scale = scale_particles(template(counts), HARD, measured, np.ones(2, bool))
    assert scale.rate == pytest.approx([1e-3])
    assert scale.expected(integral)[:, HARD].sum(axis=1) == pytest.approx([1000, 2000])
    assert scale.sky_fraction == pytest.approx(1 / 6)
    assert scale.relative_error(integral) == pytest.approx(np.sqrt(3600) / 3000, rel=1e-3)


def test_scales_that_cannot_be_found() -> None:
    counts = np.ones(len(CHANNELS.numbers))
    integral = np.array([[1e4, 1e4], [1e4, 0.0]])
    hard, none = np.array([[50, 50], [50, 0]]), np.zeros((2, 2))
    names = ("a.fits", "b.fits")
    measured = HardBandCounts(hard, none, integral, names)
    outer = np.array([False, True])
    with pytest.raises(ParameterError, match=r"scaling_beyond: leaves nothing of b\.fits"):
        scale_particles(template(counts), HARD, measured, outer)
    scale = scale_particles(template(counts), HARD, measured, outer, common=True)
    assert scale.rate == pytest.approx([5e-3, 5e-3])
    empty = HardBandCounts(none, none, integral, names)
    with pytest.raises(InputError, match=r"a\.fits: has 0 counts in the hard band"):
        scale_particles(template(counts), HARD, empty, np.ones(2, bool))
    with pytest.raises(InputError, match=r"t\.pha: has no counts in the hard band"):
        scale_particles(template(np.where(HARD, 0.0, 1.0)), HARD, measured, np.ones(2, bool))


def test_photons_of_the_sky_in_the_hard_band() -> None:
    edges = np.array([1.0, 2.0, 8.0])
    photons = cxb_photons(edges)
    energy = np.linspace(2, 8, 100_001)
    density = 11.6 * energy**-1.41 * STERADIAN
    assert photons[1] == pytest.approx(np.trapezoid(density, energy), rel=1e-6)
    # 2.24e-11 erg / s / cm2 / deg2 at 2-10 keV, which De Luca & Molendi give with it
    energy = np.linspace(2, 10, 100_001)
    flux = np.trapezoid(11.6 * energy**-0.41, energy) * 1.602e-9 * np.radians(1) ** 2
    assert flux == pytest.approx(2.24e-11, rel=0.05)
    rmf = matrix()
    rate = sky_rate(np.full(len(rmf.energy_low), 100.0), rmf, HARD)
    exact = 100 * cxb_photons(np.array([6.7, 9.0]))[0]
    assert rate == pytest.approx(exact, rel=0.02)


def test_the_hard_band_of_erosita_is_honest() -> None:
    """The sky is a percent of the quietest particles that closed data of use have."""
    mission = get_mission("erosita")
    band = mission.particle_band
    assert band is not None
    responses = mission.nominal_responses([1])
    (area,) = responses.arf
    angles = (np.arange(400) + 0.5) / 400 * mission.field_radius
    weight = angles / angles.sum()
    middle = (area.energy_low + area.energy_high) / 2
    vignetting = [weight @ mission.vignetting(angles, float(e)) for e in ENERGIES]
    own = area.effective_area * np.interp(np.log(middle), np.log(ENERGIES), vignetting)
    inside = (middle > band.minimum) & (middle < band.maximum)
    edges = np.append(area.energy_low, area.energy_high[-1])
    field = np.pi * mission.field_radius**2
    sky = (own * cxb_photons(edges))[inside].sum() * field
    # 90 counts a minute of a module at 0.5-10 keV, on a square of 61.4', if flat in energy
    particles = 1.5 * (band.maximum - band.minimum) / 9.5 * field / 61.44**2
    assert sky < 0.02 * particles
    assert sky > 1e-4 * particles


def test_templates_of_closed_exposures(tmp_path: Path) -> None:
    path = closed(tmp_path / "closed.fits")
    parameters = ParticleParameters(templates=(f"TM8={path}", f"TM9={path}", f"TM9={path}"))
    found = read_templates(parameters, CHANNELS, GROUPS, {})
    events = open_events(path)
    steady = get_mission("erosita").steady_closed(events)
    columns = steady.columns(["energy", "detector"])
    for name, times in (("TM8", 1), ("TM9", 2)):
        energy = columns["energy"][np.isin(columns["detector"], GROUPS[name])]
        expected = np.histogram(energy, np.append(CHANNELS.low, CHANNELS.high[-1]))[0] * times
        assert np.array_equal(found[name].counts, expected)
        assert found[name].exposure == pytest.approx(times * (5000 - 600), rel=1e-3)
    # the light leak is in the one group alone
    soft = channels_within(CHANNELS, EnergyBand(0.4, 0.6))
    ratio = [found[n].counts[soft].sum() / found[n].counts[HARD].sum() for n in GROUPS]
    assert ratio[1] > 2 * ratio[0]
    with pytest.raises(InputError, match="filter wheel"):
        template_of_events(tile(tmp_path / "open.fits"), "TM8", CHANNELS, GROUPS["TM8"])


def test_templates_of_spectra(tmp_path: Path) -> None:
    counts = np.arange(1.0, 97)
    write_pha(tmp_path / "t.pha", spectrum(counts))
    parameters = ParticleParameters(templates=(f"TM8={tmp_path / 't.pha'}",))
    found = read_templates(parameters, CHANNELS, {"TM8": (1,)}, {})["TM8"]
    assert np.array_equal(found.counts, counts)
    assert np.array_equal(found.variance, counts)
    write_pha(tmp_path / "short.pha", spectrum(counts[:50]))
    write_pha(tmp_path / "none.pha", spectrum(counts * 0))
    (tmp_path / "text.pha").write_text("no spectrum")
    for name, cause in (
        ("short", "has channels 1 to 50"), ("none", "or none"), ("text", "text"),
        ("missing", "missing"),
    ):  # fmt: skip
        bad = ParticleParameters(templates=(f"TM8={tmp_path / name}.pha",))
        with pytest.raises(InputError, match=cause):
            read_templates(bad, CHANNELS, {"TM8": (1,)}, {})


def test_templates_of_models() -> None:
    found = template_of_model(
        "powerlaw powerlaw.PhoIndex=0 powerlaw.norm=2", "TM8", matrix(), CHANNELS
    )
    # 2 counts / s / keV in channels of 0.1 keV; the edges lose some
    assert found.counts[10:80] == pytest.approx(np.full(70, 0.2), rel=1e-3)
    assert not found.variance.any()
    with pytest.raises(ParameterError):
        template_of_model("powerlaw powerlaw.Index=0", "TM8", matrix(), CHANNELS)
    with pytest.raises(ParameterError, match="or none"):
        template_of_model("powerlaw powerlaw.norm=0", "TM8", matrix(), CHANNELS)


def test_groups_without_templates() -> None:
    with pytest.raises(ParameterError, match="name none for TM8"):
        read_templates(ParticleParameters(), CHANNELS, GROUPS, {})
    with pytest.raises(ParameterError, match="of which there are no spectra"):
        read_templates(ParticleParameters(templates=("TM3=a.fits",)), CHANNELS, GROUPS, {})
    for bad in ({"templates": ("a.fits",)}, {"models": ("TM8=a", "TM8=b")},
                {"templates": ("TM8=a.fits",), "models": ("TM8=powerlaw",)},
                {"template_error": 1.5}):  # fmt: skip
        with pytest.raises(ValidationError):
            ParticleParameters(**bad)


def test_maps_hold_what_spectra_hold() -> None:
    grid = flat(1.0, 60).grid
    generator = np.random.default_rng(3)
    livetimes = [generator.uniform(0, 500, grid.shape), np.full(grid.shape, 200.0)]
    square = (grid.pixel_size / 60) ** 2
    integral = np.array([[m.sum() * square] for m in livetimes])
    measured = HardBandCounts(np.array([[3000], [1000]]), np.zeros((2, 1)), integral, ("a", "b"))
    counts = np.full(len(CHANNELS.numbers), 1e4)
    scale = scale_particles(template(counts), HARD, measured, np.ones(1, bool))
    band = EnergyBand(1.0, 2.05)
    found = particle_map(grid, CHANNELS, {"TM8": scale}, {"TM8": livetimes}, band, 0.05)
    inside = fractions_within(CHANNELS, band)
    assert inside.sum() == pytest.approx(10.5)
    assert found.image.data.sum() == pytest.approx(
        (scale.expected(integral) @ inside).sum(), rel=1e-6
    )
    # in proportion to livetime, not vignetted
    rate = scale.rate[0] * livetimes[0] + scale.rate[1] * livetimes[1]
    ratio = found.image.data / rate
    assert ratio == pytest.approx(np.full(grid.shape, ratio[0, 0]), rel=1e-4)
    counting = np.sqrt(1 / 4000 + 1 / 2.3e5)
    assert found.relative_error == pytest.approx(np.hypot(0.05, counting), rel=0.01)
    nothing = particle_map(grid, CHANNELS, {}, {}, band, 0.05)
    assert not nothing.image.data.any()
