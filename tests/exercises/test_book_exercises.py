"""The tests of the book's exercises: right answers pass however they are written, wrong ones lose points."""

import secrets
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coursegrader import grade
from coursegrader.answers import Answer
from coursegrader.check import RIGHT_FILE, WRONG_FILE, draws, read_answers
from coursegrader.exercises import Exercise, read_exercises
from coursegrader.forkserver import Forkserver
from coursegrader.mutants import make_mutants

ROOT = Path(__file__).parents[2]
EXERCISES = {exercise.id: exercise for exercise in read_exercises(ROOT / "book" / "exercises")}
TRAINS = {"cnn-small"}  # each answer costs the training of a network
INVENTS = {"model-argument"}  # any counterexample is right, so a changed one is, too


def read_file(name: str) -> list[Any]:
    """Return (exercise id, code) for each answer in a file beside this one."""
    return [
        pytest.param(exercise, code, id=f"{exercise}-{number}")
        for exercise, codes in read_answers(Path(__file__).with_name(name)).items()
        for number, code in enumerate(codes)
    ]


def in_type(kind: str) -> Callable[[Any], Any]:
    """Return a function that turns arrays and numbers of floating point into this type, also in lists and tuples."""

    def convert(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(map(convert, value))
        if not isinstance(value, np.ndarray | np.floating) or value.dtype.kind != "f":
            return value
        converted = value.astype(kind)
        if isinstance(converted, np.ndarray):
            converted.setflags(write=value.flags["W"])
        return converted

    return convert


def computing_in(kind: str, function: Any) -> Any:
    """Return a function as a student may have written it who begins by turning arrays into this type."""
    convert = in_type(kind)
    back = convert if kind == "float32" else lambda result: result
    return lambda *args, **kwargs: back(function(*map(convert, args), **kwargs))


def find_failure(
    exercise: Exercise, code: str, *, seconds: int = 60, seeds: Sequence[str] = ("",), kind: str = ""
) -> str:
    """Run an answer and the tests in this process, which is quick and shows nothing of isolation; return a failure.

    Tests that draw run once for each seed. With a `kind`, functions compute in this type.
    """
    names = grade._set_up(exercise, "")
    try:
        with grade._bounded(time.monotonic() + seconds), warnings.catch_warnings(action="ignore"):
            exec(compile(code, "answer", "exec"), names)
            for name in exercise.names if kind else ():
                names[name] = computing_in(kind, names[name]) if callable(names[name]) else names[name]
            runs = ((test, seed) for seed in seeds for test in exercise.tests if seed == seeds[0] or draws(test.code))
            for test, seed in runs:
                message = grade._run_test(test, names, seed)
                if message is not None:
                    return message
    except (grade._OutOfTime, Exception) as error:  # an answer that does not even run
        return repr(error)
    return ""


@pytest.mark.parametrize("name", EXERCISES)
def test_solution_gets_full_marks(name: Any, forkserver: Forkserver) -> None:
    exercise = EXERCISES[name]
    graded = grade.grade_answer(exercise, Answer.of(exercise, exercise.solution), forkserver)
    assert [record["message"] for record in graded["tests"] if record["message"]] == []


@pytest.mark.parametrize("name", EXERCISES)
def test_stub_fails_its_tests(name: Any) -> None:
    exercise = EXERCISES[name]
    assert find_failure(exercise, exercise.stub + "\n")
    assert "raise NotImplementedError" in exercise.stub


RIGHT = read_file(RIGHT_FILE)
WRONG = read_file(WRONG_FILE)


def styles() -> Iterator[Any]:
    """Return (exercise id, code, type to compute in) for each right answer; no type leaves its own."""
    solutions = [pytest.param(name, EXERCISES[name].solution, id=f"{name}-solution") for name in EXERCISES]
    for answer in solutions + RIGHT:
        name, code = answer.values
        if name in TRAINS:
            continue
        kinds = [""]
        if any(draws(test.code) for test in EXERCISES[name].tests):
            kinds.append("float32")
        if any("float32" in test.code for test in EXERCISES[name].tests):  # otherwise that is what tests draw
            kinds.append("float64")
        yield from (pytest.param(name, code, kind, id=f"{answer.id}{kind and '-'}{kind}") for kind in kinds)


STYLES = list(styles())


@pytest.mark.parametrize(("name", "code", "kind"), STYLES)
def test_right_answer_gets_full_marks(name: Any, code: Any, kind: Any) -> None:
    assert find_failure(EXERCISES[name], code, kind=kind, seeds="12345") == ""


@pytest.mark.weekly
@pytest.mark.parametrize(("name", "code", "kind"), STYLES)
def test_right_answer_gets_full_marks_whatever_is_drawn(name: Any, code: Any, kind: Any) -> None:
    """What fails is shown with its seed."""
    seeds = [secrets.token_hex(8) for _ in range(200)]
    if find_failure(EXERCISES[name], code, kind=kind, seeds=seeds, seconds=600):
        found = {seed: find_failure(EXERCISES[name], code, kind=kind, seeds=[seed]) for seed in seeds}
        assert {seed: failure for seed, failure in found.items() if failure} == {}


def test_each_exercise_has_three_alternative_answers() -> None:
    counts = dict.fromkeys(EXERCISES.keys() - TRAINS, 0)
    for parameter in RIGHT:
        counts[parameter.values[0]] += 1
    assert {name: count for name, count in counts.items() if count < 3} == {}


@pytest.mark.parametrize(("name", "code"), WRONG)
def test_wrong_answer_loses_points_whatever_is_drawn(name: Any, code: Any) -> None:
    for seed in "123":
        assert find_failure(EXERCISES[name], code, seeds=[seed])


# What is wrong with these is no value: a warning, an array that was changed, a generator that was not used. They are
# graded in a process of their own each time, and all others weekly.
SEEN_ACROSS = {
    "augmentation-split", "augmentation-vote", "backprop-nudge", "beyond-push", "relu-slopes", "train-step", "your-gap",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param(*answer.values, id=answer.id, marks=[pytest.mark.weekly] * (answer.values[0] not in SEEN_ACROSS))
        for answer in WRONG
    ],
)
def test_wrong_answer_loses_points_in_a_process_of_its_own(name: Any, code: Any, forkserver: Forkserver) -> None:
    exercise = EXERCISES[name]
    graded = grade.grade_answer(exercise, Answer.of(exercise, code), forkserver)
    assert sum(record["points"] for record in graded["tests"]) < exercise.points


def test_mutants_of_solutions_lose_points() -> None:
    survivors, count = [], 0
    for name in sorted(EXERCISES.keys() - TRAINS - INVENTS):
        for mutant in make_mutants(EXERCISES[name].solution):
            count += 1
            if not find_failure(EXERCISES[name], mutant, seconds=3):
                survivors.append((name, mutant))
    assert count > 300
    assert len(survivors) <= 0.05 * count, "\n\n".join(f"{name}\n{mutant}" for name, mutant in survivors)
