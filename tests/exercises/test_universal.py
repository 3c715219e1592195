"""Answers that know nothing of the question win no hidden test of any exercise."""

import ast
import warnings
from typing import Any

import numpy as np
import pytest
from test_book_exercises import EXERCISES, TRAINS

from coursegrader import grade
from coursegrader.exercises import defined_names

# An array without elements equals any other that it can be spread over: np.allclose is true of it, as all() is.
EMPTY = [np.empty((0, 1)), np.empty(0), np.empty((0, 1), int), np.empty((0, 1, 1)), np.empty((0, 1), bool)]
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 0.5, 10**9, 2**63, 1e308, np.nan, np.inf, "", [], (), {}, set(), [[]],
    np.ones(1), np.zeros((1, 1)), np.array([np.nan]), (np.nan, np.nan), (0, 0), (0, 0, 0),
    dict.fromkeys(range(10), np.nan),
    *EMPTY, (EMPTY[0],) * 2, (EMPTY[0],) * 3, (EMPTY[0],) * 4,
]  # fmt: skip


def always(value: Any) -> Any:
    return lambda *args, **kwargs: value


def raising(error: Any) -> Any:
    def function(*args: Any, **kwargs: Any) -> None:
        raise error

    return function


def of_first(function: Any) -> Any:
    """Return a function of the first argument as an array."""
    return lambda *args, **kwargs: function(np.asarray(args[0]))


FUNCTIONS = {
    **{f"always {value!r}": always(value) for value in VALUES},
    "raise ValueError": raising(ValueError("x")),
    "raise KeyError": raising(KeyError("x")),
    "the first argument": lambda *args, **kwargs: args[0],
    "the last argument": lambda *args, **kwargs: args[-1],
    "all arguments": lambda *args, **kwargs: args,
    "zeros": of_first(np.zeros_like),
    "ones": of_first(np.ones_like),
    "nothing of it": of_first(lambda array: array[:0]),
    "not a number": of_first(lambda array: np.full(array.shape, np.nan)),
}


@pytest.mark.parametrize("name", sorted(EXERCISES.keys() - TRAINS))
def test_constant_or_trivial_answer_passes_no_hidden_test(name: Any) -> None:
    exercise = EXERCISES[name]
    is_function = {
        found: isinstance(statement, ast.FunctionDef)
        for statement in ast.parse(exercise.solution).body
        for found in defined_names(statement)
    }
    won = []
    for label, function in FUNCTIONS.items():
        names = grade._set_up(exercise, "1")
        names |= {found: function if called else label for found, called in is_function.items()}
        with warnings.catch_warnings(action="ignore"):
            won += [
                (label, test.id) for test in exercise.tests if test.hidden and grade._run_test(test, names, "1") is None
            ]
    assert won == []
