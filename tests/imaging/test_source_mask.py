"""Masks of sources: radii in closed form, what is kept, bad input."""

import numpy as np
import pytest
from astropy.table import Table

from xsurvey.errors import InputError
from xsurvey.imaging.source_mask import (
    MaskedSources,
    MaskParameters,
    PsfOfSources,
    mask_of_sources,
    sources_of_table,
)
from xsurvey.psf import GaussianPsf, KingPsf

from . import display_fields as fields

SIDE = 128


def _sources(x, y, extent=0.0):
    grid = fields.grid(SIDE)
    ra, dec = grid.to_icrs(np.atleast_1d(x).astype(float), np.atleast_1d(y).astype(float))
    return MaskedSources(ra, dec, np.full(len(ra), float(extent)))


def _psf(sources, psf):
    return [PsfOfSources(psf, np.zeros(len(sources)), np.ones(len(sources)))]


def _exposure():
    return fields.image(np.full((SIDE, SIDE), 1e4), "s")


def test_radius_is_where_a_gaussian_falls_to_the_fraction_of_the_level():
    level, counts, sigma = 0.5, 400.0, 8.0  # count / pixel, count, arcsec
    data = level + fields.gaussian_source(SIDE, 60, 70, counts, sigma / fields.PIXEL)
    sources = _sources(60, 70)
    mask = mask_of_sources(
        fields.image(data), _exposure(), sources, _psf(sources, GaussianPsf(sigma)),
        MaskParameters(residual=0.2),
    )  # fmt: skip
    # C / (2 pi s^2) exp(-r^2 / 2 s^2) = f b
    density = level / fields.PIXEL**2
    expected = sigma * np.sqrt(2 * np.log(counts / (2 * np.pi * sigma**2) / (0.2 * density)))
    assert mask.radius[0] == pytest.approx(expected, rel=0.03)
    assert mask.counts[0] == pytest.approx(counts, rel=0.1)
    assert mask.surroundings[0] == pytest.approx(density, rel=0.02)
    y, x = np.indices((SIDE, SIDE))
    inside = np.hypot(x - 60, y - 70) * fields.PIXEL <= mask.radius[0]
    assert (mask.counted == ~inside).all()


def test_brighter_sources_and_fainter_surroundings_make_larger_circles():
    radii = []
    for level, counts in ((0.5, 100), (0.5, 1000), (0.05, 1000)):
        data = level + fields.gaussian_source(SIDE, 64, 64, counts, 2.0)
        sources = _sources(64, 64)
        mask = mask_of_sources(
            fields.image(data), _exposure(), sources, _psf(sources, KingPsf(1.6, 12.0)),
            MaskParameters(),
        )  # fmt: skip
        radii.append(mask.radius[0])
    assert radii[0] < radii[1] < radii[2]


def test_a_faint_source_still_loses_its_core_and_a_bright_one_ends_at_the_maximum():
    data = np.full((SIDE, SIDE), 1.0)
    data += fields.gaussian_source(SIDE, 100, 100, 1e6, 2.0)
    sources, psf = _sources([30, 100], [30, 100]), KingPsf(1.4, 40.0)
    mask = mask_of_sources(
        fields.image(data), _exposure(), sources, _psf(sources, psf),
        MaskParameters(psf_fraction=0.8, largest="60arcsec"),
    )  # fmt: skip
    assert mask.radius[0] == pytest.approx(float(psf.radius(0.8, np.array(0.0))), rel=1e-6)
    assert mask.radius[1] == 60.0


def test_neighbours_are_not_in_the_surroundings():
    data = np.full((SIDE, SIDE), 0.5) + fields.gaussian_source(SIDE, 60, 60, 150, 2.0)
    alone = _sources(60, 60)
    before = mask_of_sources(
        fields.image(data), _exposure(), alone, _psf(alone, GaussianPsf(8.0)), MaskParameters()
    )
    data = data + fields.gaussian_source(SIDE, 72, 60, 5000, 2.0)
    both = _sources([60, 72], [60, 60])
    after = mask_of_sources(
        fields.image(data), _exposure(), both, _psf(both, GaussianPsf(8.0)), MaskParameters()
    )
    assert after.surroundings[0] == pytest.approx(before.surroundings[0], rel=0.05)


def test_extended_sources_and_those_near_the_centre_are_kept():
    data = fields.image(np.full((SIDE, SIDE), 1.0))
    cloud = _sources(40, 40, extent=20.0)
    psf = _psf(cloud, GaussianPsf(8.0))
    assert mask_of_sources(data, _exposure(), cloud, psf, MaskParameters()).counted.all()
    cut = mask_of_sources(data, _exposure(), cloud, psf, MaskParameters(extended=True))
    assert cut.radius[0] == pytest.approx(60.0)
    near = _sources([64, 100], [64, 100])
    mask = mask_of_sources(
        data, _exposure(), near, _psf(near, GaussianPsf(8.0)),
        MaskParameters(core="30arcsec"), fields.CENTRE,
    )  # fmt: skip
    assert mask.radius[0] == 0 and mask.radius[1] > 0


def test_the_widest_psf_of_several_observations_counts():
    data = fields.image(np.full((SIDE, SIDE), 1.0))
    source = _sources(64, 64)
    both = [
        PsfOfSources(GaussianPsf(4.0), np.zeros(1), np.array([5e4])),
        PsfOfSources(GaussianPsf(20.0), np.zeros(1), np.array([5e4])),
    ]
    mask = mask_of_sources(data, _exposure(), source, both, MaskParameters())
    wide = mask_of_sources(data, _exposure(), source, both[1:], MaskParameters())
    assert mask.radius[0] == pytest.approx(wide.radius[0])


def test_a_region_file_is_masked_too(tmp_path):
    region = tmp_path / "hole.reg"
    region.write_text(f'fk5\ncircle({fields.CENTRE.ra},{fields.CENTRE.dec},40")\n')
    none = MaskedSources(np.zeros(0), np.zeros(0), np.zeros(0))
    mask = mask_of_sources(
        fields.image(np.ones((SIDE, SIDE))), _exposure(), none, _psf(none, GaussianPsf(8.0)),
        MaskParameters(), regions=region,
    )  # fmt: skip
    assert (~mask.counted).sum() == pytest.approx(np.pi * 10**2, rel=0.05)


def test_sources_off_the_image_and_empty_images_are_harmless():
    sources = _sources([500, 64], [64, 64])
    mask = mask_of_sources(
        fields.image(np.zeros((SIDE, SIDE))), _exposure(), sources,
        _psf(sources, GaussianPsf(8.0)), MaskParameters(),
    )  # fmt: skip
    assert np.isfinite(mask.radius).all() and np.isfinite(mask.surroundings).all()
    assert not mask.counted[64, 64]


def test_tables(tmp_path):
    table = Table({
        "RA": [150.0, 151.0], "Dec": [2.0, 2.5], "extent": [0.0, np.nan],
        "detection_likelihood": [20.0, 8.0],
    })  # fmt: skip
    assert len(sources_of_table(table, "t.fits", MaskParameters())) == 2
    assert len(sources_of_table(table, "t.fits", MaskParameters(min_likelihood=12))) == 1
    with pytest.raises(InputError, match=r"t\.fits: has no columns ra and dec"):
        sources_of_table(Table({"ra": [1.0]}), "t.fits", MaskParameters())
    with pytest.raises(InputError, match="no numbers"):
        sources_of_table(Table({"ra": [np.nan], "dec": [0.0]}), "t.fits", MaskParameters())


def test_an_exposure_of_other_shape_is_refused():
    sources = _sources(64, 64)
    with pytest.raises(InputError, match="shape"):
        mask_of_sources(
            fields.image(np.ones((SIDE, SIDE))), fields.image(np.ones((32, 32)), "s"), sources,
            _psf(sources, GaussianPsf(8.0)), MaskParameters(),
        )  # fmt: skip
