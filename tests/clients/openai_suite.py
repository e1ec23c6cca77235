"""The official OpenAI client against a running gateway: every check, with one JSON line for each on standard output.

It runs in an environment of its own (`environment.py`), from the root of the project:

    python -m tests.clients.openai_suite URL --closed-url URL --desk-url URL --key KEY --admin-key KEY [CHECK ...]

The gateway and the provider behind it are set up by tests/contract/test_openai_client.py.
"""

import argparse
import asyncio
import inspect
import json
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from tests.clients import answer_checks, error_checks, gateway_checks
from tests.clients.world import World

PREFIX = "check_"
LONGEST_DETAIL = 8000


def checks() -> dict[str, Callable[[World], Any]]:
    """Every check by its name, in the order of the files."""
    return {
        name.removeprefix(PREFIX): check
        for module in (answer_checks, gateway_checks, error_checks)
        for name, check in vars(module).items()
        if name.startswith(PREFIX)
    }


def run(name: str, check: Callable[[World], Any], world: World) -> dict[str, object]:
    """One check's line: its name, whether it held, and how it did not."""
    began, detail = time.monotonic(), ""
    try:
        said = check(world)
        if inspect.iscoroutine(said):
            asyncio.run(said)
    except Exception as error:
        # With the values of the local names: here no pytest shows what an assertion compared.
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        detail = "".join(shown.format())[-LONGEST_DETAIL:]
    return {"name": name, "ok": not detail, "detail": detail, "seconds": round(time.monotonic() - began, 3)}


def main() -> None:
    """Run what the command line names, or everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    for option in ("--closed-url", "--desk-url", "--key", "--admin-key"):
        parser.add_argument(option, required=True)
    parser.add_argument("check", nargs="*")
    given = vars(parser.parse_args())
    chosen = given.pop("check")
    world = World(**given)
    for name, check in checks().items():
        if not chosen or name in chosen:
            sys.stdout.write(json.dumps(run(name, check, world)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
