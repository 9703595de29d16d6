"""From events of a tile and a closed exposure to spectra for a joint fit, and through files."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.errors import InputError, OutputError, ParameterError
from xsurvey.events import EventList
from xsurvey.imaging.absorption import absorption_factor, transmission_columns
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.profiles.band_transmission import band_transmission
from xsurvey.profiles.brightness_factors import brightness_per_norm
from xsurvey.profiles.layout_making import make_layout
from xsurvey.profiles.layout_mixing import layout_mixing
from xsurvey.profiles.layout_parameters import AnnuliParameters
from xsurvey.profiles.light_between_annuli import LightRadii
from xsurvey.profiles.observed_regions import (
    ObservedRegions,
    RegionObservation,
    detector_groups,
    observe_regions,
)
from xsurvey.profiles.particle_images import particle_images
from xsurvey.profiles.particles.parameters import ParticleParameters
from xsurvey.profiles.particles.template import channels_within, fractions_within
from xsurvey.profiles.region_product_files import read_products, write_products
from xsurvey.profiles.region_products import RegionProducts, make_products, region_spectra
from xsurvey.psf import GaussianPsf
from xsurvey.units import EnergyBand

from .regions import CENTRE, closed, rings, tile

BAND = EnergyBand(0.5, 6.5)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("regions")
    tile(folder / "tile.fits")
    closed(folder / "closed.fits")
    return folder


@pytest.fixture(scope="session")
def events(files: Path) -> EventList:
    from xsurvey.missions import open_events

    return open_events(files / "tile.fits")


@pytest.fixture(scope="session")
def observed(events: EventList) -> ObservedRegions:
    layout = rings(events, 32.0)
    return observe_regions(RegionObservation(events), layout, detector_groups(events))


@pytest.fixture(scope="session")
def particles(files: Path) -> ParticleParameters:
    return ParticleParameters(templates=tuple(f"{g}={files / 'closed.fits'}" for g in
                                              ("TM8", "TM9")))  # fmt: skip


@pytest.fixture(scope="session")
def products(
    events: EventList, observed: ObservedRegions, particles: ParticleParameters
) -> RegionProducts:
    return make_products(rings(events, 32.0), [observed], particles, psf=None)


def test_counts_and_particles_of_all_regions(
    products: RegionProducts, observed: ObservedRegions
) -> None:
    assert [(p.region, p.group) for p in products.products] == [
        (r, g) for r in range(4) for g in ("TM8", "TM9")
    ]
    hard = channels_within(observed.channels, EnergyBand(6.7, 9))
    harder = channels_within(observed.channels, EnergyBand(3, 6.7))
    for group in ("TM8", "TM9"):
        own = [p for p in products.products if p.group == group]
        # where they are scaled they are all, but the half percent that is of the sky
        counted = sum(p.spectrum.counts[hard].sum() for p in own)
        expected = sum(p.particle[hard].sum() for p in own)
        assert 0.98 * counted < expected < counted
        # where the sky is a few percent they are as many as the model says
        counted = sum(p.spectrum.counts[harder].sum() for p in own)
        expected = sum(p.particle[harder].sum() for p in own)
        error = np.hypot(np.sqrt(counted), products.scale_errors[group] * expected)
        assert abs(counted - expected - 0.03 * counted) < 3 * error
        assert 0 < sum(p.particle_variance[harder].sum() for p in own) < expected
    ratio = [p.particle.sum() / p.spectrum.exposure / p.spectrum.backscal[0]
             for p in products.products if p.group == "TM8"]  # fmt: skip
    # per livetime and solid angle as many everywhere: not vignetted
    assert ratio == pytest.approx(np.full(4, ratio[0]), rel=1e-6)


def test_spectra_of_a_joint_fit(products: RegionProducts) -> None:
    found = region_spectra(products, [BAND], "min1")
    assert found.mixing == pytest.approx(np.diag([s.area for s in found.spectra[::2]]), rel=1e-4)
    solid = [s.area for s in found.spectra[::2]]
    assert found.geometric_area == pytest.approx(solid, rel=1e-6)  # nothing masked, all seen
    assert found.geometric_area[0] == pytest.approx(np.pi * 25, rel=0.02)
    for spectrum, product in zip(found.spectra, products.products, strict=True):
        grouping = spectrum.dataset.grouping
        total = [product.particle[a:b].sum() for a, b in
                 zip(grouping.first, grouping.last, strict=True)]  # fmt: skip
        assert spectrum.particle == pytest.approx(total)
        assert spectrum.dataset.counts.min() >= 1
        assert spectrum.scale_error == products.scale_errors[spectrum.group] > 0
        assert spectrum.dataset.energy_low[0] >= 0.4


@pytest.mark.parametrize("band", [EnergyBand(0.2, 2.3), EnergyBand(0.5, 2.0)])
def test_transmission_of_a_band(
    products: RegionProducts, band: EnergyBand, plasma_models: None
) -> None:
    direct = np.array([0.013, 0.08, 0.31, 0.97])

    def counts(nh: float) -> float:
        every = [np.full(4, v) for v in (1.0, 3.0, 0.3)]
        return float(brightness_per_norm(products, band, *every, 0.02, nh).sum())

    expected = np.array([counts(nh) for nh in direct]) / counts(0.0)
    assert band_transmission(products, band, direct, 3.0, 0.3, 0.02) == pytest.approx(expected)
    columns = transmission_columns(1.0)
    table = band_transmission(products, band, columns, 3.0, 0.3, 0.02)
    assert table[0] == 1 and (np.diff(table) < 0).all()
    assert absorption_factor(direct, columns, table) == pytest.approx(1 / expected, rel=1e-3)


def test_plasma_that_does_not_shine_has_no_transmission(
    products: RegionProducts, plasma_models: None
) -> None:
    empty = replace(products, products=())
    with pytest.raises(InputError, match="no counts"):
        band_transmission(empty, BAND, np.array([0.1]), 3.0, 0.3, 0.02)


def test_masked_light_is_not_counted_but_emitted(
    events: EventList, observed: ObservedRegions
) -> None:
    grid = rings(events, 32.0).grid
    mask = grid.off_axis(CENTRE) > 2
    layout = make_layout(
        grid, CENTRE, AnnuliParameters(edges=("0arcmin", "5arcmin", "10arcmin")), mask
    )
    seen = observe_regions(RegionObservation(events), layout, detector_groups(events))
    exposure = np.full(2, float(seen.groups["TM8"].exposure.livetime.max()))
    plain, nowhere = layout_mixing(layout, [seen], exposure, None)
    assert nowhere is None
    # light is of mean brightness 1 in the whole ring, of which a part is counted
    assert plain[0, 0] == pytest.approx(np.pi * (25 - 4), rel=0.03)
    spread, radii = layout_mixing(layout, [seen], exposure, GaussianPsf(40.0))
    assert spread[1, 0] > 0.5
    assert spread[0, 0] < plain[0, 0]
    assert layout_mixing(layout, [seen], exposure)[0][1, 0] > 0.2  # the mission's own
    # of even light of a disk the mean of ln r is ln R - 1/2; what is moved is of its edge
    assert radii is not None
    assert radii.emitted[0] == pytest.approx(np.log(5) - 0.5, abs=0.02)
    assert np.log(4) < radii.counted[1, 0] < np.log(5)
    assert np.log(5) < radii.counted[0, 1] < np.log(6.3)
    assert radii.counted[0, 0] > radii.emitted[0]  # its middle is masked


def test_images_of_particles(
    products: RegionProducts, observed: ObservedRegions, events: EventList
) -> None:
    (found,) = particle_images(products, [observed], [EnergyBand(3, 6)], 0.05)
    layout = products.layout
    inside = fractions_within(observed.channels, EnergyBand(3, 6))
    expected = np.zeros(4)
    for one in products.products:
        expected[one.region] += one.particle @ inside
    labels = layout.detected
    sums = np.bincount(labels[labels >= 0], found.image.data[labels >= 0])
    assert sums == pytest.approx(expected, rel=1e-3)
    assert (found.image.data[labels < 0] > 0).any()
    assert 0.05 < found.relative_error < 0.08


def test_two_tiles_are_added(
    events: EventList, observed: ObservedRegions, particles: ParticleParameters
) -> None:
    layout = rings(events, 32.0)
    one = make_products(layout, [observed], particles, psf=None)
    two = make_products(layout, [observed, observed], particles, psf=None)
    for single, double in zip(one.products, two.products, strict=True):
        assert np.array_equal(double.spectrum.counts, 2 * single.spectrum.counts)
        assert double.spectrum.exposure == pytest.approx(2 * single.spectrum.exposure)
        assert double.particle == pytest.approx(2 * single.particle)
        # one template, whose errors do not average out
        assert double.particle_variance == pytest.approx(4 * single.particle_variance)
        assert double.arf.effective_area == pytest.approx(single.arf.effective_area)
    assert two.mixing == pytest.approx(one.mixing)
    assert two.scale_errors["TM8"] < one.scale_errors["TM8"]


def test_through_files(products: RegionProducts, tmp_path: Path) -> None:
    paths = write_products(tmp_path / "regions", products)
    assert [p.name for p in paths][:2] == ["annulus_01_TM8.pha", "annulus_01_TM9.pha"]
    spectrum = read_single_pha(paths[0])
    assert spectrum.response_file == "TM8.rmf"
    assert spectrum.ancillary_file == "annulus_01_TM8.arf"
    assert spectrum.background_file is None
    back = read_products(tmp_path / "regions")
    assert back.layout.regions == tuple(products.layout.regions)
    assert np.array_equal(back.layout.detected, products.layout.detected)
    assert back.notes == products.notes
    first, second = (region_spectra(p, [BAND]) for p in (products, back))
    assert np.array_equal(first.mixing, second.mixing)
    assert first.geometric_area == pytest.approx(second.geometric_area, rel=1e-9)
    for a, b in zip(first.spectra, second.spectra, strict=True):
        assert (a.region, a.group, a.scale_error) == (b.region, b.group, b.scale_error)
        assert np.array_equal(a.dataset.counts, b.dataset.counts)
        assert a.area == pytest.approx(b.area)
        assert a.particle == pytest.approx(b.particle)
        assert a.particle_variance == pytest.approx(b.particle_variance)
        flux = np.full((1, len(a.dataset.folding.edges) - 1), 1e-4)
        assert a.dataset.folding.fold(flux) == pytest.approx(b.dataset.folding.fold(flux), rel=1e-5)
    assert second.light_radii is None
    # with the radii of light
    radii = LightRadii(np.arange(4.0), np.arange(16.0).reshape(4, 4))
    write_products(tmp_path / "moved", replace(products, light_radii=radii))
    found = read_products(tmp_path / "moved").light_radii
    assert found is not None
    assert np.array_equal(found.emitted, radii.emitted)
    assert np.array_equal(found.counted, radii.counted)
    # again onto itself, and not onto a file
    write_products(tmp_path / "regions", back)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_products(tmp_path / "file" / "below", products)


def test_damaged_folders(products: RegionProducts, tmp_path: Path) -> None:
    write_products(tmp_path / "good", products)
    with pytest.raises(InputError):
        read_products(tmp_path / "missing")

    def spoilt(name: str) -> Path:
        return Path(shutil.copytree(tmp_path / "good", tmp_path / name))

    (spoilt("a") / "TM8.rmf").unlink()
    (spoilt("b") / "annulus_02_TM9_particles.pha").unlink()
    (spoilt("c") / "layout.fits").write_bytes((tmp_path / "c/layout.fits").read_bytes()[:9000])
    with fits.open(spoilt("d") / "layout.fits", mode="update") as hdus:
        del hdus["MIXING"]
    with fits.open(spoilt("e") / "layout.fits", mode="update") as hdus:
        hdus["SPECTRA"].data["FILE"][0] = "../good/annulus_01_TM8"
    with fits.open(spoilt("f") / "layout.fits", mode="update") as hdus:
        hdus["SPECTRA"].data["REGION"][0] = 99
    shutil.copy(tmp_path / "good/annulus_01_TM8.pha", spoilt("g") / "annulus_01_TM8_particles.pha")
    nowhere = LightRadii(np.full(4, np.nan), np.ones((4, 4)))
    write_products(tmp_path / "h", replace(products, light_radii=nowhere))
    other = LightRadii(np.ones(3), np.ones((3, 3)))
    write_products(tmp_path / "i", replace(products, light_radii=other))
    for name in "abcdefghi":
        with pytest.raises(InputError):
            read_products(tmp_path / name)


def test_what_cannot_be_made(
    events: EventList, observed: ObservedRegions, particles: ParticleParameters
) -> None:
    layout = rings(events, 32.0)
    with pytest.raises(InputError, match="see none of the regions"):
        make_products(layout, [], particles)
    with pytest.raises(ParameterError, match="name none for TM8"):
        make_products(layout, [observed], ParticleParameters())
    with pytest.raises(ParameterError, match="leaves no region"):
        make_products(
            layout, [observed],
            ParticleParameters(templates=particles.templates, scaling_beyond="50arcmin"),
        )  # fmt: skip
    with pytest.raises(ParameterError, match="no detectors 'TM12'"):
        detector_groups(events, ("TM12",))
    with pytest.raises(ParameterError, match="in common"):
        detector_groups(events, ("TM8", "TM1"))
    groups = {n: replace(g, exposure=replace(
        g.exposure, livetime=np.where(layout.detected == 1, 0, g.exposure.livetime)
    )) for n, g in observed.groups.items()}  # fmt: skip
    with pytest.raises(InputError, match="never saw annulus_02"):
        make_products(layout, [replace(observed, groups=groups)], particles)
