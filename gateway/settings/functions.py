"""A user's own function by its dotted path, `package.module:name`."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path

from gateway.core.reward import RewardFunction
from gateway.errors import ConfigurationError


def load_function(path: str) -> RewardFunction:
    """The callable behind `path`, looked for in the working directory as well; ConfigurationError if there is none.

    A function, an object that can be called, or a class of such objects that can be made without arguments.
    """
    module_name, _, name = path.partition(":")
    if not name.isidentifier() or not all(step.isidentifier() for step in module_name.split(".")):
        raise ConfigurationError([f"must read package.module:name, not {path!r}"])
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    module = _guarded(f"the module '{module_name}' cannot be imported", lambda: importlib.import_module(module_name))
    if not hasattr(module, name):
        raise ConfigurationError([f"the module '{module_name}' has no '{name}'"])
    found = getattr(module, name)
    if isinstance(found, type):
        found = _guarded(f"no object of the class '{path}' can be made without arguments", found)
    return _fitting(path, found)


def _guarded(what: str, action: Callable[[], object]) -> object:
    """Run the user's code, which may raise anything, and end the process as well."""
    try:
        return action()
    except (Exception, SystemExit) as error:
        raise ConfigurationError([f"{what}: {type(error).__name__}: {error}"]) from error


def _fitting(path: str, found: object) -> RewardFunction:
    """`found`, if it can be called as a reward is."""
    if not callable(found):
        raise ConfigurationError([f"'{path}' is of type {type(found).__name__}, not a function"])
    if inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(getattr(found, "__call__", None)):  # noqa: B004
        raise ConfigurationError([f"'{path}' is async; a reward is computed by a plain function"])
    try:
        inspect.signature(found).bind(None, None, {})
    except TypeError as error:
        raise ConfigurationError([f"'{path}' must take three arguments: outcome, feedback, parts ({error})"]) from error
    except ValueError:
        pass  # built-in callables have no signature to look at
    function: RewardFunction = found
    return function
