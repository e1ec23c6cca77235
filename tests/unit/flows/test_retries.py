"""The retry budget: an outage is never amplified beyond the stated share."""

from __future__ import annotations

from gateway.flows.retries import RetryBudget


def test_steady_outage_is_amplified_by_the_percentage_and_the_floor_only() -> None:
    """50 requests/s for 60 s, each wanting a retry: at most 20 % of them plus 3 a second get one."""
    budget = RetryBudget(20.0)
    retries = 0
    for i in range(3000):
        now = i / 50
        budget.request(now)
        retries += budget.withdraw(now)
    assert retries <= 0.2 * 3000 + 3.0 * 61
    assert retries >= 0.2 * 3000 - 1


def test_a_quiet_service_may_retry() -> None:
    """The floor lets the first request after start be retried."""
    budget = RetryBudget(20.0)
    budget.request(0.0)
    assert [budget.withdraw(0.0) for _ in range(4)] == [True, True, True, False]
    assert budget.withdraw(1.0)


def test_no_retries_wanted_means_none() -> None:
    """0 percent has no floor either."""
    budget = RetryBudget(0.0)
    budget.request(0.0)
    assert not budget.withdraw(100.0)


def test_savings_are_bounded() -> None:
    """A long good time does not buy an unbounded storm of retries."""
    budget = RetryBudget(20.0, capacity=10.0)
    for i in range(10_000):
        budget.request(i / 100)
    assert sum(budget.withdraw(100.0) for _ in range(1000)) <= 13


def test_retries_that_end_well_cost_nothing() -> None:
    """One dead arm beside a healthy one: every request may fall over, for as long as it lasts."""
    budget = RetryBudget(20.0)
    for i in range(1000):
        budget.request(i / 1000)
        assert budget.withdraw(i / 1000)
        budget.refund(1)
