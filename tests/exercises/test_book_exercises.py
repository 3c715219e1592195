"""The tests of the book's exercises: right answers pass however they are written, wrong ones lose points."""

import ast
import copy
import re
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coursegrader import grade, sandbox
from coursegrader.answers import Answer
from coursegrader.exercises import Exercise, read_exercises
from coursegrader.forkserver import Forkserver

ROOT = Path(__file__).parents[2]
EXERCISES = {exercise.id: exercise for exercise in read_exercises(ROOT / "book" / "exercises")}


@pytest.fixture(scope="session")
def forkserver() -> Iterator[Forkserver]:
    """Isolation itself is tested in grader/tests."""
    with Forkserver(unsafe=sandbox.obstacle() is not None) as forkserver:
        yield forkserver


TRAINS = {"cnn-small"}  # each answer costs the training of a network
INVENTS = {"model-argument"}  # any counterexample is right, so a changed one is, too


def alternatives() -> Iterator[Any]:
    """Return (exercise id, code) for each answer in alternatives.md."""
    parts = re.split(r"(?m)^## (.+)\n", (Path(__file__).parent / "alternatives.md").read_text(encoding="utf-8"))[1:]
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", text, re.S)):
            yield pytest.param(name, code, id=f"{name}-{number}")


def messages(exercise: Exercise, code: str, *, seconds: int = 60) -> list[str]:
    """Run an answer and the tests in this process, which is quick and shows nothing of isolation; return failures."""

    def stop(*_: Any) -> None:
        raise TimeoutError

    names = grade._set_up(exercise, "1")
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)  # again in each test that hangs
    try:
        with warnings.catch_warnings(action="ignore"):
            exec(compile(code, "answer", "exec"), names)
            found = [grade._run_test(test, names, "1") for test in exercise.tests]
    except Exception as error:  # an answer that does not even run
        found = [str(error)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return [message for message in found if message is not None]


@pytest.mark.parametrize("name", EXERCISES)
def test_solution_gets_full_marks(name: Any, forkserver: Forkserver) -> None:
    exercise = EXERCISES[name]
    graded = grade.grade_answer(exercise, Answer.of(exercise, exercise.solution), forkserver)
    assert [record["message"] for record in graded["tests"] if record["message"]] == []


@pytest.mark.parametrize("name", EXERCISES)
def test_stub_fails_its_tests(name: Any) -> None:
    exercise = EXERCISES[name]
    assert len(messages(exercise, exercise.stub + "\n")) >= 1
    assert "raise NotImplementedError" in exercise.stub


@pytest.mark.parametrize(("name", "code"), list(alternatives()))
def test_alternative_right_answer_gets_full_marks(name: Any, code: Any) -> None:
    for _ in range(3):  # inputs are random
        assert messages(EXERCISES[name], code) == []


def test_each_exercise_has_three_alternative_answers() -> None:
    counts = dict.fromkeys(EXERCISES.keys() - TRAINS, 0)
    for parameter in alternatives():
        counts[parameter.values[0]] += 1
    assert {name: count for name, count in counts.items() if count < 3} == {}


SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.In: ast.NotIn, ast.MatMult: ast.Mult,
}  # fmt: skip
CLOSE = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}  # off by one
FUNCTIONS = {
    "max": "min", "min": "max", "sum": "mean", "mean": "sum", "exp": "sqrt", "log": "log2", "argmax": "argmin",
    "maximum": "minimum", "argsort": "sort", "std": "var", "any": "all", "cos": "sin", "tanh": "sin",
}  # fmt: skip


SYMMETRIC = {"max", "min", "maximum", "minimum"}


def mutants(solution: str) -> Iterator[str]:
    """Yield the solution with one thing changed: an operator, a number, a function, an argument, a statement."""
    tree = ast.parse(solution)
    for place, node in enumerate(ast.walk(tree)):
        for change in changes(node):
            mutant = copy.deepcopy(tree)
            target = next(n for number, n in enumerate(ast.walk(mutant)) if number == place)
            change(target)
            code = ast.unparse(mutant)
            if code != ast.unparse(tree):
                yield code


def changes(node: ast.AST) -> Iterator[Any]:
    """Yield functions that each change one thing about a node."""

    def put(**fields: Any) -> Any:
        return lambda target: target.__dict__.update(fields)

    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
        yield put(op=SWAPS[type(node.op)]())
    if isinstance(node, ast.Compare):
        for table in (SWAPS, CLOSE):
            if type(node.ops[0]) in table:
                yield put(ops=[table[type(node.ops[0])]()])
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        yield put(value=node.value + 1)
        yield put(value=0 if node.value else 2)
    if isinstance(node, ast.Attribute) and node.attr in FUNCTIONS:
        yield put(attr=FUNCTIONS[node.attr])
    if isinstance(node, ast.Name) and node.id in FUNCTIONS and isinstance(node.ctx, ast.Load):
        yield put(id=FUNCTIONS[node.id])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield put(op=ast.UAdd())
    if (
        isinstance(node, ast.Call)
        and len(node.args) == 2
        and ast.unparse(node.func).rpartition(".")[2] not in SYMMETRIC
    ):
        yield put(args=node.args[::-1])
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        yield put(value=ast.Tuple(node.value.elts[::-1], ast.Load()))
    if isinstance(node, ast.If):
        yield put(test=ast.Constant(False))
    if isinstance(node, ast.AugAssign):
        yield put(op=ast.Mult())
    if hasattr(node, "body") and isinstance(node.body, list):
        for number, statement in enumerate(node.body):
            docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if isinstance(statement, ast.AugAssign | ast.Expr) and not docstring:
                yield lambda target, number=number: target.body.pop(number)
    if isinstance(node, ast.Slice) and node.upper is not None:
        yield put(upper=None)


def test_mutants_of_solutions_lose_points() -> None:
    survivors, count = [], 0
    for name in sorted(EXERCISES.keys() - TRAINS - INVENTS):
        for mutant in mutants(EXERCISES[name].solution):
            count += 1
            if not messages(EXERCISES[name], mutant, seconds=3):
                survivors.append((name, mutant))
    assert count > 300
    assert len(survivors) <= 0.05 * count, "\n\n".join(f"{name}\n{mutant}" for name, mutant in survivors)
