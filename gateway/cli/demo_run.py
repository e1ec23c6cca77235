"""The demo's world in this process: providers, the gateway in front of them, and a run of traffic through it."""

from __future__ import annotations

import asyncio
import secrets
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from gateway.app import Gateway
from gateway.demo.configuration import REWARD, configuration, degradation
from gateway.demo.ledger import Run, ledger
from gateway.demo.profiles import PROFILES, SCHOLAR, Degradation
from gateway.demo.providers import SimulatedProvider
from gateway.demo.questions import Question, by_prompt, draw_questions
from gateway.demo.traffic import Row, Traffic
from gateway.settings.schema import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run."""

    requests: int
    seed: int
    algorithm: str
    drift: str | None = None
    """The model that is to become worse halfway."""
    feedback_share: float = 1.0
    port: int = 0
    """The gateway's port; 0: any that is free."""

    @property
    def degradation(self) -> Degradation | None:
        """The drift, if there is one."""
        return degradation(self.requests, self.drift) if self.drift else None


@asynccontextmanager
async def world(plan: Plan, questions: Sequence[Question]) -> AsyncIterator[str]:
    """The providers and the gateway in front of them; yields the gateway's URL."""
    async with AsyncExitStack() as open_doors:
        folder = open_doors.enter_context(tempfile.TemporaryDirectory(prefix="gateway-demo-"))
        key, registry, addresses = secrets.token_hex(16), by_prompt(questions), {}
        for profile in PROFILES:
            provider = SimulatedProvider(profile, registry, key=key, seed=plan.seed, degradation=plan.degradation)
            await open_doors.enter_async_context(provider)
            addresses[profile.id] = provider.base_url
        document = configuration(addresses, key=key, algorithm=plan.algorithm, folder=Path(folder), port=plan.port)
        gateway = Gateway(Settings.model_validate(document), seed=plan.seed)
        open_doors.push_async_callback(gateway.stop)
        port = await gateway.start()
        yield f"http://127.0.0.1:{port}"


def traffic(url: str, *, model: str = "auto", feedback_share: float = 1.0) -> Traffic:
    """The demo's clients in front of a gateway."""
    prices = {profile.id: (profile.input_usd_per_million, profile.output_usd_per_million) for profile in PROFILES}
    return Traffic(url=url, prices=prices, model=model, feedback_share=feedback_share)


async def perform(
    plan: Plan,
    seen: Callable[[Row], None],
    then: Callable[[Run, str], None] | None = None,
    over: asyncio.Event | None = None,
) -> Run:
    """One run; `seen` gets every row. With `then` the gateway goes on serving afterwards: it gets the run and the URL.

    That ends with `over`, or with SIGINT or SIGTERM if there is none.
    """
    questions = draw_questions(plan.requests, plan.seed)
    async with world(plan, questions) as url:
        clients = traffic(url, feedback_share=plan.feedback_share)
        await clients.ready()
        began_s = time.monotonic()
        rows = await clients.drive(questions, seen)
        seconds = time.monotonic() - began_s
        books = ledger(
            PROFILES, questions, REWARD, seed=plan.seed, baseline=SCHOLAR.id, degradation=plan.degradation
        )  # fmt: skip
        run = Run(
            algorithm=plan.algorithm,
            seed=plan.seed,
            rows=rows,
            ledger=books,
            drift=plan.degradation,
            seconds=seconds,
        )
        if then is not None:
            then(run, url)
            await (over or _signalled()).wait()
    return run


def _signalled() -> asyncio.Event:
    over = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, over.set)
    return over


def run_here(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in this process, on uvloop where it is installed, as the gateway does."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def perform_all(
    plan: Plan, seeds: int | None, tell: Callable[[Mapping[str, Sequence[Run]], str | None], None], *, keep: bool
) -> None:
    """Run the plan, or `seeds` seeds of it and of Thompson without context, under a progress bar; then `tell`.

    With `keep` the gateway is still there while and after `tell` has its URL.
    """
    plans = [plan]
    if seeds is not None:
        names = dict.fromkeys((plan.algorithm, "thompson"))
        plans = [replace(plan, algorithm=name, seed=plan.seed + i) for name in names for i in range(seeds)]
    runs: dict[str, list[Run]] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:

        def told(run: Run, url: str) -> None:
            progress.stop()
            tell({run.algorithm: [run]}, url)

        for each in plans:
            bar = progress.add_task(f"{each.algorithm}, seed {each.seed}", total=each.requests)
            work = perform(each, _advance(progress, bar), told if keep else None)
            runs.setdefault(each.algorithm, []).append(run_here(work))
            progress.remove_task(bar)
    if not keep:
        tell(runs, None)


def _advance(progress: Progress, bar: TaskID) -> Callable[[Row], None]:
    return lambda _: progress.advance(bar)
