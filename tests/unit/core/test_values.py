"""Values: frozen, slotted, built by keyword."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from gateway.core import values
from gateway.core.values import Price

KINDS = [kind for _, kind in inspect.getmembers(values, dataclasses.is_dataclass)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_value_is_frozen_slotted_and_by_keyword(kind: type) -> None:
    """A value that travels between rooms cannot be changed on the way, and no field is told by position."""
    parameters = kind.__dataclass_params__  # type: ignore[attr-defined]
    assert parameters.frozen
    assert "__slots__" in kind.__dict__
    assert all(field.kw_only for field in dataclasses.fields(kind))


def test_a_price_charges_both_directions() -> None:
    """tokens_in x input + tokens_out x output, in USD."""
    assert Price(input_usd=1e-6, output_usd=3e-6).cost_usd(1000, 10) == pytest.approx(0.00103)
