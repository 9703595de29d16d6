import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xsurvey.polarization.variation.binned_sums import BinnedSums, binned_sums
from xsurvey.polarization.variation.constancy_trials import modulated_angles
from xsurvey.polarization.variation.derotation import DAY, derotated, marginal, widest_bin
from xsurvey.polarization.variation.rotation import rotation_scan, scan_rates
from xsurvey.polarization.variation.rotation_trials import rotation_trials

START = 2.1e8
DURATION = 3 * DAY


def events(  # type: ignore[no-untyped-def]
    rate: float, degree: float = 0.5, number: int = 20_000, seed: int = 1, angle=None
):
    """Return times, q, u and modulation factors; the angle is 20 degrees at the middle."""
    generator = np.random.default_rng(seed)
    time = START + generator.uniform(0, DURATION, number)
    time = time[(time - START) % 6000 < 3500]  # as orbits leave it
    mu = generator.uniform(0.15, 0.55, len(time))
    turn = 20 + rate * (time - START - DURATION / 2) / DAY if angle is None else angle(time)
    phi = modulated_angles(mu * degree, time.shape, generator) + np.radians(2 * turn)
    return time, 2 * np.cos(phi), 2 * np.sin(phi), mu


def summed(rate: float, width: float = 500.0, **settings: float) -> BinnedSums:
    time, q, u, mu = events(rate, **settings)
    return binned_sums(time, q, u, np.arange(START, START + DURATION + width, width), 1.0, mu)


def test_rates_of_a_scan() -> None:
    rates = scan_rates(DURATION, 100.0)
    assert (rates[0], rates[-1]) == (-100, 100)
    assert 0.0 in rates
    assert np.diff(rates).max() <= 6 + 1e-9
    assert scan_rates(DURATION, 50.0, 20.0)[0] == 20
    for bad in ((DURATION, 1.0, 2.0), (0.0, 1.0), (DURATION, np.inf), (DURATION, 1.0, None, 0.5)):
        with pytest.raises(ValueError, match=r"degrees a day|oversampling"):
            scan_rates(*bad)


def test_zero_rotation_is_the_polarization_of_all_events() -> None:
    sums = summed(30.0)
    found = derotated(sums, np.zeros(len(sums.centre)))
    q, u, covariance = sums.total().normalised()
    assert (found.q[0], found.u[0]) == pytest.approx((q[0], u[0]))
    assert found.covariance[0] == pytest.approx(covariance[0])


def test_sums_of_bins_agree_with_single_events() -> None:
    time, q, u, mu = events(80.0)
    width = widest_bin(80.0)
    sums = binned_sums(time, q, u, np.arange(START, START + DURATION + width, width), 1.0, mu)
    found = derotated(sums, 80.0 * (sums.centre - START) / DAY)
    z = (q + 1j * u) / mu * np.exp(-2j * np.radians(80.0 * (time - START) / DAY))
    assert found.q[0] + 1j * found.u[0] == pytest.approx(z.mean(), abs=5e-3)
    centred = z - z.mean()
    exact = np.cov(np.stack([centred.real, centred.imag]), bias=True) / len(z)
    assert found.covariance[0] == pytest.approx(exact, rel=1e-2, abs=2e-5)


def test_wide_bins_lose_what_is_said() -> None:
    """Of a rotation within one bin sin(Delta)/Delta is left, Delta the rotation in it."""
    loss = 0.05
    width = widest_bin(100.0, loss)
    swing = np.radians(100.0 * width / DAY)
    assert 1 - np.sin(swing) / swing == pytest.approx(loss, rel=0.03)
    time = np.linspace(0, width, 2001)
    angle = np.radians(2 * 100.0 * (time - width / 2) / DAY)
    sums = binned_sums(time, 2 * np.cos(angle), 2 * np.sin(angle), np.array([0.0, width]))
    assert derotated(sums, np.zeros(1)).q[0] / 2 == pytest.approx(1 - loss, abs=2e-3)
    with pytest.raises(ValueError, match="finite"):
        widest_bin(0.0)


@pytest.mark.parametrize("rate", [-85.0, 0.0, 30.0])
def test_a_rotation_is_recovered(rate: float) -> None:
    sums = summed(rate)
    scan = rotation_scan(sums, scan_rates(DURATION, 150.0))
    assert abs(scan.best_rate - rate) < 4 * scan.best_rate_error
    assert not scan.at_edge
    assert scan.best.pd[0] == pytest.approx(0.5, abs=5 * np.sqrt(scan.best.covariance[0, 0, 0]))
    middle = 20 + rate * (scan.reference_time - START - DURATION / 2) / DAY
    error = np.degrees(0.5 / np.sqrt(scan.best.chi2[0]))
    assert scan.best.pa_deg[0] == pytest.approx(middle, abs=4 * error)
    # the interval of a fall by 1 is that of the formula
    assert scan.rate_high - scan.rate_low == pytest.approx(2 * scan.best_rate_error, rel=0.2)
    trials = rotation_trials(sums, scan, 199, seed=1)
    assert trials.polarized == 1 / 200
    assert scan.log_probability < -20
    assert (trials.rotating < 0.01) == (rate != 0)


def test_errors_of_the_rate_are_right() -> None:
    scans = [
        rotation_scan(summed(10.0, 2000.0, number=6000, degree=0.6, seed=s),
                      scan_rates(DURATION, 40.0))
        for s in range(120)
    ]  # fmt: skip
    pull = np.array([(s.best_rate - 10.0) / s.best_rate_error for s in scans])
    assert abs(pull.mean()) < 4 / np.sqrt(len(pull))
    assert 0.8 < pull.std() < 1.25
    inside = [s.rate_low <= 10.0 <= s.rate_high for s in scans]
    assert 0.55 < np.mean(inside) < 0.82


def test_probabilities_of_unpolarized_and_of_constant_sources_are_nominal() -> None:
    polarized, rotating, analytic = [], [], []
    rates = scan_rates(DURATION, 60.0, oversampling=6)
    for seed in range(150):
        none = summed(0.0, 4000.0, number=3000, degree=0.0, seed=seed)
        scan = rotation_scan(none, rates, loss=0.05)
        polarized.append(rotation_trials(none, scan, 99, seed).polarized)
        analytic.append(np.exp(scan.log_probability))
        constant = summed(0.0, 4000.0, number=3000, degree=0.8, seed=seed)
        scan = rotation_scan(constant, rates, loss=0.05)
        rotating.append(rotation_trials(constant, scan, 99, seed).rotating)
    for p in (polarized, rotating):
        share = np.mean(np.array(p) <= 0.1)
        assert abs(share - 0.1) < 4 * np.sqrt(0.09 / 150)
        assert 0.35 < np.mean(np.array(p) <= 0.5) < 0.65
    # an upper limit that is near the chance where that is small
    small = np.array(analytic)
    assert np.mean(small <= 0.1) < 0.1 + 4 * np.sqrt(0.09 / 150)


def test_the_analytic_estimate_is_that_of_simulations() -> None:
    sums = summed(0.0, 2000.0, number=5000, degree=0.0)
    scan = rotation_scan(sums, scan_rates(DURATION, 120.0))
    largest = rotation_trials(sums, scan, 3000, seed=3).largest_chi2
    for share in (0.1, 0.02):
        z = np.quantile(largest, 1 - share)
        width = np.radians(240.0)
        estimate = np.exp(-z / 2) * (1 + width * scan.spread * np.sqrt(2 * z / np.pi))
        assert estimate == pytest.approx(share, rel=0.25)


def test_an_angle_that_is_given_drives_the_derotation() -> None:
    def angle(time: np.ndarray) -> np.ndarray:
        return 60 * np.sin(2 * np.pi * (time - START) / DURATION) - 35.0

    time, q, u, mu = events(0.0, angle=angle)
    sums = binned_sums(time, q, u, np.arange(START, START + DURATION + 900, 900.0), 1.0, mu)
    right, wrong = derotated(sums, angle(sums.centre)), derotated(sums, 0 * sums.centre)
    assert right.pd[0] == pytest.approx(0.5, abs=0.05)
    assert right.pa_deg[0] == pytest.approx(0, abs=10)  # relative to the angle that was given
    assert wrong.significance[0] < right.significance[0] - 3
    generator = np.random.default_rng(4)
    error = np.radians(20.0)
    samples = derotated(
        sums, angle(sums.centre) + np.degrees(generator.normal(0, error, (2000, 1)))
    )
    q_mean, u_mean, covariance = marginal(samples)
    assert np.hypot(q_mean, u_mean) == pytest.approx(right.pd[0] * np.exp(-2 * error**2), abs=0.02)
    assert covariance[1, 1] > right.covariance[0, 1, 1] + 0.5 * (2 * error * 0.4) ** 2


@settings(max_examples=20)
@given(st.floats(-180, 180), st.integers(0, 100))
def test_a_common_rotation_changes_angles_only(turn: float, seed: int) -> None:
    time, q, u, mu = events(25.0, number=500, seed=seed)
    edges = np.arange(START, START + DURATION + 3000, 3000.0)
    z = (q + 1j * u) * np.exp(2j * np.radians(turn))
    rates = scan_rates(DURATION, 60.0)
    one = rotation_scan(binned_sums(time, q, u, edges, 1.0, mu), rates, loss=0.05)
    two = rotation_scan(binned_sums(time, z.real, z.imag, edges, 1.0, mu), rates, loss=0.05)
    assert two.derotated.chi2 == pytest.approx(one.derotated.chi2, rel=1e-6, abs=1e-9)
    assert two.best_rate == pytest.approx(one.best_rate)
    away = two.best.pa_deg[0] - one.best.pa_deg[0] - turn
    assert np.cos(np.radians(2 * away)) == pytest.approx(1, abs=1e-9)


def test_bad_input_is_refused() -> None:
    sums = summed(0.0, 4000.0, number=500)
    with pytest.raises(ValueError, match=r"too wide.* s or less"):
        rotation_scan(sums, scan_rates(DURATION, 500.0))
    for rates in (np.zeros(3), np.array([0.0, 1.0])):
        with pytest.raises(ValueError, match="increasing"):
            rotation_scan(sums, rates)
    one = binned_sums(np.array([1.0, 2.0]), np.ones(2), np.ones(2), np.array([0.0, 10.0, 20.0]))
    with pytest.raises(ValueError, match="three time bins"):
        rotation_scan(one, np.array([0.0, 1.0, 2.0]))
    with pytest.raises(ValueError, match="finite angle"):
        derotated(sums, np.full(len(sums.centre), np.nan))
    with pytest.raises(ValueError, match="finite angle"):
        derotated(sums, np.zeros(3))
    scan = rotation_scan(sums, scan_rates(DURATION, 50.0), loss=0.05)
    with pytest.raises(ValueError, match="trials"):
        rotation_trials(sums, scan, 0)
    empty = binned_sums(np.empty(0), np.empty(0), np.empty(0), np.array([0.0, 1.0, 2.0]))
    assert np.isnan(derotated(empty, np.zeros(2)).q[0])
    assert stats.chi2.sf(scan.at_rest.chi2[0], 2) == pytest.approx(
        np.exp(scan.at_rest.log_probability[0])
    )
