"""Logs: JSON off a terminal, one line per event, and neither a key nor a prompt in any of them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from gateway.adapters.structlog_logging import Redaction

ROOT = Path(__file__).parents[3]
CANARY = "canary-s3cret/+='\"\\x"
"""A key with everything that JSON and addresses write in their own way."""
PROMPT = "canary prompt, with a line\nbreak"


def run(script: str, *, level: str = "info", format: str = "auto", expect: int = 0) -> str:
    """Standard error of a process that configures logging and then does what the script says."""
    begin = f"""
        import logging, sys, warnings
        import structlog
        from gateway.adapters.structlog_logging import configure
        CANARY = {CANARY!r}
        PROMPT = {PROMPT!r}
        configure({level!r}, {format!r}, secrets=[CANARY, "a"])
        log = structlog.get_logger()
    """
    source = textwrap.dedent(begin) + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == expect, done.stderr.decode()
    return done.stderr.decode()


def events(script: str, *, level: str = "info", expect: int = 0) -> list[dict[str, Any]]:
    """The same, where every line has to be a JSON object."""
    return [json.loads(line) for line in run(script, level=level, expect=expect).splitlines()]


def test_off_a_terminal_every_event_is_one_line_of_json() -> None:
    """Ours, the libraries', warnings, errors with tracebacks: whoever collects logs parses line by line."""
    found = events(
        """
        log.info("decision_made", arm="small", nested={"a": [1, 2]}, odd=object(), text="two\\nlines")
        logging.getLogger("aiohttp.server").error("Error handling request\\nfrom %s", "10.0.0.1")
        logging.getLogger("asyncio").warning("slow")
        warnings.warn("old", stacklevel=1)
        try:
            raise OSError("disk\\nfull")
        except OSError:
            log.exception("background_task_failed", task="sync")
            logging.getLogger("aiohttp.server").exception("Unhandled")
        """
    )
    assert [entry["event"].splitlines()[0] for entry in found] == [
        "decision_made",
        "Error handling request",
        "slow",
        "<string>:13: UserWarning: old",
        "background_task_failed",
        "Unhandled",
    ]
    assert {"level", "timestamp"} <= found[0].keys()
    assert found[0]["text"] == "two\nlines"
    assert (found[1]["logger"], found[1]["level"]) == ("aiohttp.server", "error")
    assert all(entry["exception"].endswith("OSError: disk\nfull") for entry in found[4:])


def test_levels_hold_for_our_own_events() -> None:
    """`log.level` chooses what we say."""
    script = 'log.debug("a"); log.info("b"); log.warning("c"); log.error("d")'
    said = {level: [entry["event"] for entry in events(script, level=level)] for level in ("debug", "info", "error")}
    assert said == {"debug": ["a", "b", "c", "d"], "info": ["b", "c", "d"], "error": ["d"]}


def test_libraries_speak_only_when_something_is_wrong() -> None:
    """Whatever our level is and theirs: httpx logs addresses with keys, openai whole bodies with prompts."""
    said = run(
        """
        for name in ("httpx", "openai", "openai._base_client", "LiteLLM", "aiohttp.access", "anything"):
            logging.getLogger(name).setLevel(logging.DEBUG)
            logging.getLogger(name).debug("Request options: %s", PROMPT)
            logging.getLogger(name).info("HTTP Request: POST %s", PROMPT)
        """,
        level="debug",
    )
    assert said == ""


WAYS = """
log.info("plain", value=CANARY)
log.info("inside", detail="the key " + CANARY + " was refused")
log.info("nested", headers={"Authorization": "Bearer " + CANARY, "list": [{"x": (CANARY,)}, {CANARY}]})
log.info("event " + CANARY)
log.info("named", api_key="short", key="shrt", password="pw-1", admin_key=12345, Authorization="x")
log.info("objects", odd=type("Odd", (), {"__repr__": lambda self: "Odd(" + CANARY + ")"})())
log.info("address", url="https://x/v1?key=" + __import__("urllib.parse").parse.quote(CANARY, safe=""))
log.info("quoted", text=repr(CANARY), body=__import__("json").dumps({"a": CANARY}))
logging.getLogger("aiohttp.client").warning("retry with %s", CANARY)
logging.getLogger("aiohttp.client").warning("args %(a)s", {"a": CANARY})
structlog.contextvars.bind_contextvars(tenant_key=CANARY)
log.info("context")
structlog.contextvars.clear_contextvars()
try:
    try:
        raise ConnectionError("proxy said " + CANARY)
    except ConnectionError as error:
        raise RuntimeError("cannot connect: " + CANARY) from error
except RuntimeError:
    log.exception("failed", note=CANARY)
    logging.getLogger("aiohttp.server").exception("failed with " + CANARY)
warnings.warn("found " + CANARY, stacklevel=1)
"""


@pytest.mark.parametrize("format", ["json", "console"])
def test_no_configured_key_is_ever_written(format: str) -> None:
    """In a value, an event, a nested value, an object's text, an address, an exception, another library's record."""
    said = run(WAYS, format=format)
    assert said.count("***") >= 16
    for piece in ("canary", "s3cret", "shrt", "pw-1", "12345"):
        assert piece not in said


def test_a_key_that_no_one_configured_is_known_by_its_looks() -> None:
    """Providers' keys come from the environment as well, and clients send wrong ones."""
    shapes = [
        "Authorization: Bearer abcdef.ghi-jkl",
        "authorization='Bearer abcdefghi'",
        "sk-proj-abcdefghijklm",
        "Incorrect API key provided: sk-abc***********xyz.",
        "gsk_abcdefghijkl",
        "AIzaSyA-abcdefghijkl",
        "POST https://host/v1/models?key=abcdefghi&alt=sse",
        'x-api-key: abcdefghi, {"api_key": "abcdefghi"}',
        r"{\"api_key\": \"abcdefghi\"}",
        "redis://user:abcdefghi@host/0",
    ]
    redaction = Redaction()
    for shape in shapes:
        said = redaction.text(shape)
        assert "***" in said, shape
        assert not {"abcdef", "ghi"} & {said[i : i + n] for n in (3, 6) for i in range(len(said))}, said


@pytest.mark.parametrize(
    "text",
    [
        "request_settled tokens_in=12 tokens_out=5 cost_usd=0.0001",
        "http://127.0.0.1:8080/v1/chat/completions",
        "a task-specific desk-clerk, an api key is missing, set admin_key in the configuration",
        "dec_21a47cc30fbfb9d2b5229d0e0ca287da upstream_unreachable",
        "user@example.com wrote: x",
    ],
)
def test_what_is_no_key_stays_readable(text: str) -> None:
    """A log that blanks out everything tells nothing."""
    assert Redaction(["abc", "small"]).text(text) == text


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_foreign_errors_text_is_not_written(format: str) -> None:
    """A ValueError or a library's own error quotes what it choked on; kind and place are enough to find it."""
    said = run(
        """
        def parse(prompt):
            local = {"messages": prompt}
            try:
                int(prompt)
            except ValueError as error:
                raise KeyError(prompt) from error

        class ProviderError(Exception):
            pass

        try:
            try:
                parse(PROMPT)
            except KeyError as error:
                raise ExceptionGroup(PROMPT, [ProviderError(PROMPT), TypeError("bad type")])
        except ExceptionGroup:
            log.exception("request_failed")
        """,
        format=format,
    )
    assert "canary prompt" not in said
    for kind in ("KeyError", "ValueError", "ProviderError", "in parse"):
        assert kind in said
    assert "TypeError: bad type" in said


def test_a_record_that_cannot_be_formatted_does_not_print_its_arguments() -> None:
    """The standard library's way out is to print the arguments to standard error."""
    assert "canary" not in run("""logging.getLogger("x").warning("%d", PROMPT); log.info("end")""")


def test_uncaught_errors_are_events_as_well() -> None:
    """What ends the process, or a thread, is one line with its reason."""
    (entry,) = events("raise OSError('no disk ' + CANARY)", expect=1)
    assert (entry["event"], entry["level"]) == ("process_failed", "critical")
    assert entry["exception"].endswith("OSError: no disk ***")
    (entry,) = events("import threading; t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()")
    assert "ZeroDivisionError" in entry["exception"]


def test_a_closed_standard_error_stops_nothing() -> None:
    """A log that cannot be written must not fail the request that writes it."""
    assert run("sys.stderr.close(); log.error('x'); logging.getLogger('y').error('z')") == ""


def test_on_a_terminal_it_is_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` asks whether somebody is looking."""
    # A terminal of our own: what counts is the question, not the answer's colours.
    script = """
    class Terminal(type(sys.stderr)):
        def isatty(self): return True
    sys.stderr = Terminal(sys.stderr.buffer)
    configure("info", "auto")
    structlog.get_logger().info("gateway_listening", url="http://x")
    """
    monkeypatch.setenv("NO_COLOR", "1")
    said = run(script)
    with pytest.raises(json.JSONDecodeError):
        json.loads(said)
    assert "gateway_listening" in said


def test_each_event_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several workers share one standard error: a line written in two pieces is torn apart."""
    from gateway.adapters.structlog_logging import _Lines

    class Counting(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            return super().write(text)

    stream = Counting()
    monkeypatch.setattr(sys, "stderr", stream)
    _Lines().msg("x" * 100_000)
    assert (stream.writes, stream.getvalue()[-2:]) == (1, "x\n")
