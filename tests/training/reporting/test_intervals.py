"""The intervals agree with the textbook's."""

import pytest
from scipy import stats

from mgcld.training.reporting.intervals import poisson, wilson


@pytest.mark.parametrize(("right", "asked"), [(0, 1), (1, 1), (3, 5), (47, 50), (0, 40), (999, 1000)])
def test_wilson_is_the_library_s(right: int, asked: int) -> None:
    expected = stats.binomtest(right, asked).proportion_ci(0.95, "wilson")
    assert wilson(right, asked) == pytest.approx((expected.low, expected.high), abs=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 10, 100, 5000])
def test_poisson_is_the_exact_interval(count: int) -> None:
    expected = stats.chi2.ppf(0.025, 2 * count) / 2, stats.chi2.ppf(0.975, 2 * count + 2) / 2
    assert poisson(count) == pytest.approx(expected, rel=1e-6)


def test_nothing_seen_is_the_rule_of_three() -> None:
    assert poisson(0) == (0.0, pytest.approx(3, abs=0.005))
