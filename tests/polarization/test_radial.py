from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import InputError, ParameterError
from xsurvey.missions import open_events
from xsurvey.polarization.bin_sums import BinSums
from xsurvey.polarization.measure import measure_polarization
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.space.annuli import Annuli, bearing, outward
from xsurvey.polarization.space.cell_background import turned_background
from xsurvey.polarization.space.cell_sums import summed
from xsurvey.polarization.space.map_parameters import RadialParameters
from xsurvey.polarization.space.radial import PolarizationProfile, measure_polarization_profile
from xsurvey.regions import read_region_file
from xsurvey.units import SkyPosition

from .made_fields import direction, disk, write_field, write_responses

CENTER = "150.0,2.2"


@pytest.fixture(scope="session")
def irf(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_responses(tmp_path_factory.mktemp("irf") / "caldb"))


@pytest.fixture(scope="session")
def ring(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A ring of 60 to 180 arcsec, radially polarized by 30 %."""
    x, y = disk(150_000, 180, np.random.default_rng(21), inner=60)
    return write_field(tmp_path_factory.mktemp("ring"), x, y, 0.3, direction(x, y), seed=22)


def measured(
    paths: list[Path], irf: str, edges: str = "60,100,140,180arcsec", **given: object
) -> PolarizationProfile:
    return measure_polarization_profile(
        open_events(paths), PolarizationParameters(irf=irf, ebins="2,4,8"),
        RadialParameters(center=CENTER, edges=edges, **given),
    )  # fmt: skip


@given(st.floats(0, 359.9), st.floats(-89, 89), st.floats(0, 360), st.floats(1e-4, 0.3))
def test_directions_are_those_of_the_sphere(
    ra: float, dec: float, angle: float, distance: float
) -> None:
    centre = SkyCoord(ra, dec, unit="deg")
    place = centre.directional_offset_by(angle * centre.ra.unit, distance * centre.ra.unit)
    own, at = SkyPosition(ra, dec), (np.array([place.ra.deg]), np.array([place.dec.deg]))
    expected = centre.position_angle(place).deg
    back = place.position_angle(centre).deg
    for found, wanted in ((bearing(own, *at)[0], expected), (outward(own, *at)[0], back + 180)):
        assert np.cos(np.radians(found - wanted)) == pytest.approx(1, abs=1e-9)


@given(st.integers(1, 12), st.floats(0, 360), st.floats(-80, 80))
def test_samples_are_in_their_cells_and_fill_them(sectors: int, start: float, dec: float) -> None:
    annuli = Annuli(SkyPosition(10.0, dec), np.array([0.0, 60.0, 150.0]), sectors, start)
    ra, dec_of = annuli.samples()
    cells = annuli.cell_of(ra.ravel(), dec_of.ravel()).reshape(ra.shape)
    assert np.all(cells == np.arange(annuli.number)[:, None])
    assert annuli.area().sum() * 3600**2 == pytest.approx(np.pi * 150**2, rel=1e-6)


def test_radial_ring_has_its_degree_and_nothing_across(ring: list[Path], irf: str) -> None:
    found = measured(ring, irf, sectors=4)
    bins, used = found.aligned, found.used
    assert used.all()
    x = np.stack([bins.q_norm - 0.3, bins.u_norm], axis=-1)[used]
    chi2 = np.einsum("ni,nij,nj->n", x, np.linalg.inv(bins.covariance[used]), x)
    assert chi2.sum() == pytest.approx(2 * len(chi2), abs=4 * np.sqrt(4 * len(chi2)))
    total = found.total
    for energy in range(2):
        error = np.sqrt(total.covariance[0, energy, [0, 1], [0, 1]])
        assert total.q_norm[0, energy] == pytest.approx(0.3, abs=4 * error[0])
        assert total.u_norm[0, energy] == pytest.approx(0, abs=4 * error[1])
        assert found.alignment[-1, energy] > 10
        assert abs(total.pa_deg[0, energy]) < 5
    # with north as reference it cancels: of whole annuli what is left is noise
    whole = measured(ring, irf)
    assert np.all(whole.bins.chi2 < -2 * np.log(1e-4))
    assert np.all(whole.aligned.chi2 > 50)


def test_tangential_is_the_opposite_of_radial(ring: list[Path], irf: str) -> None:
    radial, tangential = (measured(ring, irf, model=m) for m in ("radial", "tangential"))
    assert tangential.aligned.q_norm == pytest.approx(-radial.aligned.q_norm)
    assert tangential.aligned.chi2 == pytest.approx(radial.aligned.chi2)
    assert np.all(np.abs(tangential.aligned.pa_deg) > 80)


def test_constant_directions_turn_north(ring: list[Path], irf: str) -> None:
    found = measured(ring, irf, sectors=3, model="constant", model_angle="0deg")
    assert found.aligned.q_norm == pytest.approx(found.bins.q_norm)
    assert found.aligned.covariance == pytest.approx(found.bins.covariance)
    turned = measured(ring, irf, sectors=3, model="constant", model_angle="45deg")
    assert turned.aligned.q_norm == pytest.approx(found.bins.u_norm)
    assert turned.aligned.pd == pytest.approx(found.bins.pd)


def test_all_annuli_are_the_cube_of_the_ring(ring: list[Path], irf: str, tmp_path: Path) -> None:
    (tmp_path / "r.reg").write_text('icrs\nannulus(150.0,2.2,60",180")\n')
    events = open_events(ring)
    region = read_region_file(tmp_path / "r.reg", events.wcs)
    found = measured(ring, irf, sectors=5)
    cube = measure_polarization(events, PolarizationParameters(irf=irf, ebins="2,4,8"), region)
    total = summed(found.sums)
    # events within 1e-4 of the edges may fall on either side
    assert total.counts[0] == pytest.approx(cube.sums.counts, rel=1e-3)
    assert total.q[0] == pytest.approx(cube.sums.q, abs=5e-3 * cube.sums.i.max())


def test_background_of_annuli_follows_their_directions(tmp_path: Path, irf: str) -> None:
    """A radial ring over a ground that is itself polarized: sectors see what is left."""
    generator = np.random.default_rng(31)
    sx, sy = disk(100_000, 100, generator, inner=40)
    bx, by = disk(400_000, 300, generator)
    x, y = np.concatenate([sx, bx]), np.concatenate([sy, by])
    own = np.arange(len(x)) < len(sx)
    angle = np.where(own, direction(x, y), 20.0)
    order = generator.permutation(len(x))
    paths = write_field(
        tmp_path, x[order], y[order], np.where(own, 0.4, 0.5)[order], angle[order], seed=32
    )
    (tmp_path / "b.reg").write_text('icrs\nannulus(150.0,2.2,130",280")\n')
    events = open_events(paths)
    region = read_region_file(tmp_path / "b.reg", events.wcs)
    parameters = PolarizationParameters(irf=irf, ebins="2,8")
    radial = RadialParameters(center=CENTER, edges="40,70,100arcsec", sectors=4, simulations=20)
    found = measure_polarization_profile(events, parameters, radial, background=region)
    bins = found.aligned
    x = np.stack([bins.q_norm - 0.4, bins.u_norm], axis=-1)
    chi2 = np.einsum("pni,pnij,pnj->", x, np.linalg.inv(bins.covariance), x)
    assert chi2 < 16 + 4 * np.sqrt(32)
    # without it they differ from sector to sector
    raw = measure_polarization_profile(events, parameters, radial).aligned
    x = np.stack([raw.q_norm - 0.4, raw.u_norm], axis=-1)
    assert np.einsum("pni,pnij,pnj->", x, np.linalg.inv(raw.covariance), x) > 60
    assert found.trials.simulated_p == pytest.approx(1 / 21)


@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0, 6.3))
def test_sums_of_a_turned_background_are_those_of_its_turned_events(
    seed: int, length: float, angle: float
) -> None:
    generator = np.random.default_rng(seed)
    weight, mu = generator.uniform(0.2, 2, 12), generator.uniform(0.2, 0.5, 12)
    phase = generator.uniform(0, 2 * np.pi, 12)
    c, s = length * np.cos(angle), length * np.sin(angle)

    def sums_of(q: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        terms = {
            "counts": weight**0, "i": weight, "q": q, "u": u, "modulation": weight * mu,
            "energy": 4 * weight, "weight2": weight**2, "q_weight2": weight * q,
            "u_weight2": weight * u, "qq": q * q, "qu": q * u, "uu": u * u,
            "quartic": (q * q + u * u) ** 2, "gross": weight**0,
        }  # fmt: skip
        return {name: v.sum(keepdims=True) for name, v in terms.items()}

    q, u = (2 * weight / mu * wave(phase) for wave in (np.cos, np.sin))
    edge = np.ones(1)
    found = turned_background(
        BinSums(energy_min=edge, energy_max=edge, **sums_of(q, u)),
        np.full((2, 1), c), np.full((2, 1), s),
    )  # fmt: skip
    for name, value in sums_of(c * q + s * u, c * u - s * q).items():
        own = np.broadcast_to(getattr(found, name), (2, 1))
        assert own == pytest.approx(np.full((2, 1), value[0]), abs=1e-9), name


def test_simulations_agree_with_independent_sectors_of_few_events(tmp_path: Path, irf: str) -> None:
    """Sectors share no event: p after all trials is Sidak's, by simulations too."""
    x, y = disk(11_000, 150, np.random.default_rng(53))
    events = open_events(write_field(tmp_path, x, y, seed=54, weighted=True))
    found = measure_polarization_profile(
        events, PolarizationParameters(irf=irf, ebins="2,8", weighted=True),
        RadialParameters(
            center=CENTER, edges="0,50,75,100,125,150arcsec", sectors=30, simulations=6000,
            minimum_events=20,
        ),
    )  # fmt: skip
    assert found.used.sum() > 100
    assert np.median(found.aligned_sums.gross[found.used]) < 60
    p = np.exp(found.trials.log_p)
    assert 0.1 < p < 0.5
    assert found.trials.simulated_p == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 6000))


@pytest.mark.parametrize("sectors", [1, 3])
def test_simulations_have_the_turned_background(tmp_path: Path, irf: str, sectors: int) -> None:
    """One cell is no more improbable after its one trial, by simulations too.

    A region of few events is subtracted many times: its noise is most of that of a cell if it is
    not turned, nothing in the whole annulus, and some in a sector.
    """
    generator = np.random.default_rng(61)
    x, y = disk(6000, 120, generator)
    angle = direction(x, y) % 360
    own = (angle < 120) | (sectors == 1)
    bx, by = disk(6000, 380, generator)
    paths = write_field(tmp_path, np.append(x[own], bx), np.append(y[own], by), seed=62)
    (tmp_path / "b.reg").write_text('icrs\ncircle(150.0,2.29,24")\n')
    events = open_events(paths)
    ground = read_region_file(tmp_path / "b.reg", events.wcs)
    found = measure_polarization_profile(
        events, PolarizationParameters(irf=irf, ebins="2,8"),
        RadialParameters(
            center=CENTER, edges="0,120arcsec", sectors=sectors, simulations=1000,
        ), background=ground,
    )  # fmt: skip
    assert found.background_scale is not None
    assert found.background_scale[0] > 24 / sectors
    assert found.used[:, 0].tolist() == [True, False, False][:sectors]
    p = np.exp(found.trials.local_log_p)
    assert 0.02 < p < 0.98
    assert found.trials.simulated_p == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 1000))


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"edges": "60,30arcsec"}, "rising radii"),
        ({"edges": "60arcsec"}, "rising radii"),
        ({"edges": "0,30"}, "with its unit"),
        ({"edges": "0,30,nanarcsec"}, "is not one of"),
        ({"model": "constant"}, "model_angle"),
        ({"model": "map"}, "model_map"),
        ({"model_angle": "3deg"}, "model_angle"),
        ({"sectors": 0}, "greater than or equal"),
    ],
)
def test_impossible_annuli(given: dict[str, object], cause: str) -> None:
    with pytest.raises(ParameterError, match=cause):
        RadialParameters.read({"center": CENTER, "edges": "0,30arcsec", **given}, "")


def test_centre_outside_the_field(ring: list[Path], irf: str) -> None:
    parameters = PolarizationParameters(irf=irf)
    events = open_events(ring)
    for center, error, cause in (
        ("330,-2", ParameterError, "deg from where"), ("150.3,2.2", InputError, "no events within"),
    ):  # fmt: skip
        with pytest.raises(error, match=cause):
            measure_polarization_profile(
                events, parameters, RadialParameters(center=center, edges="0,60arcsec")
            )
