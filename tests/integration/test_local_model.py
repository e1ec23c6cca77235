"""The three local models are real and truly different, and their harness never leaks, races or skips."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from openai import BadRequestError, OpenAI

from tests.neighbours.local_model import (
    ROOT,
    SLOT_CONTEXT,
    SPECS,
    STUNTED,
    TRIMMED,
    WHOLE,
    LocalModel,
    local_models,
)
from tests.neighbours.questions import ANSWER_TOKENS, QUESTIONS

QUESTION = QUESTIONS[0].text


@pytest.fixture(scope="module")
def models() -> Iterator[tuple[LocalModel, ...]]:
    """All three, up for the whole file: starting them takes longer than most tests here."""
    with local_models() as running:
        yield running


def client_of(model: LocalModel) -> OpenAI:
    """The official client, without retries that would hide a failure."""
    return OpenAI(base_url=model.base_url, api_key="none", max_retries=0, timeout=60.0)


def answer(client: OpenAI, model: str, question: str) -> str:
    """The model's greedy answer."""
    completion = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        temperature=0,
        max_tokens=ANSWER_TOKENS,
    )
    return completion.choices[0].message.content or ""


def accuracy(model: LocalModel) -> float:
    """The share of the checkable questions answered rightly."""
    with client_of(model) as client:
        return sum(q.check(answer(client, model.alias, q.text)) for q in QUESTIONS) / len(QUESTIONS)


def run(code: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter at the repository's root."""
    return subprocess.run(
        [sys.executable, *flags, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; in a container nobody may reap an orphan, so a zombie counts as gone."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("index", range(len(SPECS)), ids=[spec.alias for spec in SPECS])
def test_answers_over_openais_wire(models: tuple[LocalModel, ...], index: int) -> None:
    """Each model answers by its own name, and says what the answer cost in tokens."""
    model = models[index]
    with client_of(model) as client:
        completion = client.chat.completions.create(
            model=model.alias,
            messages=[{"role": "user", "content": QUESTION}],
            temperature=0,
            max_tokens=ANSWER_TOKENS,
        )
        listed = [entry.id for entry in client.models.list()]
    assert listed == [model.alias]
    assert completion.model == model.alias
    assert completion.choices[0].message.content
    assert completion.usage is not None
    assert completion.usage.prompt_tokens > 0
    assert 0 < completion.usage.completion_tokens <= ANSWER_TOKENS
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


@pytest.mark.parametrize("index", range(len(SPECS)), ids=[spec.alias for spec in SPECS])
def test_streams_the_same_answer_token_by_token(models: tuple[LocalModel, ...], index: int) -> None:
    """At temperature 0 the streamed pieces add up to the whole answer, and the usage comes last when asked for."""
    model = models[index]
    with client_of(model) as client:
        whole = answer(client, model.alias, QUESTION)
        with client.chat.completions.create(
            model=model.alias,
            messages=[{"role": "user", "content": QUESTION}],
            temperature=0,
            max_tokens=ANSWER_TOKENS,
            stream=True,
            stream_options={"include_usage": True},
        ) as stream:
            chunks = list(stream)
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == whole
    assert sum(1 for piece in pieces if piece) > 1
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert 0 < chunks[-1].usage.completion_tokens <= ANSWER_TOKENS


def test_each_model_is_clearly_better_than_the_next(models: tuple[LocalModel, ...]) -> None:
    """A learner can tell the arms apart within a hundred requests: they differ by 0.2 and more in accuracy."""
    with ThreadPoolExecutor(len(models)) as pool:
        measured = dict(zip((model.alias for model in models), pool.map(accuracy, models), strict=True))
    assert measured[WHOLE.alias] >= 0.8, measured
    assert measured[WHOLE.alias] - measured[TRIMMED.alias] >= 0.2, measured
    assert measured[TRIMMED.alias] - measured[STUNTED.alias] >= 0.2, measured


def test_the_better_model_is_the_bigger_one(models: tuple[LocalModel, ...]) -> None:
    """Quality has a price here as in life: every model is smaller than the one before it."""
    sizes = [model.path.stat().st_size for model in models]
    assert sizes == sorted(set(sizes), reverse=True)


def test_a_prompt_over_the_context_is_the_callers_fault(models: tuple[LocalModel, ...]) -> None:
    """What cannot fit is refused with a 400, and the server goes on to answer what fits."""
    model = models[0]
    with client_of(model) as client:
        with pytest.raises(BadRequestError) as refused:
            answer(client, model.alias, "word " * (SLOT_CONTEXT + 1))
        assert refused.value.status_code == 400
        assert "context" in refused.value.message
        assert answer(client, model.alias, QUESTION)


def test_the_server_dies_with_its_owner() -> None:
    """A test process killed without a chance to clean up leaves no server behind."""
    code = (
        "import time; from tests.neighbours.local_model import LocalModel; "
        "print(LocalModel().pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        server = psutil.Process(int(owner.stdout.readline()))
        owner.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while alive(server):
        assert time.monotonic() < deadline, "the server outlived its owner"
        time.sleep(0.05)


def test_stop_ends_the_server_and_may_be_repeated() -> None:
    """After `stop` the process is gone, not merely asked to go."""
    model = LocalModel(STUNTED)
    model.stop()
    assert not psutil.pid_exists(model.pid)
    model.stop()


def test_two_processes_may_build_at_once(tmp_path: Path) -> None:
    """Both get the same whole file, and nothing half-written stays in the cache."""
    code = (
        "from pathlib import Path; from tests.neighbours.local_model import STUNTED, build; "
        f"print(build(STUNTED, Path({str(tmp_path)!r})))"
    )
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(run, (code, code))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stdout == second.stdout
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".gguf", ".lock"]
    with LocalModel(STUNTED, cache=tmp_path) as model, client_of(model) as client:
        assert answer(client, model.alias, QUESTION)


def test_missing_packages_fail_and_name_the_remedy() -> None:
    """Without the packages a test must fail and say how to install them; a skip would pass for a proof."""
    outcome = run("from tests.neighbours.local_model import LocalModel; LocalModel()", "-S")
    assert outcome.returncode != 0
    assert "NeighbourError" in outcome.stderr
    assert "uv sync --group dev" in outcome.stderr


def test_a_server_that_cannot_start_says_why() -> None:
    """A port in use is reported at once, with llama.cpp's own words, and not as a time-out."""
    with LocalModel(STUNTED) as holder:
        port = int(holder.address.rsplit(":", 1)[1])
        with pytest.raises(RuntimeError, match=r"ended with status \d+ before it was ready[\s\S]*log ends"):
            LocalModel(STUNTED, port=port)
