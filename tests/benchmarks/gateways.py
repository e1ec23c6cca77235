"""What is measured: each gateway's command, configuration and address, ours and those of others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import yaml

ROOT = Path(__file__).parents[2]
_EVERYTHING = (
    "checks a key, describes the request, chooses among three arms with LinUCB, scores the answer, learns from it, "
    "keeps the decision and its outcome in SQLite, counts and logs it"
)
KEY = "sk-benchmark-key-0123456789"
"""The client's key, which every gateway that has keys checks."""
MODELS = ("m1", "m2", "m3")
Lane = Literal["direct", "litellm"]


class Unavailable(Exception):  # noqa: N818 # a state of the machine, told in the table
    """This gateway cannot be measured here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a gateway, and how to talk to it."""

    command: tuple[str, ...]
    url: str
    """Where to POST; empty where the process says it (`says_url`)."""
    says_url: str = ""
    """A pattern whose first group in the output is the address, but for the /chat/completions at its end."""
    model: str = "auto"
    headers: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    """For its environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Something to measure."""

    name: str
    title: str
    kind: Literal["ours", "peer", "limit", "direct"]
    launch: Callable[[Path, int, int], Launch] | None
    """From a fresh folder, its port and the provider's port; None: the provider itself, nothing between."""
    install: Callable[[], str]
    """Gives the version, and installs what is missing; Unavailable where that fails."""
    workers: int = 1
    note: str = ""
    """What a reader of its figures should know."""


DIRECT = Gateway(name="direct", title="no gateway", kind="direct", launch=None, install=lambda: "")


def ours(*, lane: Lane = "direct", workers: int = 1, source: Path = ROOT, name: str = "", title: str = "") -> Gateway:
    """Our gateway as in production: keys, `auto` over three arms, LinUCB learning, SQLite, metrics and log on.

    `source` is the checkout it runs from. Where that does not know the direct lane, the other is taken, and said.
    """
    suffix = ("" if lane == "direct" else f"-{lane}") + ("" if workers == 1 else f"-{workers}")
    called = f"ours, {lane} lane" + ("" if workers == 1 else f", {workers} workers")

    def launch(folder: Path, port: int, upstream: int) -> Launch:
        path = folder / "gateway.yaml"
        path.write_text(yaml.safe_dump(configuration(folder, port, upstream, lane=lane, workers=workers)))
        line = (sys.executable, "-m", "gateway", "serve", "--config", str(path))
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        return Launch(command=line, url=url, extra={"PYTHONPATH": str(source)})

    def install() -> str:
        if lane == "direct" and not _knows_direct_lane(source):
            raise Unavailable("this version of the gateway has no direct lane")
        return ""  # the table tells the commit

    return Gateway(
        name=name or f"ours{suffix}",
        title=title or called,
        kind="ours",
        note=_EVERYTHING if lane == "direct" and workers == 1 else "",
        launch=launch,
        install=install,
        workers=workers,
    )


def configuration(folder: Path, port: int, upstream: int, *, lane: Lane, workers: int) -> dict[str, object]:
    """Everything on that a production configuration has on."""
    prices = {"m1": (0.15, 0.60), "m2": (0.50, 1.50), "m3": (2.50, 10.00)}
    models = [
        {
            "id": name,
            "model": f"openai/{name}",
            "api_base": f"http://127.0.0.1:{upstream}/v1",
            "api_key": "sk-upstream",
            "lane": lane,
            "price": {"input_usd_per_million": paid_in, "output_usd_per_million": paid_out},
        }
        for name, (paid_in, paid_out) in prices.items()
    ]
    policy = {
        "models": list(prices),
        "baseline": "m3",
        "algorithm": {"kind": "linucb", "alpha": 0.05, "exploration_floor": 0.02},
        "reward": {"preset": "balanced", "max_cost_usd": 0.02, "max_latency_s": 15},
        "rollout": {"stage": "full"},
    }
    return {
        "server": {"host": "127.0.0.1", "port": port, "workers": workers},
        "store": f"sqlite:///{folder}/gateway.db",
        "keys": [{"tenant": "benchmark", "key": KEY}],
        "models": models,
        "policies": {"default": policy},
        "log": {"level": "info", "format": "json"},
    }


def _knows_direct_lane(source: Path) -> bool:
    text = yaml.safe_dump(configuration(Path("/tmp"), 8080, 9000, lane="direct", workers=1))
    line = [sys.executable, "-m", "gateway", "check", "--config", "/dev/stdin"]
    return subprocess.run(line, input=text, text=True, cwd=source, capture_output=True, check=False).returncode == 0


def limit(kind: Literal["bytes", "aiohttp"]) -> Gateway:
    """A proxy that does nothing with the request: what Python itself costs here."""
    titles = {"bytes": "limit: bytes through", "aiohttp": "limit: aiohttp both sides"}

    def launch(_folder: Path, port: int, upstream: int) -> Launch:
        module = ("-m", "tests.benchmarks.limits", kind)
        line = (sys.executable, *module, "--port", str(port), "--upstream", f"127.0.0.1:{upstream}")
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        return Launch(command=line, url=url, extra={"PYTHONPATH": str(ROOT)})

    return Gateway(
        name=f"limit-{kind}",
        title=titles[kind],
        kind="limit",
        launch=launch,
        install=lambda: "" if kind == "bytes" else version("aiohttp"),
    )
