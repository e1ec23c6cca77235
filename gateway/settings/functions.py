"""A user's own function by its dotted path, `package.module:name`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from gateway.core.reward import RewardFunction
from gateway.errors import ConfigurationError


def load_function(path: str) -> RewardFunction:
    """The callable behind `path`, looked for in the working directory as well; ConfigurationError if there is none."""
    module_name, _, name = path.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError([f"the function '{path}' cannot be loaded: {error}"]) from error
    if not callable(found):
        raise ConfigurationError([f"'{path}' is {type(found).__name__}, not a function"])
    function: RewardFunction = found
    return function
