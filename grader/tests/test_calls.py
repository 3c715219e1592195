import itertools
import time
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from coursegrader.calls import Calls, describe, describe_call


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, 0.1, "a", None, True], "[1, 0.1, 'a', None, True]"),
        ({"a": (1,), 2: set()}, "{'a': (1,), 2: set()}"),
        (np.array([[0, 7], [5, 4]], "uint8"), "[[0, 7], [5, 4]] (uint8, 2 × 2)"),
        (np.array([0.1, np.nan]), "[0.1, nan] (float64, 2 elements)"),
        (np.float32(0.1), "0.1"),
        (np.zeros((0, 3)), "[] (float64, 0 × 3)"),
        (Fraction(1, 3), "1/3"),
        (np.random.default_rng(), "a random generator"),
        (iter([]), "an iterator"),
        (len, "the function len"),
        (10**400, "an integer of 1329 bits"),
        ("\x1b[2J\u202e", "'\\x1b[2J\\u202e'"),
    ],
)
def test_values_are_described_as_code_would_write_them(value: Any, text: str) -> None:
    assert describe(value) == text


def test_large_array_is_described_by_its_range_and_shape() -> None:
    text = describe(np.arange(50_000.0).reshape(50, 1000))
    assert text.startswith("[[0, 1, 2, ")
    assert text.endswith("… (float64, 50 × 1000, from 0 to 49999)")
    assert len(text) < 200


def test_description_of_a_hostile_value_is_short_and_fast() -> None:
    """An answer may return anything that JSON can hold."""
    nested: list[Any] = []
    for _ in range(900):
        nested = [nested]
    start = time.monotonic()
    for value in (nested, ["\x1b]0;x\x07"] * 10**6, "a" * 10**7, np.zeros((10**6, 8))):
        text = describe(value)
        assert len(text) <= 240
        assert text.isprintable()
    assert time.monotonic() - start < 1


def test_value_that_cannot_be_described_fails_no_test() -> None:
    class Symbol:
        def __array__(self) -> None:
            raise ValueError("has no value yet")

    assert describe([1, Symbol()]) == "an object of type list"
    assert describe(Symbol()) == "an object of type Symbol"


def test_call_is_recorded_as_it_was_made_and_with_its_outcome() -> None:
    calls = Calls(2)

    def answer(values: Any, *, most: int) -> Any:
        if most > 2:
            raise ValueError("too\x1b[31m much\nand more")
        return values.sum()

    watched = calls.watch("answer", answer)
    values = np.ones(2)
    for most in itertools.chain([0, 1]):
        watched(values, most=most)
    values[:] = 9
    with pytest.raises(ValueError, match="too"):
        watched(values, most=3)
    assert [str(call) for call in calls.last] == [
        "answer([1, 1] (float64, 2 elements), most=1) returned 2.0",
        "answer([9, 9] (float64, 2 elements), most=3) raised ValueError: too�[31m much",
    ]
    assert calls.made == 3


def test_call_with_many_arguments_is_cut() -> None:
    text = describe_call("f", ["a" * 200] * 9, {})
    assert len(text) < 620
    assert text.endswith("…)")
