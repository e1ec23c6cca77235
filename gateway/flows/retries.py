"""A budget for retries, so that an outage is never amplified by our own second tries."""

from __future__ import annotations


class RetryBudget:
    """Retries allowed: a share of the requests seen, and a small floor a second so that a quiet service may retry.

    A token bucket: each request deposits `percent`/100 tokens, time deposits `floor_per_s`; a retry withdraws one, and
    gets it back if it ends with an answer.
    """

    def __init__(self, percent: float, *, floor_per_s: float = 3.0, capacity: float = 100.0) -> None:
        self._deposit = percent / 100.0
        # With no retries wanted there is no floor either.
        self._floor_per_s = floor_per_s if percent > 0 else 0.0
        self._capacity = capacity
        self._tokens = 0.0
        self._floor_tokens = self._floor_per_s
        self._seen_s: float | None = None

    def request(self, now_s: float) -> None:
        """A request came in, at this monotonic second."""
        self._refill(now_s)
        self._tokens = min(self._capacity, self._tokens + self._deposit)

    def withdraw(self, now_s: float) -> bool:
        """Whether one more retry is within the budget; takes it if so."""
        self._refill(now_s)
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return True
        if self._floor_tokens >= 1.0:
            self._floor_tokens -= 1.0
            return True
        return False

    def refund(self, retries: int) -> None:
        """These retries led to an answer: one dead arm beside a healthy one must not use the budget up.

        What is left to be paid for is retries in vain, which are what would amplify an outage.
        """
        self._tokens = min(self._capacity, self._tokens + retries)

    def _refill(self, now_s: float) -> None:
        if self._seen_s is not None:
            earned = max(0.0, now_s - self._seen_s) * self._floor_per_s
            self._floor_tokens = min(self._floor_per_s, self._floor_tokens + earned)
        self._seen_s = now_s
