"""Rules of the draws: plain values, within bounds, all of them reachable."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.tasks.chance import pick, sample, whole


@given(seed=st.integers(0, 2**32 - 1), low=st.integers(-50, 50), width=st.integers(0, 50))
def test_whole_numbers_are_plain_and_within_their_bounds(seed: int, low: int, width: int) -> None:
    """`whole` gives an `int`, both bounds included."""
    number = whole(np.random.default_rng(seed), low, low + width)
    assert type(number) is int
    assert low <= number <= low + width


def test_both_bounds_and_every_option_are_reached() -> None:
    """Nothing on offer is out of reach: missing one of four in 200 draws has a chance below 1e-24."""
    rng = np.random.default_rng(0)
    assert {whole(rng, 1, 4) for _ in range(200)} == {1, 2, 3, 4}
    assert {pick(rng, "abcd") for _ in range(200)} == set("abcd")


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 6))
def test_samples_do_not_repeat(seed: int, count: int) -> None:
    """`sample` draws without putting back."""
    drawn = sample(np.random.default_rng(seed), "abcdef", count)
    assert len(drawn) == count == len(set(drawn))
