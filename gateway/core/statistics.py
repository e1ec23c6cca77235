"""Sums that add: all that is learned of one arm, mergeable across replicas in any order.

Every field is a sum over observations, so zero is neutral, addition is associative and commutative, forgetting is a
multiplication, and a revised reward is itself an addition. One set of sums serves every algorithm: the Gram matrix and
the moment are LinUCB's A - ridge*I and b (Li et al. 2010, Algorithm 1), the counts are Thompson's Beta parameters.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from gateway.core.values import FloatArray

_HEADER = struct.Struct("<4sHI")
_MAGIC = b"GWST"
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallies:
    """Scalar sums. Counts are floats because forgetting makes them fractions."""

    pulls: float = 0.0
    """Decisions for which the arm returned something, good or bad: whole answers, aborted ones, its own failures."""
    rewarded: float = 0.0
    """Distinct decisions with a reward in the sums."""
    reward: float = 0.0
    reward_squared: float = 0.0
    cost_usd: float = 0.0
    latency_s: float = 0.0
    tokens_in: float = 0.0
    tokens_out: float = 0.0
    failures: float = 0.0
    """Calls that did not end in an answer, infrastructure included."""
    rated: float = 0.0
    """Decisions whose reward carries feedback."""

    def __add__(self, other: Self) -> Self:
        return self.plus(other, 1.0)

    def plus(self, other: Self, weight: float) -> Self:
        """These sums and `weight` times the others, which may be negative to take them away."""
        # Field by field: every observation and every refresh adds tallies, and a loop over names costs ten times this.
        return type(self)(
            pulls=self.pulls + weight * other.pulls,
            rewarded=self.rewarded + weight * other.rewarded,
            reward=self.reward + weight * other.reward,
            reward_squared=self.reward_squared + weight * other.reward_squared,
            cost_usd=self.cost_usd + weight * other.cost_usd,
            latency_s=self.latency_s + weight * other.latency_s,
            tokens_in=self.tokens_in + weight * other.tokens_in,
            tokens_out=self.tokens_out + weight * other.tokens_out,
            failures=self.failures + weight * other.failures,
            rated=self.rated + weight * other.rated,
        )

    @classmethod
    def total(cls, many: Sequence[Self]) -> Self:
        """The sum of any number of tallies, in their order."""
        return cls(
            pulls=sum([one.pulls for one in many], 0.0),
            rewarded=sum([one.rewarded for one in many], 0.0),
            reward=sum([one.reward for one in many], 0.0),
            reward_squared=sum([one.reward_squared for one in many], 0.0),
            cost_usd=sum([one.cost_usd for one in many], 0.0),
            latency_s=sum([one.latency_s for one in many], 0.0),
            tokens_in=sum([one.tokens_in for one in many], 0.0),
            tokens_out=sum([one.tokens_out for one in many], 0.0),
            failures=sum([one.failures for one in many], 0.0),
            rated=sum([one.rated for one in many], 0.0),
        )

    def scaled(self, weight: float) -> Self:
        """Every sum times `weight`."""
        return type(self)().plus(self, weight)

    def values(self) -> list[float]:
        """In field order."""
        return [float(getattr(self, f.name)) for f in fields(self)]

    def as_dict(self) -> dict[str, float]:
        """By field name."""
        return {f.name: float(getattr(self, f.name)) for f in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArmStatistics:
    """All sums of one arm; `gram` has shape (d, d), `moment` (d,)."""

    gram: FloatArray
    moment: FloatArray
    tallies: Tallies

    @property
    def dimension(self) -> int:
        """d, the length of the feature vector."""
        return int(self.moment.shape[0])

    def __add__(self, other: Self) -> Self:
        return type(self)(
            gram=self.gram + other.gram, moment=self.moment + other.moment, tallies=self.tallies + other.tallies
        )

    def plus(self, other: Self, weight: float) -> Self:
        """These sums and `weight` times the others, which may be negative to take them away."""
        return type(self)(
            gram=self.gram + weight * other.gram,
            moment=self.moment + weight * other.moment,
            tallies=self.tallies.plus(other.tallies, weight),
        )

    def scaled(self, weight: float) -> Self:
        """Forgetting: every sum times `weight`, which must be finite and not negative."""
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"a weight must be finite and >= 0, not {weight!r}")
        return type(self)(gram=self.gram * weight, moment=self.moment * weight, tallies=self.tallies.scaled(weight))

    def to_bytes(self) -> bytes:
        """Exact little-endian encoding with magic, version and dimension; `from_bytes` is its inverse."""
        tallies = np.asarray(self.tallies.values(), dtype="<f8")
        header = _HEADER.pack(_MAGIC, _VERSION, self.dimension)
        return b"".join(
            (header, tallies.tobytes(), self.moment.astype("<f8").tobytes(), self.gram.astype("<f8").tobytes())
        )

    @classmethod
    def from_bytes(cls, blob: bytes) -> Self:
        """Decode; ValueError for anything that `to_bytes` cannot have written, non-finite numbers included."""
        if len(blob) < _HEADER.size:
            raise ValueError(f"statistics are cut short: {len(blob)} bytes")
        magic, version, d = _HEADER.unpack_from(blob)
        if magic != _MAGIC or version != _VERSION:
            raise ValueError(f"not statistics of version {_VERSION}: {magic!r}, version {version}")
        count = len(fields(Tallies))
        if len(blob) != _HEADER.size + 8 * (count + d + d * d):
            raise ValueError(f"statistics of dimension {d} have the wrong length {len(blob)}")
        numbers = np.frombuffer(blob, dtype="<f8", offset=_HEADER.size).astype(np.float64)
        if not np.isfinite(numbers).all():
            raise ValueError("statistics hold a number that is not finite")
        names = [f.name for f in fields(Tallies)]
        tallies = Tallies(**dict(zip(names, map(float, numbers[:count]), strict=True)))
        return cls(gram=numbers[count + d :].reshape(d, d), moment=numbers[count : count + d], tallies=tallies)


def zero(d: int) -> ArmStatistics:
    """The neutral element for feature vectors of length `d`."""
    return ArmStatistics(gram=np.zeros((d, d)), moment=np.zeros(d), tallies=Tallies())


def revision(x: FloatArray, old: float | None, new: float, *, rated: bool = False) -> ArmStatistics:
    """What to add so that a decision rewarded with `old` (None: not yet) counts as rewarded with `new`.

    Only the first reward of a decision touches the Gram matrix: a later one is (new - old) * x on the moment.
    ValueError unless `new` is finite and in [0, 1] and x is finite, so that nothing else ever reaches the sums.
    """
    if not (math.isfinite(new) and 0.0 <= new <= 1.0):
        raise ValueError(f"a reward must be a finite number in [0, 1], not {new!r}")
    if old is not None and not (math.isfinite(old) and 0.0 <= old <= 1.0):
        raise ValueError(f"the reward to be revised must be a finite number in [0, 1], not {old!r}")
    if not np.isfinite(x).all():
        raise ValueError("a feature vector must be finite")
    first = old is None
    before = 0.0 if old is None else old
    tallies = Tallies(
        rewarded=1.0 if first else 0.0,
        reward=new - before,
        reward_squared=new * new - before * before,
        rated=1.0 if rated else 0.0,
    )
    gram = np.outer(x, x) if first else np.zeros((x.shape[0], x.shape[0]))
    return ArmStatistics(gram=gram, moment=(new - before) * x, tallies=tallies)


def observations(xs: FloatArray, rewards: FloatArray) -> ArmStatistics:
    """Sums of n new rewarded decisions at once: xs of shape (n, d), rewards (n,) finite and in [0, 1].

    ValueError otherwise; the same sums as adding `revision(x, None, r)` one by one, in one matrix product.
    """
    if not (np.isfinite(rewards).all() and (rewards >= 0.0).all() and (rewards <= 1.0).all()):
        raise ValueError("rewards must be finite numbers in [0, 1]")
    if not np.isfinite(xs).all():
        raise ValueError("feature vectors must be finite")
    tallies = Tallies(
        rewarded=float(rewards.shape[0]), reward=float(rewards.sum()), reward_squared=float((rewards**2).sum())
    )
    return ArmStatistics(gram=xs.T @ xs, moment=xs.T @ rewards, tallies=tallies)
