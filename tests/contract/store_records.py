"""The contract of the state store, part one: batches are stored whole, once, and found again."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import numpy as np
import pytest

from gateway.core.statistics import ArmStatistics, Tallies
from gateway.flows.ports import StateStore
from tests.builders import (
    NOW_S,
    make_batch,
    make_context,
    make_decision,
    make_delta,
    make_outcome,
    make_reward,
    make_settled,
    make_statistics,
    plain,
    vector,
)
from tests.contract.store_fixtures import Connect, StoreFixtures, found, sums, total

NAN, INF = math.nan, math.inf


def statistics_of(d: int, number: float) -> ArmStatistics:
    return ArmStatistics(gram=np.full((d, d), number), moment=np.zeros(d), tallies=Tallies())


REFUSED: dict[str, dict[str, Any]] = {
    "gram": {"deltas": (make_delta(arm_id="large", statistics=statistics_of(3, NAN)),)},
    "tally": {
        "deltas": (
            make_delta(
                statistics=ArmStatistics(gram=np.zeros((3, 3)), moment=np.zeros(3), tallies=Tallies(cost_usd=INF))
            ),
        )
    },
    "shape": {
        "deltas": (make_delta(statistics=ArmStatistics(gram=np.zeros((1, 1)), moment=np.zeros(3), tallies=Tallies())),)
    },
    "features": {"decisions": (make_decision(context=make_context(features=vector(1.0, NAN, 0.0))),)},
    "score": {"decisions": (make_decision(scores={"small": INF}),)},
    "reward": {"settled": (make_settled(reward=make_reward(NAN)),)},
    "range": {"settled": (make_settled(reward=make_reward(1.5)),)},
    "part": {"settled": (make_settled(reward=make_reward(parts={"cost": -INF})),)},
    "cost": {"settled": (make_settled(outcome=make_outcome(cost_usd=INF)),)},
}


class RecordContract(StoreFixtures):
    """`record`, `find` and `recent`."""

    async def test_a_batch_is_found_again_exactly(self, store: StateStore) -> None:
        """What was recorded comes back with every field as it was, the feature vector to the last bit."""
        batch = make_batch(features=vector(0.1, 1 / 3, -0.0, 5e-324))
        assert list(await store.record(batch)) == []
        record = await found(store)
        assert plain(record.decision) == plain(batch.decisions[0])
        assert plain(record.settled) == plain(batch.settled[0])
        assert record.feedback is None

    async def test_an_outcome_that_teaches_nothing_is_kept(self, store: StateStore) -> None:
        """No reward, no state key and no completion id are kept as such."""
        settled = make_settled(completion_id=None, reward=None, key=None)
        await store.record(make_batch(settled=(settled,), deltas=()))
        assert plain((await found(store)).settled) == plain(settled)

    async def test_a_decision_is_there_before_its_outcome(self, store: StateStore) -> None:
        """A decision and its outcome may come in different batches; in between it is not settled."""
        batch = make_batch()
        await store.record(make_batch(settled=(), deltas=()))
        assert (await found(store)).settled is None
        await store.record(make_batch(id="later", decisions=(), settled=batch.settled))
        assert plain((await found(store)).settled) == plain(batch.settled[0])

    async def test_a_record_is_found_by_its_completion(self, store: StateStore) -> None:
        """Clients that know only the completion's own id can rate it."""
        await store.record(make_batch("a"))
        await store.record(make_batch("b"))
        assert (await found(store, "chatcmpl-a")).decision.id == "a"

    async def test_a_decision_id_comes_before_a_completion_id(self, store: StateStore) -> None:
        """A provider cannot shadow a decision by naming its completion like it."""
        await store.record(make_batch("a"))
        await store.record(make_batch("b", settled=(make_settled(decision_id="b", completion_id="a"),)))
        assert (await found(store, "a")).decision.id == "a"

    async def test_the_newest_of_equal_completion_ids_is_found(self, store: StateStore) -> None:
        """Some providers number their completions from 1 after each start."""
        for id, created_s in (("new", NOW_S + 2), ("old", NOW_S + 1)):
            decision = make_decision(id=id, created_s=created_s)
            settled = make_settled(decision_id=id, completion_id="chatcmpl-1")
            await store.record(make_batch(id, decisions=(decision,), settled=(settled,)))
        assert (await found(store, "chatcmpl-1")).decision.id == "new"

    async def test_a_tenant_finds_only_its_own(self, store: StateStore) -> None:
        """Another tenant's newer record with the same completion id neither shows nor hides."""
        for id, tenant, created_s in (("mine", "a", NOW_S + 1), ("theirs", "b", NOW_S + 2)):
            decision = make_decision(id=id, tenant=tenant, created_s=created_s)
            settled = make_settled(decision_id=id, completion_id="chatcmpl-1")
            await store.record(make_batch(id, decisions=(decision,), settled=(settled,)))
        mine = await store.find("chatcmpl-1", "a")
        assert mine is not None
        assert mine.decision.id == "mine"
        assert await store.find("theirs", "a") is None
        assert await store.find("chatcmpl-1", "c") is None

    @pytest.mark.parametrize("id", ["dec-2", "", "' OR 1=1 --", "dec-1\x00", "\ud800", "x" * 100_000])
    async def test_what_is_unknown_is_not_found(self, store: StateStore, id: str) -> None:
        """Whatever a client sends as an id, an unknown one is no error."""
        await store.record(make_batch())
        assert await store.find(id) is None

    async def test_text_that_no_encoding_has_does_not_stop_a_batch(self, store: StateStore) -> None:
        """A lone surrogate, from a client's header or a provider's escapes, costs a character, not the batch."""
        settled = make_settled(completion_id="chat\udcff")
        await store.record(make_batch(decisions=(make_decision(unit="\ud800"),), settled=(settled,)))
        assert (await found(store, "chat\udcff")).decision.unit == "?"

    async def test_a_batch_sent_twice_counts_once(self, store: StateStore) -> None:
        """A lost reply is answered by sending again: nothing is added again."""
        await store.record(make_batch())
        once = plain(await sums(store))
        await store.record(make_batch())
        assert plain(await sums(store)) == once

    async def test_a_batch_sent_by_many_at_once_counts_once(self, connect: Connect) -> None:
        """The check of the id and its effect are one step, between replicas as well."""
        first, second = await connect(), await connect()
        await asyncio.gather(*(store.record(make_batch()) for store in (first, second) * 10))
        assert plain(await total(first)) == plain(make_statistics())

    async def test_batches_at_once_all_count(self, connect: Connect) -> None:
        """Concurrent additions to the same sums do not overwrite each other."""
        stores = [await connect() for _ in range(2)]
        await asyncio.gather(*(stores[n % 2].record(make_batch(str(n), reward=0.5)) for n in range(100)))
        assert (await total(stores[0])).tallies.pulls == 100.0
        assert (await total(stores[1])).moment.tolist() == [50.0, 25.0, -12.5]

    async def test_the_first_outcome_and_decision_stay(self, store: StateStore) -> None:
        """A decision settles once: what comes later under its id does not replace it."""
        batch = make_batch()
        await store.record(batch)
        second = make_settled(outcome=make_outcome(arm_id="large"), reward=None)
        await store.record(make_batch(id="again", decisions=(make_decision(reason="other"),), settled=(second,)))
        record = await found(store)
        assert plain((record.decision, record.settled)) == plain((batch.decisions[0], batch.settled[0]))

    async def test_an_outcome_without_decision_is_ignored(self, store: StateStore) -> None:
        """Its decision was dropped or trimmed; what it taught counts, but there is nothing to find or revise."""
        await store.record(make_batch(decisions=()))
        assert await store.find("dec-1") is None
        assert await store.find("chatcmpl-dec-1") is None
        assert plain(await total(store)) == plain(make_statistics())

    @pytest.mark.parametrize("reason", REFUSED)
    async def test_a_poisoned_batch_is_refused_whole(self, store: StateStore, reason: str) -> None:
        """A number that is not finite is a ValueError, and not even the good parts of its batch are written."""
        with pytest.raises(ValueError, match=r"finite|\[0, 1\]|shape"):
            await store.record(make_batch(**REFUSED[reason]))
        assert await store.find("dec-1") is None
        assert await store.sums(make_delta().key, 0) is None
        await store.record(make_batch())
        assert plain(await total(store)) == plain(make_statistics())

    async def test_a_refused_batch_takes_no_other_with_it(self, store: StateStore) -> None:
        """Batches that wait together fail each for itself."""
        poison = make_batch("bad", **REFUSED["gram"])
        answers = await asyncio.gather(
            *(store.record(poison if n % 3 == 1 else make_batch(str(n), reward=0.5)) for n in range(30)),
            return_exceptions=True,
        )
        assert [isinstance(answer, ValueError) for answer in answers] == [n % 3 == 1 for n in range(30)]
        assert (await total(store)).tallies.pulls == 20.0

    async def test_sums_of_another_dimension_are_refused(self, store: StateStore) -> None:
        """Under one key all sums have one dimension; another is a mistake of the sender's."""
        await store.record(make_batch())
        with pytest.raises(ValueError, match="dimension 2"):
            await store.record(make_batch("other", features=vector(1.0, 2.0)))
        assert plain(await total(store)) == plain(make_statistics())

    async def test_sums_never_overflow(self, store: StateStore) -> None:
        """Two finite numbers whose sum is not finite are refused; the stored sums stay."""
        huge = make_delta(statistics=statistics_of(3, 1e308))
        await store.record(make_batch("a", deltas=(huge,)))
        with pytest.raises(ValueError, match="finite"):
            await store.record(make_batch("b", deltas=(huge,)))
        assert plain(await total(store)) == plain(huge.statistics)

    async def test_recent_is_newest_first(self, store: StateStore) -> None:
        """The newest decisions of one policy, at most as many as asked for."""
        times = {"b": 2.0, "d": 4.0, "a": 1.0, "c": 3.0}
        decisions = [make_decision(id=id, created_s=NOW_S + s) for id, s in times.items()]
        other = make_decision(id="other", policy="other", created_s=NOW_S + 9)
        await store.record(make_batch(decisions=(*decisions, other), settled=(), deltas=()))
        assert [record.decision.id for record in await store.recent("default", 3)] == ["d", "c", "b"]
        assert [record.decision.id for record in await store.recent("other", 3)] == ["other"]
        assert list(await store.recent("default", 0)) == []
        assert list(await store.recent("unknown", 3)) == []
