"""Ask about an answer: run it in student processes and make questions of what was observed in all of them.

Everything of an answer runs there. What comes back is JSON of numbers and short texts, and is checked.
"""

import ast
import json
import random
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from coursegrader.exercises import Exercise
from coursegrader.forkserver import Forkserver, GraderError
from coursegrader.line_changes import Change, deletions, replacements
from coursegrader.probing import MAX_ATOMS, MAX_SEEN, MAX_STEPS, MAX_TEXT
from coursegrader.questions import Material, Outcome, Question, Run, Value, make_questions
from coursegrader.sandbox import Limits

ITEMS = ("coursegrader.inputs", "coursegrader.probing")  # to preload: what runs in the student processes
SECONDS = 60.0  # of each process
MAX_CODE = 4000  # characters of an answer that is asked about
MAX_LINES = 60
_WORKING, _FAILING = 8, 4  # calls of each function
_DELETIONS, _REPLACEMENTS = 10, 24
_CHANGED_CALLS = 4  # of the first function, and of each other one

Inputs = Mapping[str, tuple[Sequence[str], Sequence[str]]]


class NoReportError(ValueError):
    """A student process did not report what it was asked for."""


def find_inputs(exercise: Exercise, forkserver: Forkserver, *, seed: int) -> Inputs:
    """Return for each function of an exercise small calls that work and that fail, made from those of its tests.

    Only the course's code runs for this, in a process of its own.
    """
    statements = ast.parse(exercise.solution).body
    functions = [node.name for node in statements if isinstance(node, ast.FunctionDef) and node.name in exercise.names]
    if not functions:
        return {}
    tests = [test.code for test in exercise.tests]
    found = json.loads(_run(exercise, forkserver, "inputs.find_calls", exercise.solution, tests, functions, seed))
    return {name: (working, failing) for name, (working, failing) in found.items()}


def ask_about(
    exercise: Exercise, code: str, inputs: Inputs, forkservers: Sequence[Forkserver], *, seed: str
) -> list[Question]:
    """Return a question of each kind that an answer allows, in random order.

    Parameters
    ----------
    exercise, code
        The exercise, and the cell with the answer.
    inputs
        What `find_inputs` found.
    forkservers
        Where to run it: once in each, with other random numbers. What differs is not asked about.
    seed
        What is drawn follows from this.
    """
    rng = random.Random(seed)
    if len(code) > MAX_CODE or code.count("\n") > MAX_LINES:
        return []
    try:
        changes = _draw(deletions(code), _DELETIONS, rng) + _draw(replacements(code), _REPLACEMENTS, rng)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # what only IPython can read
        return []
    first = [call for working, _ in inputs.values() for call in _draw(working, _CHANGED_CALLS, rng)]
    rest = [call for lists in inputs.values() for call in _draw_calls(lists, rng) if call not in first]
    texts = [*first, *rest]
    if not texts:
        return []
    programs = [change.code for change in changes]
    reports = []
    for number, forkserver in enumerate(forkservers):
        try:
            answer = _run(exercise, forkserver, "probing.explore", code, programs, texts, number, len(first))
            reports.append(read_report(answer, calls=len(texts), changes=len(changes), changed_calls=len(first)))
        except GraderError:
            raise
        except Exception:  # any error of the student's code, or a report that is none
            return []
    return make_questions(_agreed(code, texts, changes, reports), seed)


def _draw(items: Sequence[Any], count: int, rng: random.Random) -> list[Any]:
    return rng.sample(list(items), min(count, len(items)))


def _draw_calls(lists: tuple[Sequence[str], Sequence[str]], rng: random.Random) -> list[str]:
    return _draw(lists[0], _WORKING, rng) + _draw(lists[1], _FAILING, rng)


def _run(exercise: Exercise, forkserver: Forkserver, function: str, *args: Any) -> Any:
    """Run the set-up cells and a function of this package in a student process; return its reply."""
    module = function.partition(".")[0]
    with forkserver.student(limits=Limits(seconds=SECONDS), items=[*exercise.preload, *ITEMS], plain=True) as student:
        for cell in exercise.setup:
            student.run(cell)
        student.run(f"import coursegrader.{module}")
        student.run(f"def ask(*args): return coursegrader.{function}(globals(), *args)")
        with warnings.catch_warnings(action="ignore"):  # their texts are the student's
            return student.fetch("ask")(*args)


Report = tuple[list[Run], list[list[Outcome | None]]]


def _agreed(code: str, calls: list[str], changes: list[Change], reports: list[Report]) -> Material:
    """Return what all reports say."""
    runs = list(map(_same, zip(*(runs for runs, _ in reports), strict=True)))
    changed = [list(map(_same, zip(*rows, strict=True))) for rows in zip(*(rows for _, rows in reports), strict=True)]
    return Material(code, calls, runs, changes, changed)


def _same(found: Sequence[Any]) -> Any:
    """Return what was found each time, or None if it was not always the same."""
    return found[0] if all(one == found[0] for one in found) else None


def read_report(text: Any, *, calls: int, changes: int, changed_calls: int) -> Report:
    """Return the runs, and the outcomes of the changed programs, from what `probing.explore` reports.

    Raises
    ------
    NoReportError
        It is something else, or too large: an answer can interfere with it.
    """
    try:
        report = json.loads(text)
        runs = [_read_run(run) for run in report["runs"]]
        changed = [[outcome and _read_outcome(outcome) for outcome in outcomes] for outcomes in report["changed"]]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise NoReportError(f"report: expected what was observed, got something else ({error})"[:200]) from error
    if (len(runs), len(changed)) != (calls, changes) or {len(row) for row in changed} - {changed_calls}:
        raise NoReportError("report: expected what was observed in each call, got another number")
    return runs, changed


def _read_run(run: Any) -> Run:
    if len(run["seen"]) > MAX_SEEN or len(run["order"]) > MAX_STEPS or len(run["counts"]) > MAX_STEPS:
        raise ValueError("run: expected less")
    seen = tuple((_number(line), _text(name, identifier=True), _read_value(value)) for line, name, value in run["seen"])
    counts = {_number(line): _number(count) for line, count in run["counts"]}
    return Run(_read_outcome(run["outcome"]), counts, seen, tuple(map(_number, run["order"])))


def _read_outcome(outcome: Any) -> Outcome:
    line, error = outcome["line"], outcome["error"]
    return Outcome(
        _read_value(outcome["value"]),
        None if error is None else _text(error, identifier=True),
        None if line is None else _number(line),
    )


def _read_value(value: Any) -> Value | None:
    if value is None:
        return None
    atoms = tuple(value["atoms"])
    if len(atoms) > MAX_ATOMS or not all(map(_is_atom, atoms)):
        raise ValueError("value: expected a few numbers and words")
    array = value["array"]
    if array is not None:
        array = (tuple(map(_number, array[0])), _text(array[1], identifier=True))
    text = None if value["text"] is None else _text(value["text"])
    return Value(text, _text(value["form"]), atoms, str(value["exact"])[:500], array)


def _is_atom(value: Any) -> bool:
    """Tell whether a value is one that `probing.describe` reports as an atom: with others, no one could calculate."""
    if type(value) in (int, float):
        return bool(abs(value) < 1e9)  # neither infinite nor NaN
    return value is None or type(value) is bool or (type(value) is str and len(value) <= 2 * MAX_TEXT)


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 10**9:
        raise ValueError("number: expected a whole number that counts something")
    return value


def _text(value: Any, *, identifier: bool = False) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > 2 * MAX_TEXT:
        raise ValueError("text: expected a short one")
    if identifier and not value.isidentifier():
        raise ValueError("text: expected a name")
    return value
