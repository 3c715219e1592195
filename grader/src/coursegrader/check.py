"""Check an exercise before students see it: what its tests let pass, and what they refuse.

Beside the exercises there can be two files, `RIGHT_FILE` and `WRONG_FILE`: a line ``## ID`` names an exercise, and each
block of Python below it is an answer to it. All answers are graded as those of students are.
"""

import ast
import difflib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coursegrader.answers import Answer
from coursegrader.exercises import CHECKS, Exercise
from coursegrader.forkserver import Forkserver
from coursegrader.grade import grade_draws
from coursegrader.mutants import make_mutants

RIGHT_FILE, WRONG_FILE = f"right{CHECKS}", f"wrong{CHECKS}"
WRONG_DRAWS = 3  # a wrong answer must lose points each time
SURVIVOR_DRAWS = 20  # before a mutant counts as one that no test notices
MOST_SURVIVORS = 0.2  # of the mutants
_SCORES, _LABELS = {"score", "evaluate"}, {"x", "X", "y", "y_true"}  # methods that compare with the right answer
_DRAWS = re.compile(r"default_rng\(\)|\brandom\.(?!default_rng\()")


def read_answers(file: Path) -> dict[str, list[str]]:
    """Return the answers in a file by the ids of their exercises; none if there is no such file."""
    if not file.is_file():
        return {}
    answers: dict[str, list[str]] = {}
    parts = re.split(r"(?m)^## (.+)\n", file.read_text(encoding="utf-8-sig"))[1:]
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        answers.setdefault(name.strip(), []).extend(re.findall(r"```python\n(.*?)```", text, re.S))
    return answers


def draws(code: str) -> bool:
    """Tell whether a test or a set-up cell draws random numbers, and so is another one each time."""
    return _DRAWS.search(code) is not None


@dataclass
class Checked:
    """What checking an exercise found.

    Attributes
    ----------
    id : str
        The exercise.
    draws, right, wrong, mutants : int
        How often tests drew, and how many answers of each kind were tried.
    survivors : list of str
        Mutants that get full marks: the lines in which they differ from the solution.
    faults : list of str
        What is not in order.
    doubts : list of str
        What a person should look at: tests that may hand the right answer to what they test.
    """

    id: str
    draws: int
    right: int
    wrong: int
    mutants: int = 0
    survivors: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def check_exercise(
    exercise: Exercise,
    forkserver: Forkserver,
    *,
    right: Sequence[str] = (),
    wrong: Sequence[str] = (),
    draws: int = 200,
) -> Checked:
    """Check that right answers pass all tests and wrong ones do not.

    Parameters
    ----------
    exercise, forkserver
        The exercise, and where to run answers.
    right, wrong
        Answers that must get full marks, besides the solution, and answers that must lose points.
    draws
        How often to grade right answers where tests draw.
    """
    return _Check(exercise, forkserver, draws=draws).run(right, wrong)


class _Check:
    def __init__(self, exercise: Exercise, forkserver: Forkserver, *, draws: int) -> None:
        self._exercise = exercise
        self._forkserver = forkserver
        self._draws = draws if _draws_anything(exercise) else 1
        self._seconds = float(exercise.seconds)  # for one answer
        self._failed: set[str] = set()  # tests that a wrong answer or a mutant has failed

    def run(self, right: Sequence[str], wrong: Sequence[str]) -> Checked:
        exercise = self._exercise
        checked = Checked(exercise.id, self._draws, len(right), len(wrong), doubts=list(_find_doubts(exercise)))
        start = time.monotonic()
        for label, code in [("the solution", exercise.solution), *_number("right answer", right)]:
            if failures := self._grade(code, self._draws):
                checked.faults += [f"{label} fails {test}: {reason}" for test, reason in failures.items()]
            if code is exercise.solution:
                taken = (time.monotonic() - start) / self._draws
                self._seconds = min(self._seconds, 2 + 5 * taken)  # a mutant may loop for ever
        if checked.faults:
            return checked  # nothing else would be worth knowing
        if not self._grade(exercise.stub, 1):
            checked.faults.append("the stub, which students start from, gets full marks")
        for label, code in _number("wrong answer", wrong):
            if any(not self._note(code, str(seed)) for seed in range(min(self._draws, WRONG_DRAWS))):
                checked.faults.append(f"{label} gets full marks")
        self._try_mutants(checked, right)
        hidden = [test.id for test in exercise.tests if test.hidden]
        checked.faults += [
            f"{test}, which is hidden, was failed by no mutant and no wrong answer"
            for test in hidden
            if test not in self._failed
        ]
        return checked

    def _try_mutants(self, checked: Checked, right: Sequence[str]) -> None:
        """Grade the mutants of the solution, but those that are among the right answers."""
        solution = self._exercise.solution
        known = {ast.unparse(ast.parse(code)) for code in right}
        for mutant in make_mutants(solution):
            if mutant in known:
                continue
            checked.mutants += 1
            if not self._note(mutant, "0") and not self._grade(mutant, min(self._draws, SURVIVOR_DRAWS)):
                checked.survivors.append(_difference(solution, mutant))
        if len(checked.survivors) > MOST_SURVIVORS * checked.mutants:
            checked.faults.append(
                f"{len(checked.survivors)} of {checked.mutants} mutants get full marks: test more, "
                f"or put those that are right into {RIGHT_FILE}"
            )

    def _note(self, code: str, seed: str) -> dict[str, str]:
        failures = dict(self._failures(code, [seed]))
        self._failed |= failures.keys()
        return failures

    def _grade(self, code: str, draws: int) -> dict[str, str]:
        """Return why tests fail, by their ids; the first reason, with how many of the draws it took to find it."""
        return dict(self._failures(code, [str(seed) for seed in range(draws)]))

    def _failures(self, code: str, seeds: Sequence[str]) -> Iterator[tuple[str, str]]:
        found: set[str] = set()
        answer = Answer.of(self._exercise, code)
        graded = grade_draws(self._exercise, answer, self._forkserver, seeds=seeds, seconds=self._seconds)
        for number, record in enumerate(graded, start=1):
            where = f" (draw {number} of {len(seeds)})" if len(seeds) > 1 else ""
            for test in record["tests"]:
                if test["message"] and test["id"] not in found:
                    found.add(test["id"])
                    yield test["id"], test["message"] + where
            if len(found) == len(record["tests"]):
                return


def _draws_anything(exercise: Exercise) -> bool:
    return any(draws(code) for code in [*exercise.setup, *(test.code for test in exercise.tests)])


def _find_doubts(exercise: Exercise) -> Iterator[str]:
    """Yield what is doubtful about tests: an object whose method gets inputs and right answers can claim any score."""
    for test in exercise.tests if exercise.objects else ():
        for node in ast.walk(ast.parse(test.code)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SCORES:
                given = [*node.args, *(keyword for keyword in node.keywords if keyword.arg in _LABELS)]
                if len(given) > 1:
                    yield (
                        f"{test.id} calls {ast.unparse(node)}: if that is the answer's own method, it sees the right "
                        "answer and can return any score; let it predict, and compare in the test"
                    )


def _number(label: str, answers: Sequence[str]) -> list[tuple[str, str]]:
    return [(f"{label} {number}", code) for number, code in enumerate(answers, start=1)]


def _difference(solution: str, mutant: str) -> str:
    """Return the lines of a mutant that the solution does not have."""
    before, after = (ast.unparse(ast.parse(code)).splitlines() for code in (solution, mutant))
    changed = [line[2:].strip() for line in difflib.ndiff(before, after) if line.startswith("+ ")]
    return "; ".join(changed) or "a line is missing"
