"""The arithmetic under every table of the benchmark."""

from __future__ import annotations

from tests.benchmarks.arithmetic import Spread, ratios, rounds, spread


def test_percentiles_of_a_known_row() -> None:
    """Of 0 to 100 ms in steps of one, the 50th, 95th and 99th percentile are 50, 95 and 99 ms, told in microseconds."""
    found = spread([n / 1000 for n in range(101)])
    assert [round(value) for value in (found.p50, found.p95, found.p99, found.largest)] == [50e3, 95e3, 99e3, 100e3]
    assert found.count == 101


def test_nothing_measured_is_no_error() -> None:
    """A phase in which every call failed has a report all the same."""
    assert spread([]) == Spread()
    assert rounds([]) is None
    assert ratios([], [1.0]) is None


def test_one_disturbed_round_does_not_move_the_median() -> None:
    """That is why there are rounds; the range shows the disturbance."""
    found = rounds([1.0, 2.0, 90.0])
    assert found is not None
    assert (found.median, found.least, found.most) == (2.0, 1.0, 90.0)


def test_ratios_are_taken_within_a_round() -> None:
    """A round in which the machine was half as fast for both changes no ratio; a zero below gives none."""
    found = ratios([10.0, 20.0, 5.0], [5.0, 10.0, 0.0])
    assert found is not None
    assert found.values == (2.0, 2.0)
