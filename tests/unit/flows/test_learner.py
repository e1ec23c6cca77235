"""The learner's three stages: nothing is lost between them, nothing counts twice."""

from __future__ import annotations

import numpy as np

from gateway.core.forgetting import Forgetting
from gateway.core.statistics import ArmStatistics, Tallies, revision, zero
from gateway.flows.learner import Learner, Observation
from gateway.flows.ports import Sums
from tests.unit.flows.evidence import Store, assert_close, observation
from tests.world import make_learner


def test_sums_are_the_same_in_every_stage() -> None:
    """Observed, folded, taken, pushed and pulled: at each step the learner's sums are those of its observations."""
    learner, describer = make_learner()
    d, store = describer.schema.dimension, Store()
    expected = zero(d)
    for seed in range(30):
        row = observation(d, seed)
        learner.observe(row, now_s=0.0)
        assert row.reward is not None
        expected += revision(row.x, None, row.reward)
        expected += ArmStatistics(gram=np.zeros((d, d)), moment=np.zeros(d), tallies=row.tallies)
        if seed % 3 == 0:
            learner.refresh(0.0)
        if seed % 7 == 0:
            store.add(learner.take())
            assert_close(learner.statistics()["small"], expected)
            learner.pulled(store.sums(), 0.0)
        assert_close(learner.statistics()["small"], expected)


def test_two_replicas_read_the_same_totals() -> None:
    """What either observed, both know after a push and a pull of each, in whatever order."""
    store = Store()
    replicas = [make_learner()[0] for _ in range(2)]
    d = replicas[0].statistics()["small"].dimension
    for seed in range(40):
        replicas[seed % 2].observe(observation(d, seed, arm_id=("small", "large")[seed % 3 == 0]), now_s=0.0)
        if seed % 5 == 0:
            store.add(replicas[seed % 2].take())
    for replica in replicas:
        store.add(replica.take())
    for replica in replicas:
        replica.pulled(store.sums(), 0.0)
    for arm_id in ("small", "large"):
        assert_close(replicas[0].statistics()[arm_id], replicas[1].statistics()[arm_id])
    assert sum(t.pulls for t in replicas[0].tallies().values()) == 40.0


def test_a_lost_delta_stops_counting() -> None:
    """A batch that the store refuses for good is forgotten here too, so that all replicas agree."""
    learner, describer = make_learner()
    learner.observe(observation(describer.schema.dimension, 1), now_s=0.0)
    taken = learner.take()
    assert learner.tallies()["small"].pulls == 1.0
    learner.lost(taken)
    assert learner.tallies()["small"].pulls == 0.0


def test_a_burst_warms_up_every_arm() -> None:
    """Requests in flight count at once, also across a refresh: forced first pulls spread although no reward is back."""
    learner, describer = make_learner()
    x = np.zeros(describer.schema.dimension)
    x[describer.schema.bias] = 1.0
    rng = np.random.default_rng(3)
    chosen = []
    for i in range(10):
        chosen.append(learner.choose(x, [0, 1], rng).index)
        learner.reserve(("small", "large")[chosen[-1]])
        if i % 3 == 0:
            learner.observe(observation(describer.schema.dimension, i, reward=None), 0.0)
            learner.observe(
                Observation(arm_id="small", x=x, reward=None, tallies=Tallies(pulls=-1.0)), 0.0
            )  # together nothing, but enough to be refreshed
            learner.refresh(0.0)
    assert sorted(chosen) == [0] * 5 + [1] * 5


def test_a_settled_request_is_counted_once() -> None:
    """Between reserve, release and observe the number of tries is 1 throughout, then 1 for good."""
    learner, describer = make_learner()
    counts = [sum(learner._tries)]
    for step in (
        lambda: learner.reserve("small"),
        lambda: learner.release("small"),
        lambda: learner.observe(observation(describer.schema.dimension, 1), 0.0),
        lambda: learner.refresh(0.0),
    ):
        step()
        counts.append(sum(learner._tries))
    assert counts == [0.0, 1.0, 0.0, 1.0, 1.0]


def test_changed_totals_are_merged_and_old_ones_forgotten() -> None:
    """A partial read replaces only what it names; buckets past their time go although nobody names them."""
    learner, describer = make_learner(forgetting=Forgetting(half_life_s=80.0))
    d = describer.schema.dimension

    def part(pulls: float) -> ArmStatistics:
        return ArmStatistics(gram=np.zeros((d, d)), moment=np.zeros(d), tallies=Tallies(pulls=pulls))

    learner.pulled(Sums(version=1, totals={("small", 0): part(1), ("small", 50): part(2), ("large", 50): part(4)}), 500)
    learner.pulled(Sums(version=2, totals={("small", 50): part(3)}, whole=False), 500.0)
    assert (learner.tallies()["small"].pulls, learner.tallies()["large"].pulls) == (4.0, 4.0)
    learner.pulled(Sums(version=3, totals={}, whole=False), 1000.0)
    assert (learner.tallies()["small"].pulls, learner.tallies()["large"].pulls) == (3.0, 4.0)
    learner.pulled(Sums(version=1, totals={}), 1000.0)
    assert (learner.tallies()["small"].pulls, learner.tallies()["large"].pulls) == (0.0, 0.0)


def _request_learner() -> tuple[Learner, int]:
    learner, describer = make_learner(forgetting=Forgetting(half_life_requests=80.0))
    return learner, describer.schema.dimension


def test_requests_move_the_forgetting_clock() -> None:
    """Counted in requests, a bucket holds half_life/8 decisions, also across refreshes and pulls."""
    learner, d = _request_learner()
    store = Store()
    buckets = []
    for seed in range(45):
        buckets.append(learner.observe(observation(d, seed), now_s=0.0))
        if seed % 4 == 0:
            store.add(learner.take())
            learner.pulled(store.sums(), 0.0)
            learner.refresh(0.0)
    assert buckets == [i // 10 for i in range(45)]


def test_old_evidence_fades() -> None:
    """After many half-lives of contrary evidence the newer rewards decide the choice."""
    learner, d = _request_learner()
    x = np.zeros(d)
    x[0] = 1.0
    rng = np.random.default_rng(0)

    def teach(small: float, large: float) -> None:
        for _ in range(200):
            for arm_id, reward in (("small", small), ("large", large)):
                learner.observe(Observation(arm_id=arm_id, x=x, reward=reward, tallies=Tallies(pulls=1.0)), 0.0)
        learner.refresh(0.0)

    teach(0.9, 0.1)
    assert learner.choose(x, [0, 1], rng).ranked[0] == 0
    teach(0.1, 0.9)
    assert learner.choose(x, [0, 1], rng).ranked[0] == 1
